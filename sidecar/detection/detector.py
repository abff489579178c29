"""Fits and scores whole matrices: series x columns in, scores out, with one meaning for every series.

A model is one table per feature, from the feature's value to its rarity: the closed form of an isolation forest
(forest.py), calibrated on the series' own past (calibration.py). Rarities of the features are combined and divided
by the bar that the alarm budget sets, so that 1.0 is the threshold.
"""

from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection import calibration, combination, forest
from sidecar.detection.arrays import Bools, Floats, Ints, Seeds, Singles
from sidecar.detection.columns import TINY, Panel, median
from sidecar.detection.expectation import fit_expectation
from sidecar.detection.features import LOGARITHMIC, NAMES, RELATIVE, Past, Usual, usual_change
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings, context_steps

__all__ = ["Models", "Scores", "Settings", "context_steps", "fit", "score"]

GROUPS = 64
KNOTS = GROUPS + 2 * len(forest.OUTER)
SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST = 0.1, 16, 256
TAIL_SHARE, TAIL_LEAST = 0.02, 8
BELIEF, QUARTILE_OF_NORMAL = 0.5, 0.6745
"""Rarity per standard deviation at most, and the third quartile of the standard normal distribution."""
LEAST_ROWS = 15
"""Training values below which a feature says nothing."""
NOISE = 1e-3
"""A feature that varies by less than this share of the series' magnitude is constant."""
FARTHEST = 2.0**16
"""Distance, in half ranges of a feature, past which nothing gets any rarer: a bound for series that were constant."""
PEELS, PEEL_SHARE = 2, 0.1
"""How often values that are too odd are left out of a fit, and what share of them at most."""
FIT_CELLS, SCORE_CELLS = 1 << 17, 1 << 9
"""Columns, of all series together, that are fitted and scored at once: it bounds the memory, and fits the cache."""
MOST_LEARNT = 512
"""Training columns of which the middle of the scores is taken."""


