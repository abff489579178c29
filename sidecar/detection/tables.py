"""How rare which value of a feature is: an isolation forest (forest.py), calibrated (calibration.py), as a table.

A forest over one feature has a path length that is a smooth function of the value, so a few dozen points of it do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection import calibration, forest
from sidecar.detection.arrays import Bools, Floats, Ints, Objects, Singles
from sidecar.detection.columns import TINY
from sidecar.detection.rows import Rows

GROUPS = 64
"""Groups that the training values of a feature are thinned to."""
KNOTS = GROUPS + 2 * len(forest.OUTER)
"""Points of a feature's curve: one per group, and some beyond both ends."""
SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST = 0.1, 16, 256
"""The share of the training values in a tree's sample, and the least and the most of them: all three on average."""
TAIL_SHARE, TAIL_LEAST = 0.02, 8
"""The share of the training values that a tail is fitted to, and how many it is fitted to at least."""
BELIEF, QUARTILE_OF_NORMAL = 0.38, 0.6745
"""Rarity per standard deviation at most, and the third quartile of the standard normal distribution."""
LEAST_ROWS = 15
"""Training values below which a feature says nothing."""
LEAST_SIGMA = 1e-30
"""A deviation that is a smaller share of a feature's range is none: the quotient would not fit single precision."""
FARTHEST = 2.0**16
"""Distance, in half ranges of a feature, past which nothing gets any rarer: a bound for series that were constant."""
MANY = 128
"""Values of a feature from which on they are looked up curve by curve: for fewer, a call for each would take longer."""
PEELS, PEEL_SHARE = 2, 0.1
"""How often values that are too odd are left out of a fit, and what share of them at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The rarity of the values of each feature, of one series or of all siblings of a group.

    Attributes:
        at: (F, K) ascending values of a feature, in the unit of those who have the curves; single precision does.
        rarity: (F, K) -log10 of the share of ordinary columns that are as unusual.
        slope: (F,) growth of rarity beyond both ends, per doubling of the distance.
    """

    at: Singles
    rarity: Singles
    slope: Floats

    @classmethod
    def flat(cls, features: int) -> "Curves":
        """Nothing is rare."""
        at = np.tile(np.linspace(-1, 1, KNOTS, dtype=np.float32), (features, 1))
        return cls(at, np.zeros_like(at), np.zeros(features))

    @classmethod
    def drawn(cls, curves: Objects) -> "Curves":
        """Those of some rows as arrays with a leading axis of rows."""
        parts = ([getattr(one, name) for one in curves] for name in cls.__slots__)
        return cls(*(np.concatenate(part).reshape(-1, *part[0].shape) for part in parts))


@dataclass(frozen=True, slots=True)
class Bend(Rows):
    """How a series' own rarities follow from those that its curves say; (S, F) each.

    Attributes:
        below: by what they are multiplied up to `turn`.
        turn: the rarity at which the series' own tail begins.
        beyond: by what they are multiplied from there on.
        most: the most that a rarity can be, per unit of distance from where the curve counts from.
    """

    below: Singles
    turn: Singles
    beyond: Singles
    most: Singles

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "Bend":
        """What the curves say stands."""
        one, never = np.ones(shape, dtype=np.float32), np.full(shape, np.inf, dtype=np.float32)
        return cls(one, never, one.copy(), never.copy())

    def own(self, rarity: Floats, distance: Floats) -> Floats:
        """The own rarities (S, F, n) of those by the curves; 0 where one is missing."""
        below, turn, beyond, most = (part[:, :, None] for part in self.parts())
        bent = below * np.minimum(rarity, turn) + beyond * np.maximum(rarity - turn, 0.0)
        return np.asarray(np.nan_to_num(np.minimum(bent, most * np.maximum(distance, TINY))))


