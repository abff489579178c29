import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.backtest.grid import USUAL_STEP, grid_of, median_step

Rows = st.lists(st.floats(0, 2e9), min_size=1, max_size=40).map(np.array)


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([0, 300, 600, 900], 300),
        ([0, 299, 601, 902], 301),
        ([0, 300, 300, 300, 600, 100, 900], 300),
        ([0, 0.1, 0.2], 1),
        ([7], USUAL_STEP),
        ([7, 7, 5], USUAL_STEP),
        ([], USUAL_STEP),
    ],
)
def test_the_step_is_the_median_of_the_distances_that_go_forward(times: list[float], step: int) -> None:
    assert median_step(np.array(times)) == step


def test_rows_a_little_early_or_late_have_a_step_each() -> None:
    grid = grid_of(np.array([10.0, 309, 612, 905, 1_215]), 300)
    assert grid.times.tolist() == [0, 300, 600, 900, 1_200]
    assert grid.leading.all()


def test_duplicate_and_backward_rows_have_a_step_but_do_not_lead() -> None:
    grid = grid_of(np.array([0.0, 60, 60, 180, 120, 0, 240]), 60)
    assert grid.times.tolist() == [0, 60, 60, 180, 120, 0, 240]
    assert grid.leading.tolist() == [True, True, False, True, False, False, True]


def test_no_rows_have_no_steps() -> None:
    assert len(grid_of(np.array([]), 300).times) == 0


@given(Rows, st.integers(1, 90_000), st.integers(0, 40))
def test_a_row_is_placed_by_those_before_it_alone(times: np.ndarray, step: int, kept: int) -> None:
    whole, part = grid_of(times, step), grid_of(times[:kept], step)
    assert part.times.tolist() == whole.times[:kept].tolist()
    assert part.leading.tolist() == whole.leading[:kept].tolist()


@given(Rows, st.integers(1, 90_000))
def test_every_step_is_on_the_grid_and_near_its_row(times: np.ndarray, step: int) -> None:
    grid = grid_of(times, step)
    assert (grid.times % step == 0).all()
    assert (np.abs(grid.times - times) <= 1.5 * step + 1e-6).all()
    assert (np.diff(grid.times[grid.leading]) > 0).all()
