"""From timestamps to steps: where on an even grid each value of a list belongs."""

from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.web.errors import Refused

SLACK = 0.25
"""Share of a step by which a timestamp may be early or late."""

FRACTION = 0.01
"""Share of a step by which the median distance of timestamps may differ from whole seconds, as clocks do."""

MOST_STEPS = 20_000
"""Steps from the first to the last value, gaps included."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Places of values on a grid.

    Attributes:
        end: time of the last step, unix seconds.
        step: seconds between steps.
        places: the step of each value, ascending, the last one is the last of the grid.
    """

    end: int
    step: int
    places: Ints

    def fill(self, values: Floats) -> Floats:
        """The values on the grid, NaN in the gaps."""
        columns = np.full(int(self.places[-1]) + 1, np.nan)
        columns[self.places] = values
        return columns


def even(count: int, end: int, step: int) -> Grid:
    """The grid of values that stand for every step."""
    return Grid(end, step, np.arange(count))


def spaced(timestamps: Floats, step: int | None) -> Grid:
    """The grid of values at `timestamps` (n,), their median distance its step unless another is given.

    Raises:
        Refused: they are not ascending, or not on one grid.
    """
    apart = np.diff(timestamps)
    _refuse_first(apart <= 0, "is not later than the one before")
    step = step or (_whole(float(np.median(apart))) if len(apart) else 60)
    steps = apart / step
    whole = np.rint(steps)
    _refuse_first(
        (np.abs(steps - whole) > SLACK) | (whole < 1),
        f"is not a whole number of steps of {step} s after the one before",
    )
    places = np.concatenate([[0], np.cumsum(whole)])
    _refuse_first(places[1:] >= MOST_STEPS, f"is more than {MOST_STEPS} steps of {step} s after the first")
    return Grid(round(float(timestamps[-1])), step, places.astype(np.intp))


def _whole(distance: float) -> int:
    step = round(distance)
    if step < 1:
        raise Refused(422, "timestamps: the values are less than a second apart, that is too fine", "timestamps")
    if abs(distance - step) > FRACTION * step:
        raise Refused(
            422, f"timestamps: their median distance, {distance:g} s, is not a whole number of seconds", "timestamps"
        )
    return step


def aligned(grid: Grid) -> Grid:
    """The same grid with its times at multiples of the step, as those of queries are.

    Raises:
        Refused: they lie between them.
    """
    end = round(grid.end / grid.step) * grid.step
    if abs(grid.end - end) > SLACK * grid.step:
        index = len(grid.places) - 1
        raise Refused(
            422, f"timestamps[{index}]: is not a multiple of the query's step, {grid.step} s", "timestamps", index
        )
    return replace(grid, end=end)


def _refuse_first(wrong: Bools, why: str) -> None:
    if wrong.any():
        index = int(wrong.argmax()) + 1
        raise Refused(422, f"timestamps[{index}]: {why}", "timestamps", index)
