from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detection.baselines import (
    BASELINES,
    answer,
    answers,
    earlier,
    fit_days,
    seasonal_residual,
    timed,
    z_score,
)
from benchmarks.detection.conformance import CHECKS, conformance, first_rows
from benchmarks.detection.detectors import DETECTORS
from benchmarks.detection.series import DAY, HOUR, Series
from benchmarks.detection.synthetic import PLANS, make

HOURLY = next(plan for plan in PLANS if plan.step == HOUR)
SAMPLES = [first_rows(make(HOURLY, index, 5), 24 * 12) for index in (0, 8)]
# An hour's median goes on for an hour where the sample is missing, as the rule it stands for does.
KNOWN_FAILURES = {("PromQL robust bands", "nan_safe")}


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.detection.baselines.FOREST_TREES", 3)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_conform(name: str) -> None:
    passed = conformance(DETECTORS[name], SAMPLES)
    assert {check for check, ok in passed.items() if not ok} == {
        check for detector, check in KNOWN_FAILURES if detector == name
    }
    assert set(passed) == set(CHECKS)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_causal_row_by_row(name: str) -> None:
    whole = SAMPLES[0]
    changed = replace(whole, values=np.where(np.arange(len(whole.values)) < 200, whole.values, 1e6))
    one, other = answer(BASELINES[name], whole), answer(BASELINES[name], changed)
    assert np.array_equal(one.score[:200], other.score[:200], equal_nan=True)
    assert not np.array_equal(one.score[200:], other.score[200:], equal_nan=True)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_bear_irregular_rows(name: str) -> None:
    seconds = HOUR * np.arange(300)
    seconds[100], seconds[150] = seconds[99], seconds[140]
    seconds[200:] += 30 * DAY
    noise = np.random.default_rng(0).uniform(1, 2, 300)
    got = answer(BASELINES[name], Series("x.csv", seconds, noise, np.full(300, "")))
    assert len(got.score) == 300
    assert np.isfinite(got.score[-50:]).mean() > 0.4


@pytest.mark.parametrize("name", ["PromQL adaptive bands", "z-score over a day", "seasonal residual"])
def test_baselines_see_a_spike(name: str) -> None:
    seconds = 300 * np.arange(12 * 24 * 8)
    values = np.random.default_rng(0).uniform(1.0, 1.1, len(seconds))
    values[2000:2003] = 5.0
    got = answer(BASELINES[name], Series("x.csv", seconds, values, np.full(len(seconds), "")))
    assert got.flag[2000:2003].any()
    assert not got.flag[1000:2000].any()


def test_the_z_score_is_a_distance_over_three_deviations() -> None:
    values = np.concatenate([np.tile([0.0, 2.0], 50), [11.0]])
    window = values[-24:]
    expected = (11 - window.mean()) / (3 * window.std())
    assert z_score(HOUR * np.arange(101), values)[-1] == pytest.approx(expected)


def test_the_seasonal_residual_compares_the_same_time_of_day() -> None:
    hours = np.arange(24 * 10)
    values = 10 + 5 * np.sin(2 * np.pi * hours / 24) + 0.1 * (hours % 7)
    values[-1] += 5
    score = seasonal_residual(HOUR * hours, values)
    assert score[-1] > 2
    assert np.nanmax(score[24 * 6 : -1]) < 1


def test_earlier_takes_no_row_that_is_too_old() -> None:
    seconds = np.array([0, 60, 120, 600, 660])
    back = earlier(timed(seconds, np.arange(5.0)), 60)
    assert np.array_equal(back.to_numpy(), [np.nan, 0, 1, np.nan, 3], equal_nan=True)


def test_an_alarm_starts_where_the_score_climbs_past_the_threshold() -> None:
    got = answers(np.array([np.nan, 0.5, 2.0, 1.5, 3.0, 0.0]))
    assert got.flag.tolist() == [False, False, True, True, True, False]
    assert got.detection.tolist() == [0, 0.5, 2.0, 0, 3.0, 0]


def test_the_forest_is_fitted_anew_as_the_past_grows() -> None:
    assert fit_days(10) == [1, 2, 3, 4, 6, 9, 13]
