import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.nab import (
    OUTSIDE,
    PROFILES,
    Labelled,
    alarm_starts,
    labelled,
    read_windows,
    score,
    scores,
    sigmoid,
)
from benchmarks.detection.series import HOUR, Floats, Series, read_answers, write_series
from sidecar.backtest.command import Work, backtest_files

ROWS = 200
WINDOW = (100, 119)


def file(detections: dict[int, float], windows: tuple[tuple[int, int], ...] = (WINDOW,)) -> Labelled:
    detection: Floats = np.zeros(ROWS)
    for row, threshold in detections.items():
        detection[row] = threshold
    series = Series("x.csv", np.arange(ROWS), np.zeros(ROWS), np.full(ROWS, ""))
    return labelled(series, detection, np.zeros(len(detection), dtype=bool), windows)


def standard(*files: Labelled) -> tuple[float, float, float]:
    got = score(files, PROFILES["standard"])
    return got.best, got.threshold, got.given


def test_a_silent_detector_scores_nothing() -> None:
    assert standard(file({})) == (0.0, float("inf"), 0.0)


def test_a_detection_at_the_start_of_the_window_is_perfect() -> None:
    assert standard(file({100: 2.0})) == pytest.approx((100, 2.0, 100))


def test_a_window_is_rewarded_once_and_by_its_earliest_detection() -> None:
    assert standard(file({100: 2.0, 110: 2.0}))[2] == pytest.approx(100)
    assert standard(file({100: 1.0, 110: 2.0}))[2] == pytest.approx(100)


def test_an_alarm_that_is_on_is_counted_once_at_the_default_threshold() -> None:
    detection, flag = np.zeros(ROWS), np.zeros(ROWS, dtype=bool)
    detection[49:54], flag[50:53] = [0.5, 2, 0, 3, 0], True
    series = Series("x.csv", np.arange(ROWS), np.zeros(ROWS), np.full(ROWS, ""))
    assert np.flatnonzero(labelled(series, detection, flag, [WINDOW]).starts).tolist() == [50]
    given = standard(labelled(series, detection, flag, [WINDOW]))[2]
    assert given == standard(file({50: 2.0}))[2] > standard(file({50: 2.0, 52: 3.0}))[2]


def test_a_detection_below_the_default_threshold_starts_nothing_there() -> None:
    best, threshold, given = standard(file({100: 0.9}))
    assert (best, threshold, given) == pytest.approx((100, 0.9, 0))


def test_the_product_says_the_same_by_its_flags_as_by_its_detections(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(10, 1, 600)
    for row in (200, 300, 450, 520):
        values[row : row + 3] += [90, 180, 270]
    values[[100, 301, 451, *range(521, 525)]] = np.nan
    noisy = Series("x.csv", HOUR * np.arange(len(values)), values, np.full(len(values), ""))
    write_series(noisy, tmp_path / "corpus")
    backtest_files(tmp_path / "corpus", tmp_path / "results", None, None, Work("in-process", band=False))
    got = read_answers(tmp_path / "results", noisy)
    assert np.count_nonzero(got.detection >= 1) >= 2
    np.testing.assert_array_equal(alarm_starts(got.detection, got.flag), got.detection >= 1)


def test_a_later_detection_is_worth_less() -> None:
    got = standard(file({118: 2.0}))[2]
    worth = (2 / (1 + np.exp(-0.5)) - 1) / (2 / (1 + np.exp(-5)) - 1)  # a tenth of the window is left: sigmoid(-0.1)
    assert got == pytest.approx(100 * (worth + 1) / 2)


def test_a_false_detection_before_any_window_costs_in_full() -> None:
    assert standard(file({50: 2.0}))[2] == pytest.approx(100 * -0.11 / 2)
    got = score([file({50: 2.0})], PROFILES["low FP"]).given
    assert got == pytest.approx(100 * -0.22 / 2)


def test_a_false_detection_just_behind_a_window_costs_less_than_one_far_behind() -> None:
    just, far = standard(file({120: 2.0}))[2], standard(file({199: 2.0}))[2]
    assert far < just < 0
    assert far == pytest.approx(100 * -0.11 / 2)


def test_a_miss_costs_double_where_misses_count() -> None:
    two = ((60, 79), WINDOW)
    assert score([file({100: 2.0}, two)], PROFILES["standard"]).given == pytest.approx(100 * 2 / 4)
    assert score([file({100: 2.0}, two)], PROFILES["low FN"]).given == pytest.approx(100 * 3 / 6)


def test_nothing_counts_on_probation() -> None:
    assert standard(file({29: 2.0})) == (0.0, float("inf"), 0.0)
    assert standard(file({30: 2.0}))[2] < 0


def test_the_best_threshold_leaves_false_detections_out() -> None:
    best, threshold, given = standard(file({50: 1.0, 100: 3.0}))
    assert best == pytest.approx(100)
    assert threshold == 3.0
    assert given == pytest.approx(100 - 100 * 0.11 / 2)


def test_equal_thresholds_come_together() -> None:
    best, _, given = standard(file({50: 1.0, 100: 1.0}))
    assert best == given == pytest.approx(100 - 100 * 0.11 / 2)


def test_files_share_one_threshold() -> None:
    best, threshold, _ = standard(file({100: 1.0}), file({50: 5.0, 100: 5.0}))
    assert threshold == 1.0
    assert best == pytest.approx(100 - 100 * 0.11 / 4)


def test_a_repeated_time_means_its_first_row() -> None:
    seconds = np.array([0, 1, 2, 2, 3, 4])
    series = Series("x.csv", seconds, np.zeros(6), np.full(6, ""))
    assert labelled(series, np.zeros(6), np.zeros(6, dtype=bool), [(2, 3)]).window.tolist() == [
        OUTSIDE,
        OUTSIDE,
        0,
        0,
        0,
        OUTSIDE,
    ]


def test_the_sigmoid_is_flat_three_widths_behind() -> None:
    assert sigmoid(np.array([0.0, 3.5])).tolist() == [0.0, -1.0]


def test_every_profile_is_scored() -> None:
    assert set(scores([file({100: 2.0})])) == {"standard", "low FP", "low FN"}


def test_windows_are_read_as_unix_times(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    spans = {"a.csv": [["1970-01-01 00:00:10.000000", "1970-01-01 00:01:00.000000"]]}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(spans))
    assert read_windows(tmp_path) == {"a.csv": [(10, 60)]}
