"""Values that come in grains, such as counts: how far each feature can be off for that alone.

Of a count that is mostly 0 every 3 is far off, were its deviation all there is to go by. But a value is known to half a
grain at best, as of everything that is rounded, and no feature of it is known better.
"""

import numpy as np

from sidecar.detection.arrays import Floats
from sidecar.detection.columns import TINY, magnitude
from sidecar.detection.features import names
from sidecar.detection.settings import Settings
from sidecar.detection.tables import quantiles

SAME = 1e-9
"""A change by a smaller share of the series' magnitude is none."""
ORDINARY = 0.1
"""The share of columns that must be as the one before, and that must differ, for a series to have a grain in full."""
GRAIN = 1 / 4
"""Of all changes this share is below a grain: not none, as what Prometheus makes of a counter's growth is not whole."""


def grain_of(values: Floats) -> Floats:
    """The grain (S,) of series (S, W; NaN: absent): the lower quartile of the changes from one column to the next.

    Less where hardly two columns are the same, as in what is measured finely, or nearly all are, where a change is an
    event; 0 where all are.
    """
    change = np.abs(np.diff(values, axis=1))
    moved = change > np.maximum(SAME * magnitude(values)[:, None], TINY)
    quartile = quantiles(np.where(moved, change, np.nan)[:, None], GRAIN)[0][:, 0]
    share = np.count_nonzero(moved, axis=1) / np.maximum(np.count_nonzero(~np.isnan(change), axis=1), 1)
    return np.asarray(quartile * np.minimum(np.minimum(share, 1 - share) / ORDINARY, 1.0))


def least_deviation(grain: Floats, settings: Settings) -> Floats:
    """The deviation (S, F) that each feature has at least, as values come in grains (S,): half of one.

    What a mean tells is known better, by the root of the number of its values. 0 for features that are relative.
    """
    averaged = values_in(settings)
    known = [1 / np.sqrt(averaged[name]) if name in averaged else 0.0 for name in names(settings)]
    return np.asarray(grain[:, None] / 2 * known)


def values_in(settings: Settings) -> dict[str, int]:
    """Of how many values each feature is a mean, of those that are in the unit of the series.

    A standard deviation counts as one of a short mean, not of its own window, as that of counts is often 0 by chance.
    """
    single, bucket = dict.fromkeys(("jump", "outside", "surprise"), 1), settings.bucket
    means = {"value": bucket, "nearest": bucket, "nearest_spread": settings.short_steps, "mean": settings.long_steps}
    return single | means
