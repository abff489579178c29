"""What the past of series teaches: features of the columns that are learnt from, and what these are measured with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sidecar.detection import combination
from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.detection.columns import TINY, Panel, Track, magnitude, median
from sidecar.detection.combination import Grounds
from sidecar.detection.expectation import fit_expectation
from sidecar.detection.features import LOGARITHMIC, NAMES, RELATIVE, Basis, Past, agreed, foretold, names, usual_change
from sidecar.detection.grain import grain_of, least_deviation
from sidecar.detection.habit import habit_of, recurrence_of
from sidecar.detection.models import Models
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings
from sidecar.detection.siblings import bent
from sidecar.detection.tables import Lookup, Tables, fit_tables

NOISE = 1e-3
"""A feature that varies by less than this share of the series' magnitude is constant."""
FEW = 1_000
"""One in so many samples, or one if there are fewer, may be so large that beside it all others would be constant."""
PLACE_BUCKETS, GOLDEN = 36, (5**0.5 - 1) / 2
"""Buckets after which they end at another place, and by which share of a bucket it moves."""
FIT_CELLS, LEARN_CELLS = 1 << 15, 1 << 16
"""Columns, of all series together, that are learnt from at once, by all of them or by some: so they fit the cache."""


@dataclass(frozen=True, slots=True)
class Lesson(Rows):
    """What there is to learn from the past of each series: a row per series.

    Attributes:
        basis: what the features are measured with.
        found: (S, F, n) the features of training columns; NaN where there is nothing to learn.
        noise: (S, F) the range of a feature below which it is noise of the arithmetic.
        least: (S, F) the least deviation of a feature.
        age: (S,) buckets since the first sample.
        every: (S,) seconds from one training column to the next.
        enough: (S,) whether there are samples enough.
    """

    basis: Basis
    found: Floats
    noise: Floats
    least: Floats
    age: Floats
    every: Floats
    enough: Bools

    def tables(self, too_odd: float) -> Tables:
        """How rare which value of a feature is; what is `too_odd` is not learnt from."""
        return fit_tables(self.found, self.noise, self.least, too_odd)

    def models(self, tables: Tables, settings: Settings) -> Models:
        """The models, once it is known how rare which feature is."""
        return self.models_by(tables, agreed(Lookup.of(tables).rarities(self.found), self.found), settings)

    def own_models(self, shared: Tables, settings: Settings) -> Models:
        """The models, once it is known how rare which feature is among siblings."""
        rarity, distance = Lookup.of(shared).by_curves(self.found)
        tables = bent(shared, self.found, rarity, self.least)
        return self.models_by(tables, agreed(tables.bend.own(rarity, distance), self.found), settings)

    def models_by(self, tables: Tables, rarity: Floats, settings: Settings) -> Models:
        """The models, with what the series' own past comes to, by its rarities (S, F, N)."""
        plain = Grounds(tables.known, self.age, np.zeros(len(self.age)), np.ones(len(self.age)))
        past = self.past(rarity, plain, settings)
        habit, recurrence = habit_of(past, self.every, settings), recurrence_of(past, self.every)
        ratios = self.past(rarity, replace(plain, habit=habit, recurrence=recurrence), settings)
        median_ratio = np.nan_to_num(median(later(ratios)[:, :, None])[:, 0])
        fitted = self.enough & tables.known[:, NAMES.index("value")]
        return Models(tables, self.basis, self.age, habit, recurrence, median_ratio, fitted)

    def past(self, rarity: Floats, grounds: Grounds, settings: Settings) -> Floats:
        """How near the threshold training columns came, (S, N); NaN where there is nothing to learn."""
        return np.where(any_value(self.found), combination.ratio(rarity, grounds, settings), np.nan)