@dataclass(frozen=True, slots=True)
class Tables(Rows):
    """The rarity of the values of each feature of each series.

    Attributes:
        curves: (S,) the `Curves` of each series; siblings have the same.
        known: (S, F) whether there was enough to learn a feature from.
        centre: (S, F) where a feature's curve begins to count from.
        scale: (S, F) the unit of its `at`.
        bend: what a series makes of the rarities that its curves say.
    """

    curves: Objects
    known: Bools
    centre: Floats
    scale: Floats
    bend: Bend

    @classmethod
    def empty(cls, rows: int, features: int) -> "Tables":
        """Of series that were never fitted."""
        each = np.zeros((rows, features))
        curves = references([Curves.flat(features)])[np.zeros(rows, dtype=np.intp)]
        return cls(curves, each > 0, each, each + 1, Bend.none(each.shape))


def references(curves: Sequence[Curves]) -> Objects:
    """Curves as an array of references."""
    found = np.empty(len(curves), dtype=object)
    found[:] = curves
    return found


def fit_tables(found: Floats, noise: Floats, least: Floats, too_odd: float) -> Tables:
    """The tables of features (S, F, N; NaN: absent); a range below `noise` (S, F) is none, `least` the least deviation.

    Values rarer than `too_odd` are left out of the next round, unless they are too many: then they are the new normal.
    """
    s, f, n = found.shape
    sample = forest.thin(found.reshape(s * f, n), GROUPS, noise.reshape(s * f))
    count = sample.weight.sum(axis=1)
    rarity, slope = calibrated(sample)
    for _ in range(PEELS):
        kept = sample.weight * (rarity[:, len(forest.OUTER) : -len(forest.OUTER)] <= too_odd)
        too_many = kept.sum(axis=1) < (1 - PEEL_SHARE) * count
        sample = replace(sample, weight=np.where(too_many[:, None], sample.weight, kept))
        rarity, slope = calibrated(sample)
    ends = forest.OUTER
    at = np.concatenate([sample.at[:, :1] - ends[::-1], sample.at, sample.at[:, -1:] + ends], axis=1)
    enough = count >= LEAST_ROWS
    singles = np.where(enough[:, None], rarity, 0.0).reshape(s, f, KNOTS).astype(np.float32)
    slope = np.where(enough, slope, 0.0).reshape(s, f)
    rows = zip(at.reshape(s, f, KNOTS).astype(np.float32), singles, slope, strict=True)
    return Tables(
        curves=references([Curves(where.copy(), rare.copy(), beyond.copy()) for where, rare, beyond in rows]),
        known=singles.max(axis=2) > 0,
        centre=sample.centre.reshape(s, f),
        scale=sample.scale.reshape(s, f),
        bend=replace(Bend.none((s, f)), most=believable(sample.scale.reshape(s, f), found, least)),
    )


def deviation(found: Floats, scale: Floats) -> Floats:
    """Robust standard deviation (S, F) of features (S, F, N), whose range is the `scale` (S, F); 0 for constant ones.

    By the distance of the quartiles; where these are one value, as of counts that are mostly 0, by the mean absolute
    deviation from the middle. Both are what they would be of normal noise.
    """
    low, middle, high = quantiles(found, 1 / 4, 1 / 2, 3 / 4)
    by_quartiles = (high - low) / 2 / QUARTILE_OF_NORMAL
    apart = np.ascontiguousarray(np.abs(found - middle[:, :, None]))  # in C order, so that sums come out alike
    count = np.count_nonzero(~np.isnan(found), axis=2)
    by_mean = np.nansum(apart, axis=2) / np.maximum(count, 1) * np.sqrt(np.pi / 2)
    return np.where(by_quartiles > LEAST_SIGMA * scale, by_quartiles, by_mean)


def quantiles(found: Floats, *shares: float) -> list[Floats]:
    """The values (S, F) below which such shares of the features (S, F, N; NaN: absent) lie; 0 where there are none."""
    ordered = np.sort(found, axis=2)
    last = np.maximum(np.count_nonzero(~np.isnan(found), axis=2) - 1, 0)[:, :, None]
    places = [np.asarray(last * share, dtype=np.intp) for share in shares]
    return [np.nan_to_num(np.take_along_axis(ordered, place, axis=2)[:, :, 0]) for place in places]


