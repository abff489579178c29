import numpy as np
import pytest
from scipy.signal import lfilter

from sidecar.detection.arrays import Floats
from sidecar.detection.columns import Panel
from sidecar.detection.expectation import (
    LEAST_SCALE,
    Expectation,
    by_hour,
    expected,
    fit_expectation,
    fit_persistence,
    forecast,
    hourly_scale,
    lagged,
    level_before,
    regress,
)
from sidecar.detection.settings import DAY, HOUR, WEEK, Settings

SETTINGS = Settings(step=HOUR)
END = 1_700_006_400
T = np.arange(28 * 24)
RNG = np.random.default_rng(3)
DAILY = 10 + 3 * np.sin(2 * np.pi * T / 24)
WEEKLY = np.where(T // 24 % 7 < 5, DAILY, 4.0)
WANDERING = 10 + np.cumsum(RNG.normal(0, 1, len(T)))


def fitted(values: Floats) -> tuple[Expectation, Panel]:
    panel = Panel.of(values, END, SETTINGS)
    learnt = np.where(np.arange(len(T)) >= 7 * 24, values, np.nan)
    return fit_expectation(panel, T, learnt, values.std(axis=1), T)[0], panel


def left_over(values: Floats) -> Floats:
    """What the slow forecast leaves of the last days, as a share of the spread of the series."""
    expectation, panel = fitted(values)
    last = T[-5 * 24 :]
    errors = values[:, last] - expected(expectation, panel, panel.smooth(len(last)), last)
    share: Floats = errors.std(axis=1) / values.std(axis=1)
    return share


def test_a_season_is_forecast_where_there_is_one() -> None:
    noise = RNG.normal(0, 0.3, (2, len(T)))
    assert (left_over(np.stack([DAILY, WEEKLY]) + noise) < 0.25).all()


def test_a_week_of_two_kinds_of_days_is_told_from_one_of_equal_days() -> None:
    expectation, _ = fitted(np.stack([DAILY, WEEKLY]) + RNG.normal(0, 0.1, (2, len(T))))
    days, weeks, _, yesterday = expectation.weights.T
    assert days[0] + yesterday[0] > 0.3
    assert weeks[1] > 0.8 > days[1]


def test_without_a_season_the_forecast_keeps_to_the_middle() -> None:
    noise = RNG.normal(10, 1, (1, len(T)))
    assert left_over(noise) == pytest.approx(1, abs=0.2)


def test_the_last_minutes_are_carried_on_where_they_foretell_something() -> None:
    expectation, _ = fitted(np.stack([WANDERING, RNG.normal(10, 1, len(T))]))
    assert expectation.carry[0, 0] > 0.3
    assert abs(expectation.carry[1]).sum() < 0.5
    assert expectation.fast_scale[0].mean() < 0.5 * expectation.scale[0].mean()


def test_incidents_do_not_bend_a_forecast() -> None:
    target, predictor = RNG.normal(0, 1, (1, 500)), RNG.normal(0, 1, (1, 1, 500))
    target += 2 * predictor[:, 0]
    struck = target.copy()
    struck[:, ::25] -= 100 * predictor[:, 0, ::25]
    assert regress(predictor, target)[0, 0] == pytest.approx(2, abs=0.15)
    assert regress(predictor, struck)[0, 0] == pytest.approx(2, abs=0.5)


def test_nothing_is_forecast_from_next_to_nothing() -> None:
    target = np.full((1, 100), np.nan)
    target[:, :20] = 1.0
    assert regress(np.ones((1, 2, 100)), target).tolist() == [[0, 0]]


def test_noise_is_measured_by_the_hour() -> None:
    hours = T % 24
    errors = RNG.normal(0, 1, (1, len(T))) * np.where(hours < 12, 1.0, 5.0)
    scale = hourly_scale(errors, hours)
    assert 2.5 < scale[0, 18] / scale[0, 6] < 6
    assert by_hour(scale, np.array([3.0]))(np.array([18, 6])) == pytest.approx(3 * scale[:, [18, 6]])


def test_a_quiet_hour_is_quiet_also_in_a_short_history() -> None:
    hours = np.arange(14 * 24) % 24
    quiet = (hours >= 1) & (hours <= 5)
    errors = RNG.normal(0, 1, (1, len(hours))) * np.where(quiet, 0.02, 1.0)
    scale = hourly_scale(errors, hours)[0]
    assert scale[3] < 0.3 * scale[15]


def test_a_scale_is_never_nothing() -> None:
    scale = hourly_scale(np.zeros((2, 48)), np.arange(48) % 24)
    assert scale.tolist() == [[pytest.approx(LEAST_SCALE)] * 24] * 2
    assert (by_hour(scale, np.array([0.5, 0.0]))(np.arange(24)) > 0).all()


def test_a_value_keeps_what_it_kept_of_the_distance_from_the_half_hour_before_it() -> None:
    n, settings = 6_000, Settings(60, fit_window=8 * DAY)
    wandering = lfilter([1], [1, -0.8], RNG.normal(0, 1, (2, n)), axis=1)
    wandering[1] = RNG.normal(0, 1, n)
    panel, at = Panel.of(wandering, END, settings), np.arange(200, n)
    keeps = fit_persistence(panel, at, wandering[:, at])
    assert keeps == pytest.approx([0.75, 0], abs=0.1)
    assert np.isnan(fit_persistence(Panel.of(wandering, END, SETTINGS), at, wandering[:, at])).all()


def test_the_level_is_the_middle_of_the_day_before() -> None:
    changed, struck = np.repeat([1.0, 5.0], 24), np.where(np.arange(48) // 6 == 5, 90.0, 1.0)
    panel = Panel.of(np.stack([changed, struck, np.full(48, np.nan)]), END, SETTINGS)
    level = level_before(panel, panel.read, np.array([24, 34, 39, 47]))
    assert level[0].tolist() == [1, 1, 5, 5]
    assert level[1].tolist() == [1, 1, 1, 1]  # six hours of it
    assert np.isnan(level[2]).all()


def test_a_forecast_is_never_beyond_all_that_it_goes_by() -> None:
    weights = np.array([[30.0, -2.0]])
    predictors = np.array([[[0.01, 1.0, -1.0], [0.0, 0.5, -3.0]]])
    assert forecast(weights, predictors)[0].tolist() == [0.01, 1.0, -3.0]


def test_what_is_missing_carries_nothing_on() -> None:
    read = Panel.of(np.full((1, 20), np.nan), END, SETTINGS).read
    assert lagged(read, np.array([0, 19]), SETTINGS).tolist() == [[[0, 0]] * 3]


def test_a_window_of_a_week_compares_with_the_week_before() -> None:
    assert [Settings(300, fit_window=days * DAY).weeks_back for days in (2, 7, 28, 90)] == [0, 1, 3, 3]
    assert WEEK == 7 * DAY
