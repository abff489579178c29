"""Fits and scores whole matrices: series x columns in, scores out, with one meaning for every series.

A model is one table per feature, from the feature's value to its rarity: the closed form of an isolation forest
(forest.py), calibrated on the series' own past (calibration.py). Rarities of the features are combined and divided
by the bar that the alarm budget sets, so that 1.0 is the threshold.
"""

from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection import calibration, forest
from sidecar.detection.arrays import Bools, Floats, Seeds
from sidecar.detection.features import NAMES, features, median
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings, context_steps

__all__ = ["Models", "Scores", "Settings", "context_steps", "fit", "score"]

GROUPS = 64
KNOTS = GROUPS + 2 * len(forest.OUTER)
SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST = 0.1, 16, 256
TAIL_SHARE = 0.02
LEAST_ROWS = 20
"""Training values below which a feature says nothing."""
NOISE = 1e-6
"""A feature that varies by less than this share of the series' magnitude is constant."""
FARTHEST = 2.0**16
"""Distance, in half ranges of a feature, past which nothing gets any rarer: a bound for series that were constant."""
TINY = 1e-200
CHUNK = 64
"""Series that are fitted at once: bounds the memory of a fit."""


@dataclass(frozen=True, slots=True)
class Models(Rows):
    """What is usual for each feature of each series: a row per series.

    Attributes:
        at: (S, F, K) ascending values of a feature, in units of `scale` from `centre`.
        rarity: (S, F, K) -log10 of the share of ordinary columns that are as unusual.
        slope: (S, F) growth of rarity beyond both ends, per doubling of the distance.
        centre: (S, F).
        scale: (S, F).
        usual: (S,) the middle of the combined rarity of the series' own past.
        fitted: (S,) False where a row has had too little history, and is not scored.
    """

    at: Floats
    rarity: Floats
    slope: Floats
    centre: Floats
    scale: Floats
    usual: Floats
    fitted: Bools

    @classmethod
    def empty(cls, rows: int) -> "Models":
        """Models of series that were never fitted."""
        each, row = np.zeros((rows, len(NAMES))), np.zeros(rows)
        at = each[:, :, None] + np.linspace(-1, 1, KNOTS)
        return cls(at, np.zeros_like(at), each, each.copy(), each + 1, row, np.zeros(rows, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.fitted)

    @staticmethod
    def concatenate(parts: "list[Models]") -> "Models":
        """All rows of some models."""
        return Models(*(np.concatenate(columns) for columns in zip(*(part.parts() for part in parts), strict=True)))


@dataclass(frozen=True, slots=True)
class Scores(Rows):
    """What the detector says of the last n columns; NaN where it says nothing.

    Attributes:
        score: (S, n) 1 is the threshold, higher is rarer, 0.5 the middle of a series' ordinary columns.
        expected: (S, n) the value that was to be expected.
        rarity: (S, F, n) of each feature, in the order of `features.NAMES`.
    """

    score: Floats
    expected: Floats
    rarity: Floats

    @classmethod
    def blank(cls, series: int, columns: int) -> "Scores":
        """Nothing scored."""
        unknown = np.full((series, columns), np.nan)
        return cls(unknown, unknown.copy(), np.zeros((series, len(NAMES), columns)))

    def columns(self, which: slice) -> "Scores":
        """Some columns."""
        return Scores(*(part[..., which] for part in self.parts()))


def fit(values: Floats, end: int, seeds: Seeds, settings: Settings) -> Models:
    """Models of the series `values` (S, W), whose last column lies at `end` (unix seconds).

    `seeds` (S,) are there for detectors that draw lots; this one does not.
    """
    if len(seeds) != len(values):
        raise ValueError(f"{len(seeds)} seeds for {len(values)} series")
    chunks = [fit_chunk(values[i : i + CHUNK], end, settings) for i in range(0, len(values), CHUNK)]
    return Models.concatenate(chunks) if chunks else Models.empty(0)


def fit_chunk(values: Floats, end: int, settings: Settings) -> Models:
    """As `fit`, all series at once."""
    width = values.shape[1]
    at = np.arange((width - 1) % settings.bucket, width, settings.bucket)
    found = features(values, at, end, settings)
    magnitude = np.nan_to_num(np.fmax.reduce(np.abs(values), axis=1))
    models = tables(found, NOISE * magnitude, well_known(values, settings))
    combined = np.where(any_value(found), combine(rarities(models, found)), np.nan)
    return replace(models, usual=np.nan_to_num(median(combined[:, :, None])[:, 0]))


def any_value(found: Floats) -> Bools:
    """(S, n): whether the column has a value."""
    return np.asarray(~np.isnan(found[:, NAMES.index("value")]))


def well_known(values: Floats, settings: Settings) -> Bools:
    """(S,): whether there are samples for half of the least history: the first fit comes a little before its end."""
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=1) >= settings.min_steps // 2)


