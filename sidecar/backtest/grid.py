"""From rows at any time to the steps of a grid, causally: no row changes what an earlier one was taken for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

USUAL_STEP = 300
"""Seconds; for files in which no row is later than another."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each row of a file stands.

    Attributes:
        step: seconds between two steps.
        times: (rows,) the step of each row, unix seconds, a multiple of `step`.
        leading: (rows,) whether the row is the first at its step and later than all before it. Its value is the
            sample of the step; that of another row comes too late to be one.
    """

    step: int
    times: NDArray[np.int64]
    leading: NDArray[np.bool_]


def median_step(times: NDArray[np.float64]) -> int:
    """The median distance of a row from the one before, in whole seconds; of those that go forward."""
    forward = np.diff(times)
    forward = forward[forward > 0]
    return max(1, round(float(np.median(forward)))) if len(forward) else USUAL_STEP


def grid_of(times: NDArray[np.float64], step: int) -> Grid:
    """The nearest step of each row, counted from the first row, so that rows may be half a step early or late."""
    if not len(times):
        return Grid(step, np.empty(0, np.int64), np.empty(0, np.bool_))
    nearest = np.floor((times - times[0]) / step + 0.5).astype(np.int64)
    steps = int(times[0] // step) + nearest
    newest = np.maximum.accumulate(steps)
    leading = np.concatenate([[True], steps[1:] > newest[:-1]])
    return Grid(step, steps * step, leading)
