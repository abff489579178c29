"""The band of values that would not be flagged, for many steps of one series at once."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sidecar.detection.band import band
from sidecar.detection.detector import Models
from sidecar.detection.features import days_ago
from sidecar.detection.settings import Settings, context_steps
from sidecar.detection.watch import Verdicts
from sidecar.prometheus.frame import Frame

Floats = NDArray[np.float64]
Columns = NDArray[np.intp]

AT_ONCE = 1 << 18
"""About how many samples are searched in at once: it bounds the memory."""


def no_bands(verdicts: Verdicts) -> tuple[Floats, Floats]:
    """Limits (1, steps) that are not known."""
    nothing = np.full((2, 1, len(verdicts.times)), np.nan)
    return nothing[0], nothing[1]


def bands(models: Models, frame: Frame, verdicts: Verdicts, settings: Settings) -> tuple[Floats, Floats]:
    """Lower and upper limit (1, steps) for the steps of the verdicts, the last of a frame of one series.

    The search is for the newest step of many series. So each step is made a series of its own, which ends with it and
    has the model of them all.
    """
    lower, upper = no_bands(verdicts)
    width = context_steps(settings) + 1
    windows = sliding_window_view(frame.values[0], width)[-len(verdicts.times) :]
    expected = verdicts.scores.expected[0]
    for columns in same_clock(verdicts, settings, max(1, AT_ONCE // width)):
        one_each = models.take(np.zeros(len(columns), np.intp))
        end = int(verdicts.times[columns[0]])
        lower[0, columns], upper[0, columns] = band(one_each, windows[columns], expected[columns], end, settings)
    return lower, upper


def same_clock(verdicts: Verdicts, settings: Settings, most: int) -> Iterator[Columns]:
    """The scored steps in groups, within which the days before lie equally far back: no clock has been changed."""
    scored = np.flatnonzero(~np.isnan(verdicts.scores.score[0]))
    back = days_ago(verdicts.times[scored], settings).T
    _, group = np.unique(back, axis=0, return_inverse=True) if back.size else (None, np.zeros(len(scored), np.intp))
    for number in range(int(group.max(initial=-1)) + 1):
        columns = scored[group.ravel() == number]
        for first in range(0, len(columns), most):
            yield columns[first : first + most]