def tables(found: Floats, noise: Floats, known: Bools) -> Models:
    """Models of features (S, F, N), without `usual`; a range below `noise` (S,) is none."""
    s, f, n = found.shape
    sample = forest.thin(found.reshape(s * f, n), GROUPS, np.repeat(np.maximum(noise, TINY), f))
    inside, outside = forest.isolation(sample, SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST)
    tail = calibration.fit_tail(inside, sample.weight, TAIL_SHARE)
    isolation = np.concatenate([outside[:, 0, ::-1], inside, outside[:, 1]], axis=1)
    at = np.concatenate([sample.at[:, :1] - forest.OUTER[::-1], sample.at, sample.at[:, -1:] + forest.OUTER], axis=1)
    enough = sample.weight.sum(axis=1) >= LEAST_ROWS
    return Models(
        at.reshape(s, f, KNOTS),
        np.where(enough[:, None], calibration.rarity(tail, isolation), 0.0).reshape(s, f, KNOTS),
        np.where(enough, tail.slope, 0.0).reshape(s, f),
        sample.centre.reshape(s, f),
        sample.scale.reshape(s, f),
        np.zeros(s),
        known & enough.reshape(s, f)[:, NAMES.index("value")],
    )


def rarities(models: Models, found: Floats) -> Floats:
    """Rarity (S, F, n) of features (S, F, n), looked up; 0 where a feature is missing."""
    z = (found - models.centre[:, :, None]) / models.scale[:, :, None]
    above = np.count_nonzero(models.at[:, :, None, :] <= z[..., None], axis=3)
    left = np.clip(above - 1, 0, KNOTS - 2)
    x0, x1 = (np.take_along_axis(models.at, left + i, axis=2) for i in (0, 1))
    y0, y1 = (np.take_along_axis(models.rarity, left + i, axis=2) for i in (0, 1))
    share = np.clip((z - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0, 1.0)
    middle = (models.at[:, :, :1] + models.at[:, :, -1:]) / 2
    reach = np.clip(np.abs(z - middle) / (models.at[:, :, -1:] - middle), 1.0, FARTHEST)
    return np.nan_to_num(y0 + share * (y1 - y0) + models.slope[:, :, None] * np.log2(reach))


def combine(rarity: Floats) -> Floats:
    """One rarity (S, n) of those of the features (S, F, n): the mean of their square roots, squared."""
    return np.asarray(np.sqrt(rarity).mean(axis=1) ** 2)


def bar(settings: Settings) -> float:
    """The combined rarity at which the alarm budget is kept to."""
    buckets_per_alarm = 1 / (settings.alarm_budget * settings.step * settings.bucket)
    return 0.6 + 0.4 * float(np.log10(buckets_per_alarm))


def on_scale(rarity: Floats, usual: Floats, threshold: float) -> Floats:
    """Scores (S, n): 0.5 where the rarity is `usual` (S,), 1 at the threshold, in proportion to it above."""
    middle = np.minimum(usual, threshold / 2)[:, None]
    low = 0.5 * rarity / np.maximum(middle, TINY)
    high = 0.5 + 0.5 * (rarity - middle) / (threshold - middle)
    return np.where(rarity <= middle, np.minimum(low, 0.5), np.maximum(high, 0.5))


def score(models: Models, values: Floats, end: int, settings: Settings, last: int) -> Scores:
    """Scores of the `last` columns of `values` (S, T), a model per row; `end` is the last one's time.

    Columns need `context_steps` of past in `values`: what lies before counts as missing. Column by column or all at
    once gives the same.
    """
    values = values[:, max(values.shape[1] - context_steps(settings) - last, 0) :]
    width = values.shape[1]
    at = np.arange(width - last, width)
    found = features(values, at, end, settings)
    rarity = rarities(models, found)
    scored = any_value(found) & models.fitted[:, None]
    result = on_scale(combine(rarity), models.usual, bar(settings))
    usual_here = found[:, NAMES.index("value")] - found[:, NAMES.index("seasonal")]
    expected = np.where(np.isnan(usual_here), models.centre[:, :1], usual_here)
    return Scores(np.where(scored, result, np.nan), np.where(scored, expected, np.nan), rarity)
