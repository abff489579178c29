"""A detector for lists too short to fit the forests on: how far a value is from the usual, robustly.

Two distances are taken, each in robust standard deviations: from the median of all training values, and from the
median of the ten values before. Their geometric mean counts, and only where both point the same way, so that neither
a slope nor noise around a level is an anomaly. Medians and quantiles, because an outlier may well be among the few
values (Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", JASA 1993).
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sidecar.detection.arrays import Floats
from sidecar.detection.columns import TINY
from sidecar.detection.expectation import CONSISTENT

LEAST_VALUES = 20
"""Training values that are needed."""
PAST, LEAST_PAST = 10, 3
"""Values before that a value is compared with, and how many of them must be there."""
THRESHOLD = 5.0
"""Robust standard deviations that score 1."""
TAIL, TAIL_DEVIATIONS = 0.9, 1.2816
"""The quantile that tells how far each tail reaches, and where it lies for a normal distribution."""
NOISE = 1e-9
"""Least deviation, as a share of the middle size, or of the largest where that is 0."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Where values lie, and how far they reach to both sides, in robust standard deviations."""

    centre: float
    below: float
    above: float


@dataclass(frozen=True, slots=True)
class ShortModel:
    """What is usual for the values of a short list, and for their distance from the median of those before."""

    values: Spread
    steps: Spread


def fit_short(values: Floats) -> ShortModel:
    """The model of values (n,), none of them NaN.

    Raises:
        ValueError: there are less than `LEAST_VALUES`.
    """
    if len(values) < LEAST_VALUES:
        raise ValueError(f"needs {LEAST_VALUES} values, has {len(values)}")
    size = np.abs(values)
    least = max(NOISE * float(np.median(size) or size.max()), TINY)
    return ShortModel(spread(values, least), spread((values - before(values))[LEAST_PAST:], least))


def spread(values: Floats, least: float) -> Spread:
    """Centre and reach of values (n,); neither reach is below `least`."""
    centre = float(np.median(values))
    deviation = CONSISTENT * float(np.median(np.abs(values - centre)))
    low, high = (float(tail) / TAIL_DEVIATIONS for tail in np.quantile(values - centre, (1 - TAIL, TAIL)))
    return Spread(centre, max(deviation, -low, least), max(deviation, high, least))


def before(values: Floats) -> Floats:
    """Median of the `PAST` values before each of (n,); NaN where there are less than `LEAST_PAST`."""
    windows = sliding_window_view(np.concatenate([np.full(PAST, np.nan), values[:-1]]), PAST)
    ordered, count = np.sort(windows, axis=1), np.minimum(np.arange(len(values)), PAST)
    row, middle = np.arange(len(values)), np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, PAST - 1)])
    return np.where(count >= LEAST_PAST, ordered[row, middle].mean(axis=0), np.nan)


def score_short(model: ShortModel, values: Floats) -> tuple[Floats, Floats]:
    """Scores of values (n,), 1 at the threshold, and what was to be expected instead; both only know the past."""
    level, local = yardsticks(model, values)
    far, near = distance(values, level), distance(values, local)
    agreed = np.where(np.sign(far) == np.sign(near), np.sqrt(np.abs(far)) * np.sqrt(np.abs(near)), 0.0)
    return np.log1p(agreed) / np.log1p(THRESHOLD), (level[0] + local[0]) / 2


def band_short(model: ShortModel, values: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Ends of the range within which each of (n,) would have scored below `threshold`, had it been there.

    Both distances are linear in the value, so the ends are the roots of a parabola.
    """
    level, local = yardsticks(model, values)
    deviations = np.expm1(threshold * np.log1p(THRESHOLD))
    middle, half = (level[0] + local[0]) / 2, (level[0] - local[0]) / 2
    below, above = (np.hypot(half, deviations * np.sqrt(level[i]) * np.sqrt(local[i])) for i in (1, 2))
    return middle - below, middle + above


def yardsticks(model: ShortModel, values: Floats) -> tuple[Floats, Floats]:
    """What each of (n,) is compared with, twice: centre, reach below and reach above, each of shape (3, n).

    The second is the level again for the first values, which have too few before them.
    """
    past = before(values)
    level = np.repeat(np.array(astuple(model.values))[:, None], len(values), axis=1)
    local = np.repeat(np.array(astuple(model.steps))[:, None], len(values), axis=1)
    local[0] += past
    return level, np.where(np.isnan(past), level, local)


def distance(values: Floats, yardstick: Floats) -> Floats:
    """Distances of values (n,) from a centre, in deviations to their side, signed."""
    centre, below, above = yardstick
    apart = values - centre
    return np.asarray(apart / np.where(apart > 0, above, below))
