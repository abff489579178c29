from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection import conformance as suite
from benchmarks.detection.baselines import Baseline, answer_directory, z_score
from benchmarks.detection.detectors import DETECTORS, Detector
from benchmarks.detection.series import HOUR, Floats, Seconds, names
from benchmarks.detection.synthetic import PLANS, make
from sidecar.backtest.command import Work, backtest_files

HOURLY = next(plan for plan in PLANS if plan.step == HOUR)
SAMPLES = [suite.first_rows(make(HOURLY, index, 5), 200) for index in (0, 8)]
GENERATOR = np.random.default_rng(0)


def noisy(_seconds: Seconds, values: Floats) -> Floats:
    return values + GENERATOR.uniform(0, 1, len(values))


def absolute(_seconds: Seconds, values: Floats) -> Floats:
    return values


def foresighted(_seconds: Seconds, values: Floats) -> Floats:
    return np.asarray(values / np.nanmean(values), dtype=np.float64)


def blind_to_holes(seconds: Seconds, values: Floats) -> Floats:
    return np.nan_to_num(z_score(seconds, values))


def poisoned_by_holes(_seconds: Seconds, values: Floats) -> Floats:
    return np.cumsum(values) / values


def company_minded(corpus: Path, results: Path) -> None:
    answer_directory(lambda _, values: values * len(names(corpus)), corpus, results)


def product(corpus: Path, results: Path) -> None:
    """As the command, but in this process: it is asked eleven times."""
    backtest_files(corpus, results, None, None, Work("in-process", band=False))


def of(baseline: Baseline) -> Detector:
    return partial(answer_directory, baseline)


@pytest.mark.parametrize(
    ("check", "detector"),
    [
        ("deterministic", of(noisy)),
        ("scale_free", of(absolute)),
        ("order_free", company_minded),
        ("causal", of(foresighted)),
        ("nan_safe", of(blind_to_holes)),
        ("nan_safe", of(poisoned_by_holes)),
    ],
)
def test_each_check_finds_its_offender(check: str, detector: Detector) -> None:
    assert not suite.CHECKS[check](detector, SAMPLES)


def test_a_conforming_detector_passes_all() -> None:
    assert all(suite.conformance(of(z_score), SAMPLES).values())


@pytest.mark.parametrize("check", suite.CHECKS)
def test_the_product_conforms(check: str) -> None:
    assert suite.CHECKS[check](product, SAMPLES)


def test_the_product_has_something_to_say_of_the_samples() -> None:
    [answers] = suite.ask(product, SAMPLES[:1])
    assert np.isfinite(answers.score).mean() > 0.8
    assert answers.detection.any()


def test_samples_are_the_same_and_of_one_length() -> None:
    assert [one.name for one in suite.samples()] == ["5m-web-00.csv", "5m-bursty-07-clean.csv", "5m-throttled-08.csv"]
    assert {len(one.values) for one in suite.samples()} == {suite.ROWS}


@pytest.mark.parametrize(("baseline", "code"), [(z_score, 0), (absolute, 1)])
def test_the_command_fails_with_the_product(
    baseline: Callable[[Seconds, Floats], Floats],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(DETECTORS, "sidecar", of(baseline))
    monkeypatch.setattr(suite, "samples", lambda: SAMPLES)
    monkeypatch.setattr("sys.argv", ["conformance", "sidecar"])
    with pytest.raises(SystemExit) as left:
        suite.main()
    assert left.value.code == code
    assert ("scale_free NO" in capsys.readouterr().out) is bool(code)