def blocks(values: Floats, cells: int) -> Iterator[Floats]:
    """Some rows (S, W) at a time, with about so many `cells`."""
    at_once = max(1, cells // max(values.shape[1], 1))
    yield from (values[i : i + at_once] for i in range(0, len(values), at_once))


def learn(values: Floats, end: int, settings: Settings, some: Ints | None = None) -> Lesson:
    """What the series `values` (S, W) teach, all at once: by every bucket, or by `some`, counted from the last, 0."""
    values = plausible(values)
    panel, width = Panel.of(values, end, settings), values.shape[1]
    at, age = bucket_ends(width, settings), ages(values)
    learnt = np.where(with_past(at, age, width, settings), values[:, at], np.nan)
    chosen = np.arange(len(at)) if some is None else len(at) - 1 - some
    basis, slow = basis_of(values, panel, at, learnt, foretold(at[chosen], settings))
    found = features(basis, panel, at[chosen], learnt[:, chosen], slow)
    apart = 1.0 if some is None else np.diff(some[::-1]).mean()
    every = np.full(len(values), apart * settings.bucket * settings.step)
    noise, least = noise_of(values, settings), least_deviation(grain_of(values), settings)
    return Lesson(basis, found, noise, least, age / settings.bucket, every, well_known(values, settings))


def learn_some(values: Floats, end: int, settings: Settings, columns: int) -> Lesson:
    """What the series `values` (S, W) teach by so many columns, evenly spread over the past of each."""
    buckets, apart = len(bucket_ends(values.shape[1], settings)), spacing(values, columns, settings)
    order = np.argsort(apart, kind="stable")
    back = np.arange(min(columns, buckets))[::-1]
    parts = [
        learn(block, end, settings, np.asarray(back * far, dtype=np.intp))
        for far in np.unique(apart)
        for block in blocks(values[apart == far], LEARN_CELLS)
    ]
    return Lesson.concatenate(parts).take(np.argsort(order))


def spacing(values: Floats, columns: int, settings: Settings) -> Floats:
    """How many buckets (S,) apart so many columns of the series `values` (S, W) are to span their past.

    In halves of a whole window's past, so that few series have a spacing of their own and are learnt from apart.
    """
    age, width = ages(values), np.array(values.shape[1])
    whole, past = width - skipped(width, settings), age - skipped(age, settings)
    halvings = np.ceil(np.log2(whole / np.maximum(past, 1)))
    return np.asarray(np.maximum(whole / 2**halvings / settings.bucket / columns, 1.0))


def plausible(values: Floats) -> Floats:
    """The values (S, W) without the few that have nothing to do with the others, such as an overflow.

    One such sample would be taken for the magnitude of the series, and what varies by less than `NOISE` of that for
    constant, for as long as the fit window holds it.
    """
    width = values.shape[1]
    most = min(max(width // FEW, 1), width - 1)
    size = np.nan_to_num(np.abs(values))
    largest = np.sort(np.partition(size, width - most - 1, axis=1)[:, width - most - 1 :], axis=1)
    few = np.clip(np.count_nonzero(~np.isnan(values), axis=1) // FEW, 1, most)
    usual = np.take_along_axis(largest, (most - few)[:, None], axis=1)
    absurd = (size > usual / NOISE) & (usual > 0)
    return np.where(absurd, np.nan, values) if absurd.any() else values


def basis_of(values: Floats, panel: Panel, at: Ints, learnt: Floats, others: Ints) -> tuple[Basis, Track]:
    """What the features are measured with, by the columns `at` (n,) where `learnt` (S, n) has a value.

    With it comes the slow forecast of these columns and of `others`.
    """
    unit = np.maximum(ordinary_spread(values), NOISE * magnitude(values))
    rough = usual_change(panel, at, ~np.isnan(learnt))
    expectation, slow = fit_expectation(panel, at, learnt, unit, others)
    return Basis(unit, rough, expectation), slow


def features(basis: Basis, panel: Panel, at: Ints, values: Floats, slow: Track) -> Floats:
    """Features (S, F, n) of the columns `at` (n,), whose values are given (S, n); NaN where one is."""
    found = Past.of(basis, panel, at, slow).features(values)
    return np.where(np.isnan(values)[:, None], np.nan, found)


def noise_of(values: Floats, settings: Settings) -> Floats:
    """The range (S, F) of a feature below which it is noise of the arithmetic."""
    pure = np.isin(names(settings), LOGARITHMIC + RELATIVE)
    return np.maximum(NOISE * np.where(pure, 1.0, magnitude(values)[:, None]), TINY)


def ages(values: Floats) -> Ints:
    """Columns (S,) from the first sample to the end, 0 where there is none."""
    present = ~np.isnan(values)
    return np.where(present.any(axis=1), values.shape[1] - np.argmax(present, axis=1), 0)


def bucket_ends(width: int, settings: Settings) -> Ints:
    """The last columns (n,) of the buckets that a window of `width` columns may be learnt from, and of those before.

    The latter, as many as a long window has, tell what the fast forecast goes by. Every three hours or so buckets end
    at another place, or what happens for a minute of each hour would stand at an end each time, or never, and as a
    single column be learnt from too much, or not at all. Multiples of the golden ratio spread evenly however few there
    are (Weyl, "Über die Gleichverteilung von Zahlen mod. Eins", 1916).
    """
    back = np.arange(width // settings.bucket, -1, -1)
    places = np.floor(back // PLACE_BUCKETS * GOLDEN % 1 * settings.bucket).astype(np.intp)
    ends = width - 1 - back * settings.bucket - places
    return np.asarray(ends[ends >= max(skipped(np.array(width), settings) - settings.long_steps, 0)])


def with_past(at: Ints, age: Ints, width: int, settings: Settings) -> Bools:
    """(S, n): columns to learn from: behind the first week or, in younger series, the first quarter.

    Before, features look back on less than they will, and would teach a wider normal.
    """
    return np.asarray(at >= (width - age + skipped(age, settings))[:, None])


def skipped(age: Ints, settings: Settings) -> Ints:
    """Columns at the beginning of a series that are not learnt from."""
    return np.asarray(np.minimum(age // 4, settings.days_back * settings.day_steps))


def ordinary_spread(values: Floats) -> Floats:
    """Standard deviation (S,) of the values about their middle, without the farthest tenth; 0 for constant series."""
    distance = np.sort(np.abs(values - median(values[:, :, None])), axis=1)
    present = np.count_nonzero(~np.isnan(values), axis=1)[:, None]
    near = np.where(np.arange(values.shape[1]) < 0.9 * present, distance, np.nan)
    return np.asarray(np.sqrt(np.nansum(near**2, axis=1) / np.maximum(0.9 * present[:, 0], 1)))


def later(found: Floats) -> Floats:
    """The later half of training columns (..., n): they look back on as many other days as those to be scored will."""
    return found[..., found.shape[-1] // 2 :]


def any_value(found: Floats) -> Bools:
    """(S, n): whether the column has a value."""
    return np.asarray(~np.isnan(found[:, NAMES.index("value")]))


def well_known(values: Floats, settings: Settings) -> Bools:
    """(S,): whether there are samples for half of the least history: the first fit comes a little before its end."""
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=1) >= settings.min_steps // 2)
