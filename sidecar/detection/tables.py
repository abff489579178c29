"""How rare which value of a feature is: an isolation forest (forest.py), calibrated (calibration.py), as a table.

A forest over one feature has a path length that is a smooth function of the value, so a few dozen points of it do.
"""

from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection import calibration, forest
from sidecar.detection.arrays import Bools, Floats, Singles
from sidecar.detection.rows import Rows

GROUPS = 64
KNOTS = GROUPS + 2 * len(forest.OUTER)
SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST = 0.1, 16, 256
TAIL_SHARE, TAIL_LEAST = 0.02, 8
BELIEF, QUARTILE_OF_NORMAL = 0.5, 0.6745
"""Rarity per standard deviation at most, and the third quartile of the standard normal distribution."""
LEAST_ROWS = 15
"""Training values below which a feature says nothing."""
FARTHEST = 2.0**16
"""Distance, in half ranges of a feature, past which nothing gets any rarer: a bound for series that were constant."""
PEELS, PEEL_SHARE = 2, 0.1
"""How often values that are too odd are left out of a fit, and what share of them at most."""


@dataclass(frozen=True, slots=True)
class Tables(Rows):
    """The rarity of the values of each feature of each series.

    Attributes:
        at: (S, F, K) ascending values of a feature, in units of `scale` from `centre`; single precision does.
        rarity: (S, F, K) -log10 of the share of ordinary columns that are as unusual.
        slope: (S, F) growth of rarity beyond both ends, per doubling of the distance.
        centre: (S, F).
        scale: (S, F).
    """

    at: Singles
    rarity: Singles
    slope: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def empty(cls, rows: int, features: int) -> "Tables":
        """Of series that were never fitted: nothing is rare."""
        each = np.zeros((rows, features))
        at = np.zeros((rows, features, KNOTS), np.float32) + np.linspace(-1, 1, KNOTS, dtype=np.float32)
        return cls(at, np.zeros_like(at), each, each.copy(), each + 1)

    @property
    def known(self) -> Bools:
        """(S, F): whether there was enough to learn a feature from."""
        return np.asarray(self.rarity.max(axis=2) > 0)


def fit_tables(found: Floats, noise: Floats, too_odd: float) -> Tables:
    """The tables of features (S, F, N; NaN: absent); a range below `noise` (S, F) is none.

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
    rarity = np.minimum(rarity, believable(at * sample.scale[:, None], quartile_width(found).reshape(s * f)))
    enough = count >= LEAST_ROWS
    return Tables(
        at=at.reshape(s, f, KNOTS).astype(np.float32),
        rarity=np.where(enough[:, None], rarity, 0.0).reshape(s, f, KNOTS).astype(np.float32),
        slope=np.where(enough, slope, 0.0).reshape(s, f),
        centre=sample.centre.reshape(s, f),
        scale=sample.scale.reshape(s, f),
    )


def quartile_width(found: Floats) -> Floats:
    """Half the distance (S, F) of the quartiles of features (S, F, N)."""
    ordered = np.sort(found, axis=2)
    count = np.count_nonzero(~np.isnan(found), axis=2)[:, :, None]
    low, high = (np.take_along_axis(ordered, np.maximum(count - 1, 0) * part // 4, axis=2) for part in (1, 3))
    return np.nan_to_num((high - low)[:, :, 0]) / 2


def believable(distance: Floats, width: Floats) -> Floats:
    """The rarity (B, K) that values so far from the middle can have, `width` (B,) being half the quartiles' distance.

    Whatever the sample says: one in a hundred needs four, one in a thousand six standard deviations of normal noise.
    """
    sigma = width[:, None] / QUARTILE_OF_NORMAL
    return np.where(sigma > 0, BELIEF * np.abs(distance) / np.where(sigma > 0, sigma, 1.0), np.inf)


def calibrated(sample: forest.Sample) -> tuple[Floats, Floats]:
    """Rarity (B, KNOTS) at the groups of a sample and beyond its ends, and its slope (B,) from there on."""
    inside, outside = forest.isolation(sample, SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST)
    tail = calibration.fit_tail(inside, sample.weight, TAIL_SHARE, TAIL_LEAST)
    isolation = np.concatenate([outside[:, 0, ::-1], inside, outside[:, 1]], axis=1)
    return calibration.rarity(tail, isolation), tail.slope


def rarities(tables: Tables, found: Floats) -> Floats:
    """Rarity (S, F, n) of features (S, F, n), looked up; 0 where a feature is missing."""
    z = (found - tables.centre[:, :, None]) / tables.scale[:, :, None]
    above = np.count_nonzero(tables.at[:, :, None, :] <= z[..., None], axis=3)
    left = np.clip(above - 1, 0, KNOTS - 2)
    x0, x1 = (np.take_along_axis(tables.at, left + i, axis=2) for i in (0, 1))
    y0, y1 = (np.take_along_axis(tables.rarity, left + i, axis=2) for i in (0, 1))
    share = np.clip((z - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0, 1.0)
    middle = (tables.at[:, :, :1] + tables.at[:, :, -1:]) / 2
    reach = np.clip(np.abs(z - middle) / (tables.at[:, :, -1:] - middle), 1.0, FARTHEST)
    return np.nan_to_num(y0 + share * (y1 - y0) + tables.slope[:, :, None] * np.log2(reach))
