"""Siblings: series of which one set of curves says how rare a value is, while what is usual stays each one's own.

The features of each are brought to one scale, about their own middle; the curves are fitted on those of some siblings
together. Then each has its own calibration: where its own past is rarer by the curves than a past is, they are bent.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints, Seeds, Singles
from sidecar.detection.columns import TINY
from sidecar.detection.features import DISTANCES, NAMES
from sidecar.detection.tables import LEAST_ROWS, TAIL_LEAST, TAIL_SHARE, Tables, fit_tables, quantiles

TEACHERS = 32
"""Siblings that the curves of a group are fitted on, at most."""
TAUGHT = 256
"""About how many columns of a series are learnt from."""
POOL = 6
"""The curves are fitted on about as many values as so many series have."""
BODY = 0.05
"""The scale of a feature is the distance from this quantile to the opposite one, halved."""
LEAST_STRETCH = 0.25
"""By what rarities are multiplied at least, where the own past is rarer than that of the siblings."""
AT_ONCE = 16
"""Groups that are fitted at once: it bounds the memory, and fits the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Siblings:
    """Which of the series of a fit are siblings, and which of these teach.

    Attributes:
        group: (S,) the number of the group.
        teaches: (S,) whether the curves of the group are fitted on a series.
    """

    group: Ints
    teaches: Bools

    @classmethod
    def of(cls, groups: Seeds, teaches: Bools) -> "Siblings":
        """Of series whose group is known by any number."""
        return cls(np.unique(groups, return_inverse=True)[1], teaches)


def teachers(groups: Seeds, seeds: Seeds, values: Floats, least: int) -> Bools:
    """Which of the series `values` (S, W) teach: of each group those with the longest past, then the lowest seed.

    Half of the `least` samples that a series is to have will do, as for its own model.
    """
    samples = np.count_nonzero(~np.isnan(values), axis=1)
    order = np.lexsort((seeds, -samples, groups))
    _, begin, size = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - np.repeat(begin, size)
    return np.asarray((rank < TEACHERS) & (samples >= least // 2))


def fit_siblings(found: Floats, noise: Floats, siblings: Siblings, too_odd: float) -> Tables:
    """Tables of features (S, F, N; NaN: absent) with curves that the groups share; nothing is stretched yet."""
    low, middle, high = quantiles(found, BODY, 0.5, 1 - BODY)
    centre = np.where(np.isin(NAMES, DISTANCES), 0.0, middle)
    scale = np.maximum((high - low) / 2, noise)
    z = (found - centre[:, :, None]) / scale[:, :, None]
    shared = fit_groups(z, siblings, too_odd).take(siblings.group)
    return Tables(
        curves=shared.curves,
        known=shared.known & (np.count_nonzero(~np.isnan(found), axis=2) >= LEAST_ROWS),
        centre=centre + scale * shared.centre,
        scale=scale * shared.scale,
        stretch=shared.stretch,
    )


def fit_groups(z: Floats, siblings: Siblings, too_odd: float) -> Tables:
    """The tables of all groups, a row each, by the features (S, F, N) of their members on a common scale."""
    pools = [pooled(z[siblings.teaches & (siblings.group == group)]) for group in range(siblings.group.max() + 1)]
    parts = [fit_pools(pools[i : i + AT_ONCE], too_odd) for i in range(0, len(pools), AT_ONCE)]
    return Tables.concatenate(parts)


def pooled(z: Floats) -> Floats:
    """The features (F, n) of some series (T, F, N) in a row: every one, or every so manieth where they are many."""
    some = z[:, :, :: max(1, len(z) // POOL)]
    return some.transpose(1, 0, 2).reshape(z.shape[1], -1)


def fit_pools(pools: list[Floats], too_odd: float) -> Tables:
    """Tables of some pools (F, n), of different lengths."""
    longest = max(1, *(pool.shape[1] for pool in pools))
    values = np.full((len(pools), len(pools[0]), longest), np.nan)
    for row, pool in enumerate(pools):
        values[row, :, : pool.shape[1]] = pool
    return fit_tables(values, np.ones(values.shape[:2]), too_odd)


def stretch(rarity: Floats, found: Floats) -> Singles:
    """By what each series has to multiply rarities (S, F, N) so that its own past is as rare as a past is; not above 1.

    The value that as many exceed as the tail is fitted to should be as rare as that says.
    """
    count = np.count_nonzero(~np.isnan(found), axis=2)
    share = np.maximum(TAIL_SHARE, TAIL_LEAST / np.maximum(count, 1))
    rank = np.asarray(share * count, dtype=np.intp)[:, :, None]
    ordered = -np.sort(np.where(np.isnan(found), np.inf, -rarity), axis=2)
    own = np.take_along_axis(ordered, np.minimum(rank, found.shape[2] - 1), axis=2)[:, :, 0]
    meant = -np.log10(np.minimum(share, 1.0))
    return np.where(own > meant, np.maximum(meant / np.maximum(own, TINY), LEAST_STRETCH), 1.0).astype(np.float32)
