import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.detection.arrays import Floats
from sidecar.detection.columns import (
    Panel,
    Track,
    Window,
    days_ago,
    greatest,
    least,
    looked_at,
    mean,
    median,
    nearest,
)
from sidecar.detection.settings import DAY, HOUR, Settings

END = 1_711_846_800
"""Clocks in Berlin go forward."""
NAN = float("nan")
ROWS = np.array([[1.0, 2.0, NAN, 4.0, 8.0], [NAN, NAN, NAN, NAN, 3.0]])


def panel(values: Floats, **settings: object) -> Panel:
    return Panel.of(values, END, Settings(**({"step": 300, "fit_window": 7 * DAY} | settings)))  # type: ignore[arg-type]


def test_before_the_first_column_everything_is_missing() -> None:
    np.testing.assert_array_equal(panel(ROWS).read(np.array([-1, 0, 4])), [[NAN, 1, 8], [NAN, NAN, 3]])


def test_means_are_of_what_is_present() -> None:
    read, at = panel(ROWS).read, np.array([2, 4])
    np.testing.assert_array_equal(mean(read, at, np.arange(3)), [[1.5, 6], [NAN, 3]])


def test_extremes_are_of_what_is_present() -> None:
    read, at, lags = panel(ROWS).read, np.array([2, 4]), np.arange(3)
    np.testing.assert_array_equal(least(read, at, lags), [[1, 4], [NAN, 3]])
    np.testing.assert_array_equal(greatest(read, at, lags), [[2, 8], [NAN, 3]])


def test_a_statistic_of_buckets_is_the_same_for_few_columns_and_for_many() -> None:
    values = np.random.default_rng(2).normal(0, 1, (2, 60))
    whole, few = panel(values, step=60), np.array([3, 40, 59])
    assert whole.settings.bucket == 5
    for statistic in (mean, least, greatest):
        every = whole.of_buckets(statistic, 60)(few)
        np.testing.assert_array_equal(whole.of_buckets(statistic, 3)(few), every)
    assert every[:, 2].tolist() == values[:, 55:].max(axis=1).tolist()


def test_a_window_with_one_more_value_is_that_of_all_of_them() -> None:
    window = Window.of(panel(ROWS).read, np.array([4]), np.array([1, 3, 4]))
    assert window.count.tolist() == [[3], [0]]
    assert window.mean_with(np.array([[8.0], [3.0]]))[:, 0] == pytest.approx([np.mean([1, 2, 4, 8]), 3])
    deviation = window.deviation_with(np.array([[8.0], [3.0]]))[:, 0]
    assert deviation[0] == pytest.approx(np.std([1, 2, 4, 8]))
    assert np.isnan(deviation[1])
    assert window.deviation[0, 0] == pytest.approx(np.std([1, 2, 4]))


def test_a_deviation_is_not_taken_of_the_few_samples_after_a_gap() -> None:
    values = np.array([[NAN, NAN, NAN, 1.0, 1.0, 7.0, 9.0]])
    few, half = (Window.of(panel(values).read, np.array([at]), np.arange(1, 7)) for at in (5, 6))
    assert np.isnan(few.deviation[0, 0])
    assert np.isnan(few.deviation_with(np.array([[7.0]]))[0, 0])
    assert half.deviation[0, 0] == pytest.approx(np.std([1, 1, 7]))
    assert half.deviation_with(np.array([[9.0]]))[0, 0] == pytest.approx(np.std([1, 1, 7, 9]))


def test_a_window_of_no_column_is_empty() -> None:
    window = Window.of(panel(ROWS).read, np.array([4]), np.arange(1, 1))
    np.testing.assert_array_equal(window.mean_with(np.array([[5.0], [6.0]])), [[5], [6]])


def test_a_track_holds_what_was_asked_for() -> None:
    track = Track.of(lambda columns: 10 * columns[None].astype(np.float64), [np.array([3, -2]), np.array([[1]])], 5)
    np.testing.assert_array_equal(track.read(np.array([[1, 3], [-1, 0]])), [[[10, 30], [NAN, 0]]])


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=4, max_size=4), min_size=1, max_size=5))
def test_medians_are_of_what_is_present(rows: list[list[int | None]]) -> None:
    values = np.array([[NAN if cell is None else cell for cell in row] for row in rows])
    expected = [np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else NAN for row in values]
    np.testing.assert_array_equal(median(values[:, :, None])[:, 0], expected)


def test_the_median_and_the_nearest_of_nothing_are_missing() -> None:
    assert np.isnan(median(np.empty((2, 0, 3)))).all()
    assert np.isnan(nearest(np.zeros((2, 3)), np.empty((2, 0, 3)))).all()


def test_the_nearest_counts_to_either_side() -> None:
    assert nearest(np.array([[5.0]]), np.array([[[1.0], [7.5], [NAN]]]))[0, 0] == 2.5


def test_steps_below_five_minutes_are_averaged_alike_for_few_columns_and_for_many() -> None:
    values = np.random.default_rng(1).normal(0, 1, (3, 60))
    fine = panel(values, step=60, fit_window=DAY)
    few, many = fine.smooth(1)(np.arange(60)), fine.smooth(60)(np.arange(60))
    np.testing.assert_array_equal(few, many)
    assert few[0, 20] == pytest.approx(values[0, 16:21].mean())


def test_days_are_those_of_the_clock_on_the_wall() -> None:
    settings = Settings(step=HOUR, timezone="Europe/Berlin")
    evening = np.array([END - 6 * HOUR, END + 12 * HOUR])
    assert days_ago(evening, np.array([1, 7]), settings).tolist() == [[24, 23], [168, 167]]


@pytest.mark.parametrize(("hours", "expected"), [(3, 8), (4, 6), (6, 4), (12, 2)])
def test_a_clock_that_changes_by_less_than_a_step_leaves_a_day_its_steps(hours: int, expected: int) -> None:
    settings = Settings(step=hours * HOUR, timezone="Europe/Berlin")
    assert days_ago(np.array([END + 12 * HOUR]), np.array([1]), settings).tolist() == [[expected]]


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    berlin = panel(np.zeros((1, 3)), step=HOUR, fit_window=28 * DAY, timezone="Europe/Berlin")
    assert berlin.hours(np.arange(3)).tolist() == [0, 1, 3]
    utc = panel(np.zeros((1, 3)), step=HOUR, fit_window=28 * DAY)
    assert utc.hours(np.arange(3)).tolist() == [23, 0, 1]


def test_what_lies_behind_few_columns_is_a_small_part_of_a_long_past() -> None:
    settings = Settings(step=300)
    asked = looked_at(30 * DAY // 300, settings, 1)
    assert asked[-1]
    assert asked.mean() < 0.2
    assert Panel.behind(np.zeros((1, 9_000)), END, settings, 1).width == 9_000
