from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.anomalies import KINDS, SPANS, Kind, peak_of_day
from benchmarks.detection.events import runs
from benchmarks.detection.normal import PROFILES, red_noise
from benchmarks.detection.series import DAY, DEPLOY, HOUR, Series, read_series, write_series
from benchmarks.detection.synthetic import PLANS, Plan, corpus, kept_rows, main, make

HOURLY = next(plan for plan in PLANS if plan.step == HOUR)
FIVE_MINUTES = next(plan for plan in PLANS if plan.name == "5m")
MANY = [make(HOURLY, index, seed=3) for index in range(HOURLY.full)]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_seed_gives_the_same_series(plan: Plan) -> None:
    one, other, unlike = make(plan, 4, 1), make(plan, 4, 1), make(plan, 4, 2)
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.kind, other.kind)
    assert not np.array_equal(one.values[:1000], unlike.values[:1000])


def test_the_small_corpus_is_part_of_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.detection.synthetic.PLANS", (replace(HOURLY, full=3, small=2),))
    assert [series.name for series in corpus(1)] == [
        "1h-web-00.csv",
        "1h-office-01.csv",
        "1h-steady-02.csv",
    ]
    assert [series.name for series in corpus(1, small=True)] == ["1h-web-00.csv", "1h-office-01.csv"]


def test_values_are_finite_and_not_negative() -> None:
    assert all(np.isfinite(series.values).all() and (series.values >= 0).all() for series in MANY)


def test_every_profile_and_every_kind_occurs() -> None:
    kinds = {str(kind) for series in MANY for kind in np.unique(series.kind)}
    assert kinds == {"", DEPLOY, *(kind.name for kind in KINDS)}
    assert {series.name.split("-")[1] for series in MANY} == set(PROFILES)


def test_anomalies_come_after_the_first_third_and_apart() -> None:
    for series in MANY:
        events = runs(series.label)
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(events)]
        assert not series.label[: len(series.label) // 3 - 30].any()
        assert all(gap > 100 for gap in gaps)


def test_a_quarter_of_the_series_is_clean_and_says_so() -> None:
    clean = [series for series in MANY if "clean" in series.name]
    assert len(clean) == len(MANY) // 4
    assert not any(series.label.any() for series in clean)


def test_the_labelled_rows_are_those_that_changed() -> None:
    series = next(series for series in MANY if "drop_to_zero" in series.kind)
    assert (series.values[series.kind == "drop_to_zero"] == 0).all()


def test_a_flatline_does_not_move() -> None:
    series = next(series for series in MANY if "flatline" in series.kind)
    begin, end = runs(series.kind == "flatline")[0]
    assert np.ptp(series.values[begin - 1 : end]) == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.length], ids=lambda kind: kind.name)
@pytest.mark.parametrize("step", SPANS)
def test_an_anomaly_lasts_as_documented(kind: Kind, step: int) -> None:
    rows = kind.rows(step, np.random.default_rng(0))
    shortest, longest = ((kind.length or 0) * hours * HOUR / step for hours in SPANS[step])
    assert max(4, shortest - 1) <= rows <= max(4, longest + 1)


def test_the_peak_of_a_day_is_where_the_mean_is_high() -> None:
    mean = np.tile(np.maximum(0.0, np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))), 3)
    found = peak_of_day(mean, 24, 30)
    assert found.start >= 24
    assert found.stop <= 48
    assert (mean[found] > 0.4).all()
    assert mean[found.start - 1] <= 0.4
    assert mean[found.stop] <= 0.4


def test_noise_has_unit_variance_and_the_memory_it_is_given() -> None:
    noise = red_noise(200_000, 60, 300.0, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert np.corrcoef(noise[:-5], noise[5:])[0, 1] == pytest.approx(np.exp(-1), abs=0.03)


def test_an_incomplete_series_lacks_a_few_rows() -> None:
    keep = kept_rows(10_000, complete=False, rng=np.random.default_rng(0))
    assert 0 < (~keep).sum() < 100
    assert kept_rows(10, complete=True, rng=np.random.default_rng(0)).all()


def test_a_series_survives_its_file(tmp_path: Path) -> None:
    series = make(FIVE_MINUTES, 0, 1)
    write_series(series, tmp_path)
    back = read_series(tmp_path, series.name)
    assert np.array_equal(back.seconds, series.seconds)
    assert np.allclose(back.values, series.values, rtol=1e-7)
    assert np.array_equal(back.kind, series.kind)
    assert back.step == 300


def test_weekends_of_an_office_are_quiet() -> None:
    series = make(FIVE_MINUTES, 1, 1)
    weekday = (series.seconds // DAY + 3) % 7
    ordinary = ~series.label
    assert np.median(series.values[ordinary & (weekday > 4)]) < np.median(series.values[ordinary & (weekday < 5)])


def test_the_command_writes_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.detection.synthetic.PLANS", (replace(HOURLY, full=3, small=2),))
    main([str(tmp_path / "corpus"), "--seed=1", "--small"])
    written = sorted((tmp_path / "corpus").iterdir())
    assert [path.name for path in written] == ["1h-office-01.csv", "1h-web-00.csv"]
    assert written[0].read_text().startswith("timestamp,value,label,kind\n2024-01-04 00:00:00,")


def test_labels_leave_deploys_out() -> None:
    series = Series("x", np.arange(3), np.zeros(3), np.array(["", DEPLOY, "spike"]))
    assert series.label.tolist() == [False, False, True]
