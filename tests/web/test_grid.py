import numpy as np
import pytest

from sidecar.web.errors import Refused
from sidecar.web.grid import MOST_STEPS, aligned, even, spaced


def test_without_timestamps_every_step_has_a_value() -> None:
    np.testing.assert_array_equal(even(3, 180, 60).fill(np.array([1.0, 2.0, 3.0])), [1, 2, 3])


def test_gaps_are_steps_without_a_value() -> None:
    grid = spaced(np.array([1000.0, 1060, 1120, 1300]), None)

    assert (grid.step, grid.end) == (60, 1300)
    np.testing.assert_array_equal(grid.fill(np.array([1.0, 2.0, 3.0, 4.0])), [1, 2, 3, np.nan, np.nan, 4])


def test_timestamps_may_be_a_little_early_or_late() -> None:
    grid = spaced(np.array([0.0, 59.2, 120.9, 179.5, 240.1]), None)

    assert grid.step == 60
    assert grid.places.tolist() == [0, 1, 2, 3, 4]


def test_one_value_is_a_grid() -> None:
    assert spaced(np.array([5.0]), None).places.tolist() == [0]


@pytest.mark.parametrize(
    ("timestamps", "message"),
    [
        ([0, 60, 60], r"timestamps\[2\]: is not later than the one before"),
        ([0, 60, 50], r"timestamps\[2\]: is not later"),
        ([0, 60, 120, 150], r"timestamps\[3\]: is not a whole number of steps of 60 s"),
        ([0, 0.1, 0.2], r"timestamps: .* less than a second apart"),
        ([0, 1.5, 3.0], r"timestamps: their median distance, 1\.5 s, is not a whole number of seconds"),
        ([0, 1, 2, 3 + MOST_STEPS], rf"timestamps\[3\]: is more than {MOST_STEPS} steps"),
    ],
)
def test_what_is_no_grid_is_refused_with_the_place(timestamps: list[float], message: str) -> None:
    with pytest.raises(Refused, match=message):
        spaced(np.array(timestamps, dtype=float), None)


def test_a_grid_comes_to_lie_on_that_of_a_query() -> None:
    assert aligned(spaced(np.array([301.0, 602.0]), 300)).end == 600
    with pytest.raises(Refused, match=r"timestamps\[1\]: is not a multiple of the query's step, 300 s"):
        aligned(spaced(np.array([450.0, 750.0]), 300))
