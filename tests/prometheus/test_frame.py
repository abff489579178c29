"""Times of a frame, and putting frames side by side."""

import numpy as np

from sidecar.prometheus.frame import Frame, join

A, B, C = (("x", "a"),), (("x", "b"),), (("x", "c"),)


def test_times() -> None:
    frame = Frame((A,), 120, 60, np.zeros((1, 3)))
    assert frame.end == 240
    assert frame.times.tolist() == [120, 180, 240]


def test_end_without_columns_is_before_the_start() -> None:
    assert Frame((), 120, 60, np.zeros((0, 0))).end == 60


def test_one_frame_is_itself() -> None:
    frame = Frame((A,), 120, 60, np.zeros((1, 3)))
    assert join([frame]) is frame


def test_series_missing_in_one_frame_are_nan_there() -> None:
    joined = join([Frame((A, C), 0, 60, np.array([[1.0], [2.0]])), Frame((B, C), 60, 60, np.array([[3.0], [4.0]]))])
    assert (joined.labels, joined.start, joined.step) == ((A, B, C), 0, 60)
    np.testing.assert_array_equal(joined.values, [[1.0, np.nan], [np.nan, 3.0], [2.0, 4.0]])
