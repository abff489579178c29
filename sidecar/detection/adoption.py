"""Whether an alarm ended although what raised it stays: then the change was taken for normal, which is to be told."""

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints, Times
from sidecar.detection.columns import median
from sidecar.detection.features import Basis
from sidecar.detection.settings import DAY, Settings
from sidecar.prometheus.coarse import Matrix

STAYS = 0.5
"""The share of a change that must be left of it."""
LEAST_CHANGE = 3.0
"""How large it must have been, in usual residuals: an alarm about the spread of a series changes no level."""


def stays(values: Matrix, end: int, since: Times, basis: Basis, settings: Settings) -> Bools:
    """Whether the change that raised an alarm at `since` (S,) has not gone back by `end`, the time of the last column.

    The level of late, and the level when the alarm began, each against the same time of day before it: of `values`
    (S, T), by the middle of 25 minutes. Where one of them is not known the answer is no.
    """
    age, day = (end - since) // settings.step, settings.day_steps
    reach = int(age.max(initial=0)) + day + settings.short_steps
    recent = values[:, max(values.shape[1] - reach, 0) :]
    width, window = recent.shape[1], np.arange(settings.short_steps)
    now = np.broadcast_to(width - 1 - window, (len(values), len(window)))
    begin = np.minimum(width - 1 - age[:, None] + window, width - 1)
    left = level(recent, now) - level(recent, now - ((end - since) // DAY + 1)[:, None] * day)
    change = level(recent, begin) - level(recent, begin - day)
    least = LEAST_CHANGE * basis.unit * basis.expectation.scale.mean(axis=1)
    return np.asarray((np.abs(change) >= least) & (left * np.sign(change) >= STAYS * np.abs(change)))


def level(values: Floats, columns: Ints) -> Floats:
    """Middle (S,) of some columns (S, n) of each series; NaN where they lie before the first."""
    found = np.take_along_axis(values, np.maximum(columns, 0), axis=1)
    return median(np.where(columns >= 0, found, np.nan)[:, :, None])[:, 0]
