"""From the rarities of single features to one score: nine parts, each with the bar that the alarm budget sets.

A part asks one question by some features, and all of them have their say: one odd feature is no anomaly. And most have
an excuse: what other days had about the same time of day too, as of a nightly job, is no news however odd it looks.
The score is that of the part that comes nearest to its bar.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.detection.features import NAMES
from sidecar.detection.settings import DAY, HOUR, Settings


@dataclass(frozen=True, slots=True)
class Part:
    """A question to some features.

    Attributes:
        features: their names.
        bar: the combined rarity at which a budget of one alarm in thirty days is kept to, with a value tested an hour.
        per_decade: how much higher the bar is, as a share, with ten times as many values tested.
        buckets: age from which on the tails are trusted in full.
        days: days of history from which on other days, or windows of hours, are known well enough; 0 where none count.
        growth: the power of the share of these days by which it is believed before.
        unanimous: whether the least rarity counts, so that each feature has a veto, instead of their mean.
        single: whether single columns are tested, and not means of five minutes.
        short: whether it is only asked where steps are shorter than a bucket.
        excuse: a feature that knows other days: what they had about the same time of day is not odd.
        excused: how many times as rare as that feature the answer can be.
    """

    features: tuple[str, ...]
    bar: float
    per_decade: float = 0.0
    buckets: int = 300
    days: float = 0
    growth: float = 0.5
    unanimous: bool = False
    single: bool = False
    short: bool = False
    excuse: str = ""
    excused: float = 3.0

    @property
    def places(self) -> Ints:
        """Where its features stand."""
        return np.array([NAMES.index(name) for name in self.features])


PARTS = {
    "magnitude": Part(("value", "residual", "innovation"), 1.78, 0.7, unanimous=True),
    "level": Part(("value", "drift"), 1.35, 0.9, days=7, unanimous=True),
    "shape": Part(
        ("nearest", "drift", "restlessness", "nearest_spread", "mean"), 1.43, 0.2, buckets=600, days=7, excuse="outside"
    ),
    "departure": Part(("drift", "long_residual"), 1.86, 0.05, buckets=600, days=7, growth=2.0, excuse="outside"),
    "upheaval": Part(("residual", "drift", "long_residual", "nearest_spread"), 1.35, 0.4, days=7, unanimous=True),
    "texture": Part(("spread", "roughness"), 2.25, buckets=400, days=1.5, excuse="nearest_spread", excused=2.0),
    "unrest": Part(("restlessness", "innovation", "roughness"), 1.88, buckets=400, days=1.5, excuse="outside"),
    "jump": Part(("innovation", "jump", "relative_jump"), 2.65, 0.2, single=True, excuse="outside"),
    "spike": Part(("outside", "surprise", "jump", "relative_jump"), 2.73, 0.2, buckets=900, single=True, short=True),
}
"""magnitude: is the value odd in itself, for its time and for the minutes before it, all three?
level: is it odd in itself, and has it been odd for its time for a while, however it came there?
shape: how unlike other days are the last minutes to hours?
departure: does the series stay away from what is expected? A day that lies off does so for hours, so a few days show
little of how far days lie off, however many buckets they have.
upheaval: does it, now too, and also vary as on no other day?
texture: has it become still, or restless?
unrest: is it restless in a way that nothing foretold?
jump: has it moved at once by more than it ever does? This one sees single columns of short steps.
spike: the same where a single column is a small part of a mean, and the last minutes as a whole need not be odd.
"""

PEEL_BAR = 2.5
"""The rarity past which a value is not learnt from where a bucket is an hour or more; higher where it is less."""
USUAL_RARITY = float(np.log10(2))
"""Rarity of the middle: half of all columns are as unusual."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What answers about some series rest on; a row per series.

    Attributes:
        known: (S, F) the features that a model knows: the others, in a short history, do not count.
        age: (S,) buckets since the first sample: a tail known from few is not believed in full.
        habit: (S,) by how many decades the bars are higher, as the series' own past came over them too often.
        recurrence: (S,) how many times higher they are, as it came over them again and again.
    """

    known: Bools
    age: Floats
    habit: Floats
    recurrence: Floats


def ratio(rarity: Floats, grounds: Grounds, settings: Settings) -> Floats:
    """How near the threshold of 1 each column comes, (S, n), by the rarities (S, F, n) of its features."""
    asked = (part for part in PARTS.values() if settings.bucket > 1 or not part.short)
    return np.asarray(np.maximum.reduce([nearness(part, rarity, grounds, settings) for part in asked]))


def nearness(part: Part, rarity: Floats, grounds: Grounds, settings: Settings) -> Floats:
    """How near its bar a part comes, (S, n)."""
    tested = settings.step if part.single else settings.step * settings.bucket
    bar = part.bar * (1 + part.per_decade * decades_tested(tested)) + budget_decades(settings)
    found = combine(rarity[:, part.places], grounds.known[:, part.places], unanimous=part.unanimous)
    if part.excuse:
        found = np.minimum(found, part.excused * most_by_other_days(part, rarity, grounds.known))
    own = (bar + grounds.habit[:, None]) * grounds.recurrence[:, None]
    return found * trust(part, grounds.age, settings) / own


def most_by_other_days(part: Part, rarity: Floats, known: Bools) -> Floats:
    """The rarity (S, n) of what excuses a part; infinite where it is not known, or missing in a column: 0 says so."""
    place = NAMES.index(part.excuse)
    there = known[:, place, None] & (rarity[:, place] > 0)
    return np.where(there, rarity[:, place], np.inf)


def trust(part: Part, age: Floats, settings: Settings) -> Floats:
    """How far a part is believed, (S, 1): by the shares of the buckets and of the days that it needs."""
    days = age * settings.bucket * settings.step / DAY
    known = np.minimum(days / part.days, 1.0) ** part.growth if part.days else 1.0
    return np.asarray((np.sqrt(np.minimum(age / part.buckets, 1.0)) * known)[:, None])


def combine(rarity: Floats, known: Bools, *, unanimous: bool) -> Floats:
    """One rarity (S, n) of some features' (S, F, n): the least of the known, or the mean of their roots, squared.

    The latter is between the mean, which one feature could carry alone, and the least, which one could veto.
    """
    if unanimous:
        least = np.where(known[:, :, None], rarity, np.inf).min(axis=1)
        return np.where(np.isfinite(least), least, 0.0)
    roots = np.where(known[:, :, None], np.sqrt(rarity), 0.0).sum(axis=1)
    return np.asarray((roots / np.maximum(known.sum(axis=1), 1)[:, None]) ** 2)


def decades_tested(every: int) -> float:
    """Decimal logarithm of how many values are tested in an hour, one `every` so many seconds.

    Not below 0, as no longer step set the bars.
    """
    return max(0.0, float(np.log10(HOUR / every)))


def budget_decades(settings: Settings) -> float:
    """log10 of the budget of one in 30 days over the configured budget, at least -1."""
    return max(-1.0, float(np.log10(1 / (30 * DAY * settings.alarm_budget))))


def too_odd(settings: Settings) -> float:
    """The rarity past which a value is not learnt from."""
    return PEEL_BAR + 0.5 * decades_tested(settings.step * settings.bucket)
