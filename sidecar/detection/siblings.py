"""Siblings: series of which one set of curves says how rare a value is, while what is usual stays each one's own.

The features of each are brought to one scale, about their own middle; the curves are fitted on those of some siblings
together. Then each has its own calibration: the curves are bent so that its own past is as rare as a past is.
"""

from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Hashes, Ints
from sidecar.detection.columns import TINY
from sidecar.detection.combination import too_odd
from sidecar.detection.features import DISTANCES, names
from sidecar.detection.settings import Settings
from sidecar.detection.tables import (
    LEAST_ROWS,
    TAIL_LEAST,
    TAIL_SHARE,
    Bend,
    Tables,
    believable,
    fit_tables,
    quantiles,
)

TEACHERS = 32
"""Siblings that the curves of a group are fitted on, at most."""
POOL = 4_096
"""On about how many values they are fitted: fewer do not know the tail."""
TAUGHT, TAUGHT_MOST = 256, 1_024
"""By how many columns a series is learnt from: by more where it has few siblings."""
BODY = 0.05
"""The scale of a feature is the distance from this quantile to the opposite one, halved."""
LEAST_BEND, MOST_BEND = 0.25, 2.0
"""By what rarities are multiplied at least and at most, where the own tail is another than that of the siblings."""
GROUPS_AT_ONCE = 16
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
    def of(cls, groups: Hashes | Ints, teaches: Bools) -> "Siblings":
        """Of series whose group is known by any number."""
        return cls(np.unique(groups, return_inverse=True)[1], teaches)

    def take(self, rows: Bools) -> "Siblings":
        """Some whole groups."""
        return Siblings.of(self.group[rows], self.teaches[rows])

    @property
    def columns(self) -> Ints:
        """By how many columns each series is learnt from (S,): a power of two, so that few kinds are learnt apart."""
        taught = np.maximum(np.bincount(self.group, self.teaches), 1)
        wanted = np.exp2(np.ceil(np.log2(POOL / taught)))
        return np.clip(wanted, TAUGHT, TAUGHT_MOST).astype(np.intp)[self.group]


def teachers(groups: Hashes, hashes: Hashes, samples: Ints, least: int) -> Bools:
    """Which of the series, with so many samples (S,), teach: of each group those with the most, then the lowest hash.

    Half of the `least` samples that a series is to have will do, as for its own model.
    """
    order = np.lexsort((hashes, -samples, groups))
    _, begin, size = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - np.repeat(begin, size)
    return np.asarray((rank < TEACHERS) & (samples >= least // 2))


def fit_siblings(found: Floats, noise: Floats, siblings: Siblings, settings: Settings) -> Tables:
    """Tables of features (S, F, N; NaN: absent) with curves that the groups share; `bent` makes them each one's own."""
    low, middle, high = quantiles(found, BODY, 0.5, 1 - BODY)
    centre = np.where(np.isin(names(settings), DISTANCES), 0.0, middle)
    scale = np.maximum((high - low) / 2, noise)
    z = (found - centre[:, :, None]) / scale[:, :, None]
    shared = fit_groups(z, siblings, too_odd(settings)).take(siblings.group)
    known = shared.known & (np.count_nonzero(~np.isnan(found), axis=2) >= LEAST_ROWS)
    return Tables(shared.curves, known, centre + scale * shared.centre, scale * shared.scale, shared.bend)


def fit_groups(z: Floats, siblings: Siblings, too_odd: float) -> Tables:
    """The tables of all groups, a row each, by the features (S, F, N) of their members on a common scale."""
    pools = [pooled(z[siblings.teaches & (siblings.group == group)]) for group in range(siblings.group.max() + 1)]
    parts = [fit_pools(pools[i : i + GROUPS_AT_ONCE], too_odd) for i in range(0, len(pools), GROUPS_AT_ONCE)]
    return Tables.concatenate(parts)


def pooled(z: Floats) -> Floats:
    """The features (F, T x N) of some series (T, F, N) in a row."""
    return z.transpose(1, 0, 2).reshape(z.shape[1], -1)


def fit_pools(pools: list[Floats], too_odd: float) -> Tables:
    """Tables of some pools (F, n), of different lengths."""
    longest = max(1, *(pool.shape[1] for pool in pools))
    values = np.full((len(pools), len(pools[0]), longest), np.nan)
    for row, pool in enumerate(pools):
        values[row, :, : pool.shape[1]] = pool
    shape = values.shape[:2]
    return fit_tables(values, np.ones(shape), np.zeros(shape), too_odd)


def bent(tables: Tables, found: Floats, rarity: Floats, least: Floats) -> Tables:
    """The tables with each series' own calibration, by the features (S, F, N) of its past and their common rarity.

    The value that is exceeded by as many as a tail is fitted to is as rare as that says, and from there on rarity grows
    by the median excess, as in calibration.py; believed as far as the own deviations support it, of which none is below
    the `least` (S, F), as in tables.py.
    """
    count = np.count_nonzero(~np.isnan(found), axis=2)
    share = np.minimum(np.maximum(TAIL_SHARE, TAIL_LEAST / np.maximum(count, 1)), 1.0)
    rank = np.asarray(share * count, dtype=np.intp)
    ordered = np.sort(np.where(np.isnan(rarity), -1.0, rarity), axis=2)[:, :, ::-1]
    turn, middle = (exceeded_by(ordered, above) for above in (rank, rank // 2))
    below = np.clip(-np.log10(share) / np.maximum(turn, TINY), LEAST_BEND, MOST_BEND)
    beyond = np.clip(np.log10(2) / np.maximum(middle - turn, TINY), LEAST_BEND, MOST_BEND)
    parts = (np.where(share < 1, below, 1.0), turn, beyond, believable(tables.scale, found, least))
    return replace(tables, bend=Bend(*(part.astype(np.float32) for part in parts)))


def exceeded_by(ordered: Floats, above: Ints) -> Floats:
    """The values (S, F) that so many (S, F) of some in descending order (S, F, N) exceed; not below 0."""
    place = np.minimum(above, ordered.shape[2] - 1)[:, :, None]
    return np.maximum(np.take_along_axis(ordered, place, axis=2)[:, :, 0], 0.0)
