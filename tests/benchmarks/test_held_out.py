from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection import held_out
from benchmarks.detection.bars import Asked, Choice, answers_of
from benchmarks.detection.held_out import PRODUCT, Bench, Found, worth
from benchmarks.detection.series import HOUR, names, read_answers, write_series
from benchmarks.detection.synthetic import PLANS, make
from benchmarks.detection.tape import record
from sidecar.backtest.answer import Answerer

PLAN = replace(next(plan for plan in PLANS if plan.step == HOUR), days=40)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hourly series."""
    directory = tmp_path_factory.mktemp("corpus")
    for index in range(3):
        write_series(make(PLAN, index, 1), directory)
    return directory


@pytest.fixture(scope="module")
def asked(corpus: Path) -> list[Asked]:
    """What the detector found on them."""
    tapes = [record(corpus, name) for name in names(corpus)]
    return [Asked.of(tape) for tape in tapes if tape is not None]


def test_with_its_own_bars_a_tape_says_what_the_product_says(corpus: Path, asked: list[Asked], tmp_path: Path) -> None:
    for one, said in zip(asked, answers_of(asked, PRODUCT), strict=True):
        name = one.series.name
        (tmp_path / name).write_text(Answerer(band=False).answer((corpus / name).read_bytes(), name).text)
        product = read_answers(tmp_path, one.series)
        np.testing.assert_allclose(said.score, product.score, atol=0.02)
        assert product.flag.any()
        assert np.mean(said.flag != product.flag) < 0.02


def test_higher_bars_raise_fewer_alarms(asked: list[Asked]) -> None:
    low, own, high = (
        sum(np.count_nonzero(said.detection >= 1) for said in answers_of(asked, replace(PRODUCT, factors=factors)))
        for factors in (0.7 * PRODUCT.factors, PRODUCT.factors, 1.5 * PRODUCT.factors)
    )
    assert low > own > high


def test_what_is_allowed_costs_nothing_and_more_of_it_does() -> None:
    assert worth("cloud", Found(0.7, 0.4)) == pytest.approx(1)
    assert worth("cloud", Found(0.7, 0.6)) == pytest.approx(0.5)
    assert worth("NAB", Found(75)) == pytest.approx(1)


def test_the_choice_is_the_best_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str, corpus: list[Asked], windows: object, choice: Choice) -> Found:
        del corpus, windows
        first, aim = choice.factors[0], {"NAB": 1.5, "cloud": 0.9, "synthetic": 0.9}[name]
        return Found(held_out.AIMS[name] * (2 - np.log(first / aim) ** 2))

    monkeypatch.setattr(held_out, "judged", found)
    bench = Bench({"NAB": [], "cloud": [], "synthetic": []}, {})
    without_nab, without_cloud = (bench.chosen(name, 1).factors[0] for name in ("NAB", "cloud"))
    assert without_nab == pytest.approx(0.9, abs=0.1)
    assert without_cloud > without_nab