def believable(scale: Floats, found: Floats, least: Floats) -> Singles:
    """The most that a rarity can be per `scale` (S, F) of distance from the middle, by the features (S, F, N).

    Whatever the sample says: one in a hundred needs five, one in a thousand eight standard deviations of normal noise,
    of which none is below the `least` (S, F).
    """
    sigma = np.maximum(deviation(found, scale), least)
    wide = sigma > LEAST_SIGMA * scale
    return np.where(wide, BELIEF * scale / np.where(wide, sigma, 1.0), np.inf).astype(np.float32)


def calibrated(sample: forest.Sample) -> tuple[Floats, Floats]:
    """Rarity (B, KNOTS) at the groups of a sample and beyond its ends, and its slope (B,) from there on."""
    inside, outside = forest.isolation(sample, SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST)
    tail = calibration.fit_tail(inside, sample.weight, TAIL_SHARE, TAIL_LEAST)
    isolation = np.concatenate([outside[:, 0, ::-1], inside, outside[:, 1]], axis=1)
    return calibration.rarity(tail, isolation), tail.slope


@dataclass(frozen=True, slots=True)
class Lookup:
    """Tables with the curves of all series side by side, so that features of all are looked up at once.

    Attributes:
        tables: a row per series.
        curves: as of one series, but with a leading axis of series.
    """

    tables: Tables
    curves: Curves

    @classmethod
    def of(cls, tables: Tables) -> "Lookup":
        """Of one series at least."""
        return cls(tables, Curves.drawn(tables.curves))

    def rarities(self, found: Floats) -> Floats:
        """Rarity (S, F, n) of features (S, F, n); 0 where a feature is missing."""
        return self.tables.bend.own(*self.by_curves(found))

    def by_curves(self, found: Floats) -> tuple[Floats, Floats]:
        """Rarity (S, F, n) of features (S, F, n) by the curves, and distance from the middle; NaN where it is."""
        z = (found - self.tables.centre[:, :, None]) / self.tables.scale[:, :, None]
        at, rarity, first = self.curves.at, self.curves.rarity, self._first_knots()
        left = first + np.clip(self._knots_below(z) - 1, 0, KNOTS - 2)
        x0, x1, y0, y1 = (knots.ravel().take(left + i) for knots in (at, rarity) for i in (0, 1))
        share = np.clip((z - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0, 1.0)
        middle = (at[:, :, :1] + at[:, :, -1:]) / 2
        reach = np.clip(np.abs(z - middle) / (at[:, :, -1:] - middle), 1.0, FARTHEST)
        return y0 + share * (y1 - y0) + self.curves.slope[:, :, None] * np.log2(reach), np.abs(z)

    def _first_knots(self) -> Ints:
        """Where the curves (S, F, 1) begin, were all knots in a row."""
        count = self.curves.slope.size
        return np.arange(0, count * KNOTS, KNOTS).reshape(*self.curves.slope.shape, 1)

    def _knots_below(self, z: Floats) -> Ints:
        """How many knots are not above `z` (S, F, n)."""
        return self._curve_by_curve(z) if z.shape[2] >= MANY else self._all_at_once(z)

    def _curve_by_curve(self, z: Floats) -> Ints:
        below = np.empty(z.shape, dtype=np.intp)
        for curve in np.ndindex(z.shape[:2]):
            below[curve] = np.searchsorted(self.curves.at[curve], z[curve], side="right")
        return below

    def _all_at_once(self, z: Floats) -> Ints:
        """By halving: as many comparisons as a knot's number has bits."""
        knots, before = self.curves.at.ravel(), self._first_knots() - 1
        below = np.zeros(z.shape, dtype=np.intp)
        for stride in 1 << np.arange(KNOTS.bit_length())[::-1]:
            further = below + stride
            reached = (further <= KNOTS) & (knots.take(before + np.minimum(further, KNOTS)) <= z)
            below = np.where(reached, further, below)
        return below