@dataclass(frozen=True, slots=True)
class Models(Rows):
    """What is usual for each feature of each series: a row per series.

    Attributes:
        at: (S, F, K) ascending values of a feature, in units of `scale` from `centre`; single precision does.
        rarity: (S, F, K) -log10 of the share of ordinary columns that are as unusual.
        slope: (S, F) growth of rarity beyond both ends, per doubling of the distance.
        centre: (S, F).
        scale: (S, F).
        basis: what the features are measured with.
        rows: (S,) buckets since the first sample that the model knows.
        left_out: (S,) share of the values that were too odd to be learnt from.
        usual: (S,) the middle of the scores of the series' own past, 1 being the threshold.
        fitted: (S,) False where a row has had too little history, and is not scored.
    """

    at: Singles
    rarity: Singles
    slope: Floats
    centre: Floats
    scale: Floats
    basis: Usual
    rows: Floats
    left_out: Floats
    usual: Floats
    fitted: Bools

    @classmethod
    def empty(cls, rows: int) -> "Models":
        """Models of series that were never fitted."""
        each = np.zeros((rows, len(NAMES)))
        at = np.zeros((rows, len(NAMES), KNOTS), np.float32) + np.linspace(-1, 1, KNOTS, dtype=np.float32)
        used, left_out, usual = np.zeros((3, rows))
        basis, fitted = Usual.empty(rows), np.zeros(rows, dtype=np.bool_)
        return cls(at, np.zeros_like(at), each, each.copy(), each + 1, basis, used, left_out, usual, fitted)

    def __len__(self) -> int:
        return len(self.fitted)

    @property
    def known(self) -> Bools:
        """(S, F): whether there was enough to learn a feature from."""
        return np.asarray(self.rarity.max(axis=2) > 0)


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
    at_once = max(1, FIT_CELLS // max(values.shape[1], 1))
    chunks = [fit_chunk(values[i : i + at_once], end, settings) for i in range(0, len(values), at_once)]
    return Models.concatenate(chunks) if chunks else Models.empty(0)


def fit_chunk(values: Floats, end: int, settings: Settings) -> Models:
    """As `fit`, all series at once."""
    panel, width = Panel.of(values, end, settings), values.shape[1]
    at = np.arange((width - 1) % settings.bucket, width, settings.bucket)
    age = ages(values)
    learnt = np.where(with_past(at, age, width, settings), values[:, at], np.nan)
    basis = usual_of(values, panel, at, learnt)
    found = features(basis, panel, at, learnt)
    models = tables(found, noise_of(values), combination.too_odd(settings))
    models = replace(
        models, basis=basis, rows=age / settings.bucket, fitted=models.fitted & well_known(values, settings)
    )
    some = found[:, :, :: -(-len(at) // MOST_LEARNT)]
    scores = combination.ratio(rarities(models, some), models.known, models.rows, settings)
    return replace(models, usual=np.nan_to_num(median(np.where(any_value(some), scores, np.nan)[:, :, None])[:, 0]))


def usual_of(values: Floats, panel: Panel, at: Ints, learnt: Floats) -> Usual:
    """What the features are measured with, by the columns `at` (n,) where `learnt` (S, n) has a value."""
    magnitude = np.nan_to_num(np.fmax.reduce(np.abs(values), axis=1))
    unit = np.maximum(ordinary_spread(values), NOISE * magnitude)
    rough = usual_change(panel, at, ~np.isnan(learnt))
    return Usual(unit, rough, fit_expectation(panel, at, learnt, unit))


def features(basis: Usual, panel: Panel, at: Ints, values: Floats) -> Floats:
    """Features (S, F, n) of the columns `at` (n,), whose values are given (S, n); NaN where one is."""
    found = Past.of(basis, panel, at).features(values)
    return np.where(np.isnan(values)[:, None], np.nan, found)


def noise_of(values: Floats) -> Floats:
    """The range (S, F) of a feature below which it is noise of the arithmetic."""
    magnitude = np.nan_to_num(np.fmax.reduce(np.abs(values), axis=1))[:, None]
    return np.maximum(NOISE * np.where(np.isin(NAMES, LOGARITHMIC + RELATIVE), 1.0, magnitude), TINY)


def ages(values: Floats) -> Ints:
    """Columns (S,) from the first sample to the end, 0 where there is none."""
    present = ~np.isnan(values)
    return np.where(present.any(axis=1), values.shape[1] - np.argmax(present, axis=1), 0)


def with_past(at: Ints, age: Ints, width: int, settings: Settings) -> Bools:
    """(S, n): columns to learn from: behind the first week or, in younger series, the first quarter.

    Before, features look back on less than they will, and would teach a wider normal.
    """
    skipped = np.minimum(age // 4, settings.days_back * settings.day_steps)
    return np.asarray(at >= (width - age + skipped)[:, None])


def ordinary_spread(values: Floats) -> Floats:
    """Standard deviation (S,) of the values about their middle, without the farthest tenth; 0 for constant series."""
    distance = np.sort(np.abs(values - median(values[:, :, None])), axis=1)
    present = np.count_nonzero(~np.isnan(values), axis=1)[:, None]
    near = np.where(np.arange(values.shape[1]) < 0.9 * present, distance, np.nan)
    return np.asarray(np.sqrt(np.nansum(near**2, axis=1) / np.maximum(0.9 * present[:, 0], 1)))


def any_value(found: Floats) -> Bools:
    """(S, n): whether the column has a value."""
    return np.asarray(~np.isnan(found[:, NAMES.index("value")]))


def well_known(values: Floats, settings: Settings) -> Bools:
    """(S,): whether there are samples for half of the least history: the first fit comes a little before its end."""
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=1) >= settings.min_steps // 2)


def tables(found: Floats, noise: Floats, too_odd: float) -> Models:
    """Models of features (S, F, N), without `basis`, `rows` and `usual`; a range below `noise` (S, F) is none.

    Values rarer than `too_odd` are left out of the next round, unless they are too many: then they are the new normal.
    """
    s, f, n = found.shape
    sample = forest.thin(found.reshape(s * f, n), GROUPS, noise.reshape(s * f))
    count = sample.weight.sum(axis=1)
    width = quartile_width(found).reshape(s * f)
    rarity, slope = calibrated(sample)
    for _ in range(PEELS):
        kept = sample.weight * (rarity[:, len(forest.OUTER) : -len(forest.OUTER)] <= too_odd)
        too_many = kept.sum(axis=1) < (1 - PEEL_SHARE) * count
        sample = replace(sample, weight=np.where(too_many[:, None], sample.weight, kept))
        rarity, slope = calibrated(sample)
    ends = forest.OUTER
    at = np.concatenate([sample.at[:, :1] - ends[::-1], sample.at, sample.at[:, -1:] + ends], axis=1)
    rarity = np.minimum(rarity, believable(at * sample.scale[:, None], width))
    enough = count >= LEAST_ROWS
    value = NAMES.index("value")
    return Models(
        at=at.reshape(s, f, KNOTS).astype(np.float32),
        rarity=np.where(enough[:, None], rarity, 0.0).reshape(s, f, KNOTS).astype(np.float32),
        slope=np.where(enough, slope, 0.0).reshape(s, f),
        centre=sample.centre.reshape(s, f),
        scale=sample.scale.reshape(s, f),
        basis=Usual.empty(s),
        rows=np.zeros(s),
        left_out=(1 - sample.weight.sum(axis=1) / np.maximum(count, 1)).reshape(s, f)[:, value],
        usual=np.zeros(s),
        fitted=enough.reshape(s, f)[:, value],
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


def on_scale(ratio: Floats, usual: Floats) -> Floats:
    """Scores (S, n) of ratios to the threshold: 0.5 where they are `usual` (S,), 1 at the threshold, as they are above.

    A series that is usually above half its threshold keeps its middle where it is.
    """
    middle = np.clip(usual, TINY, 0.5)[:, None]
    high = 0.5 + 0.5 * (ratio - middle) / (1 - middle)
    return np.where(ratio >= 1, ratio, np.where(ratio < middle, 0.5 * ratio / middle, high))


def answer(models: Models, past: Past, values: Floats, settings: Settings) -> tuple[Floats, Floats]:
    """Scores (S, n), fitted or not, and rarities (S, F, n) of columns with the given values (S, n)."""
    rarity = rarities(models, past.features(values))
    ratio = combination.ratio(rarity, models.known, models.rows, settings)
    return on_scale(ratio, models.usual), rarity


def score(models: Models, values: Floats, end: int, settings: Settings, last: int) -> Scores:
    """Scores of the `last` columns of `values` (S, T), a model per row; `end` is the last one's time.

    Columns need `context_steps` of past in `values`: what lies before counts as missing. Column by column or all at
    once gives the same.
    """
    at_once = max(1, SCORE_CELLS // max(last, 1))
    blocks = [slice(i, i + at_once) for i in range(0, len(values), at_once)]
    parts = [score_block(models.take(block), values[block], end, settings, last) for block in blocks]
    return Scores.concatenate(parts) if parts else Scores.blank(0, last)


def score_block(models: Models, values: Floats, end: int, settings: Settings, last: int) -> Scores:
    """As `score`, all series at once."""
    recent = values[:, max(values.shape[1] - context_steps(settings) - last, 0) :]
    panel = Panel.behind(recent, end, settings, last)
    at = np.arange(panel.width - last, panel.width)
    newest, past = panel.read(at), Past.of(models.basis, panel, at)
    result, rarity = answer(models, past, newest, settings)
    scored = ~np.isnan(newest) & models.fitted[:, None]
    return Scores(
        np.where(scored, result, np.nan),
        np.where(scored, past.expected, np.nan),
        np.where(scored[:, None], rarity, 0.0),
    )
