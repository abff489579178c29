"""Reading a matrix of series x columns at columns by number: gathers, and statistics of what lies behind a column.

Column numbers are arrays of any shape; what is read has a leading axis of series before it. What lies before the first
column is missing, and missing is NaN.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from zoneinfo import ZoneInfo

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.detection.settings import DAY, HOUR, Settings, around_reach, context_steps, day_reach
from sidecar.prometheus.coarse import Matrix

Reader = Callable[[Ints], Floats]
"""Column numbers (...) to values (S, ...)."""

Statistic = Callable[[Reader, Ints, Ints], Floats]
"""(reader, columns (...), lags (L,)) -> (S, ...): a statistic of what lies `lags` before the columns."""

CALENDAR = (-17_000_000, 70_000_000)
"""Hours of unix time that have a date, with some years to spare: from 30 to 9955."""

TINY = 1e-200
"""Takes the place of a zero that is divided by, or whose logarithm is taken."""

FEW = 16
"""Columns up to which means of buckets are taken where they are read; for more, they are taken everywhere, once."""


@dataclass(frozen=True, slots=True)
class Track:
    """Some columns of a matrix, or a statistic of them, by their numbers in the whole.

    Attributes:
        place: which of the `values` a column is, by its number.
        values: (S, C) in Fortran order: a column is read of all series at once, so these lie side by side.
    """

    place: Ints
    values: Floats

    @classmethod
    def of(cls, statistic: Reader, wanted: Iterable[Ints], width: int) -> "Track":
        """A statistic at all of the columns that are `wanted`, each taken once however often it is read."""
        columns, place = numbered(wanted, width)
        return cls(place, np.asfortranarray(statistic(columns)))

    def read(self, at: Ints) -> Floats:
        """The values at columns that are held."""
        return back(self.values, np.where(at >= 0, self.place[np.maximum(at, 0)], -1))


def numbered(wanted: Iterable[Ints], width: int) -> tuple[Ints, Ints]:
    """The columns of `width` that are `wanted`, each once and ascending, and their places among these, by number."""
    asked = np.arange(width) == 0  # there is always something to read
    for columns in wanted:
        asked[columns[columns >= 0]] = True
    return np.flatnonzero(asked), np.cumsum(asked) - 1


@dataclass(frozen=True, slots=True)
class Panel:
    """Values (S, T) of which the last column lies at `end`, unix seconds; or those of its columns that are needed."""

    track: Track
    end: int
    settings: Settings

    @classmethod
    def of(cls, values: Floats, end: int, settings: Settings) -> "Panel":
        """All columns."""
        return cls(Track(np.arange(values.shape[1]), np.asfortranarray(values)), end, settings)

    @classmethod
    def behind(cls, values: Matrix, end: int, settings: Settings, last: int) -> "Panel":
        """The last columns and those that they are compared with: where these are few, a part that fits the cache."""
        if last > FEW:
            return cls.of(values[:, max(values.shape[1] - context_steps(settings) - last, 0) :], end, settings)
        asked = looked_at(values.shape[1], settings, last)
        return cls(Track(np.cumsum(asked) - 1, np.asfortranarray(values[:, asked])), end, settings)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.track.place)

    def times(self, at: Ints) -> Ints:
        """Unix seconds of columns."""
        return self.end - (self.width - 1 - at) * self.settings.step

    def read(self, at: Ints) -> Floats:
        """The values."""
        return self.track.read(at)

    def smooth(self, columns: int) -> Reader:
        """Means of buckets that end at a column; `columns` is the number of them that are looked at."""
        return self.of_buckets(mean, columns)

    def of_buckets(self, statistic: Statistic, columns: int) -> Reader:
        """A statistic of buckets that end at a column; `columns` is the number of them that are looked at."""
        bucket = np.arange(self.settings.bucket)
        if len(bucket) == 1:
            return self.read
        if columns <= FEW:
            return lambda at: statistic(self.read, at, bucket)
        return partial(back, np.asfortranarray(statistic(self.read, np.arange(self.width), bucket)))

    def hours(self, at: Ints) -> Ints:
        """The hour of the day, 0 to 23, on the clock of the time zone."""
        times = self.times(at)
        return np.asarray((times + utc_offset(times, self.settings.timezone)) // HOUR % 24)


def looked_at(width: int, settings: Settings, last: int) -> Bools:
    """Which of `width` columns have to do with the `last` of them: the day before, and the same time of other days."""
    asked = np.zeros(width, dtype=np.bool_)
    asked[max(width - last - day_reach(settings), 0) :] = True
    days = {*range(1, settings.days_back + 1), *range(7, 7 * settings.weeks_back + 1, 7)}
    for day in days:
        begin = width - last - day * settings.day_steps - around_reach(settings)
        end = width - day * settings.day_steps + settings.slack_steps + settings.clock_steps
        asked[max(begin, 0) : max(end, 0)] = True
    return asked


@dataclass(frozen=True, slots=True)
class Window:
    """What some columns hold together; each of shape (S, ...).

    Attributes:
        count: how many are present.
        mean: their mean, 0 where there are none.
        squares: sum of their squared distances from it.
        enough: how many must be present for a deviation: a few samples after a gap lie close together by chance.
    """

    count: Floats
    mean: Floats
    squares: Floats
    enough: int = 1

    @classmethod
    def of(cls, read: Reader, at: Ints, lags: Ints) -> "Window":
        """Of the columns that lie `lags` before each of `at`."""
        total, count = sums(read, at, lags)
        middle = total / np.maximum(count, 1)
        squares, _ = sums(lambda columns: (read(columns) - middle) ** 2, at, lags)
        return cls(count, middle, squares, max(1, len(lags) // 2))

    @property
    def deviation(self) -> Floats:
        """Standard deviation, NaN where too few are present, or only one."""
        return np.where(self.count >= max(self.enough, 2), np.sqrt(self.squares / np.maximum(self.count, 1)), np.nan)

    def mean_with(self, newest: Floats) -> Floats:
        """Mean of these and one more."""
        return np.asarray(self.mean + (newest - self.mean) / (self.count + 1))

    def deviation_with(self, newest: Floats) -> Floats:
        """Standard deviation of these and one more, NaN where too few are present."""
        squares = self.squares + (newest - self.mean) ** 2 * self.count / (self.count + 1)
        return np.where(self.count >= self.enough, np.sqrt(squares / (self.count + 1)), np.nan)


def back(values: Floats, at: Ints) -> Floats:
    """Values (S, ...) at columns (...) of (S, T) in Fortran order: others would be copied whole at each read."""
    found = values.T.take(at, axis=0, mode="clip")
    found[at < 0] = np.nan
    return found.transpose(-1, *range(at.ndim))


def sums(read: Reader, at: Ints, lags: Ints) -> tuple[Floats, Floats]:
    """Sum, and number, of what is present `lags` before each of the columns: lag by lag, whatever else is asked."""
    if not len(lags):
        nothing = np.zeros_like(read(at))
        return nothing, nothing
    first = read(at - lags[0])
    known = ~np.isnan(first)
    total, count = np.where(known, first, 0.0), known.astype(np.float64)
    for lag in lags[1:].tolist():
        earlier = read(at - lag)
        known = ~np.isnan(earlier)
        total += np.where(known, earlier, 0.0)
        count += known
    return total, count


def mean(read: Reader, at: Ints, lags: Ints) -> Floats:
    """Mean of what is present `lags` before each of the columns."""
    total, count = sums(read, at, lags)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def least(read: Reader, at: Ints, lags: Ints) -> Floats:
    """The least of what is present `lags` before each of the columns."""
    return reduce(np.fmin, (read(at - lag) for lag in lags.tolist()))


def greatest(read: Reader, at: Ints, lags: Ints) -> Floats:
    """The greatest of what is present `lags` before each of the columns."""
    return reduce(np.fmax, (read(at - lag) for lag in lags.tolist()))


def median(values: Floats) -> Floats:
    """Median of what is present along the second axis of (S, L, ...); NaN where nothing is."""
    if not values.shape[1]:
        return np.full((len(values), *values.shape[2:]), np.nan)
    ordered = np.sort(values, axis=1)
    present = np.count_nonzero(~np.isnan(values), axis=1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(present - 1, 0) // 2, axis=1)
    high = np.take_along_axis(ordered, np.minimum(present // 2, values.shape[1] - 1), axis=1)
    return np.asarray(((low + high) / 2)[:, 0])


def magnitude(values: Floats) -> Floats:
    """The greatest size (S,) of what is present of (S, T); 0 where nothing is."""
    return np.asarray(np.nan_to_num(np.fmax.reduce(np.abs(values), axis=1)))


def nearest(now: Floats, others: Floats) -> Floats:
    """Distance (S, n) of `now` (S, n) from the nearest of `others` (S, L, n); NaN where there is none."""
    if not others.shape[1]:
        return np.full_like(now, np.nan)
    return np.asarray(np.fmin.reduce(np.abs(now[:, None] - others), axis=1))


def days_ago(times: Ints, days: Ints, settings: Settings) -> Ints:
    """Columns (len(days), n) back to the same time of day so many `days` before, on the clock of the time zone."""
    before = times - DAY * days[:, None]
    shift = utc_offset(times, settings.timezone) - utc_offset(before, settings.timezone)
    # To the nearest, where a clock changes by less than a step.
    return np.asarray((times - before - shift + settings.step // 2) // settings.step, dtype=np.intp)


def utc_offset(times: Ints, timezone: str) -> Ints:
    """Seconds that the zone's clock is ahead of UTC at `times`, to the hour in which it changes."""
    if timezone == "UTC":
        return np.zeros_like(times)
    zone = ZoneInfo(timezone)
    # Of years that the calendar does not have, the offset of the nearest that it has.
    hours, where = np.unique(np.clip(times // HOUR, *CALENDAR), return_inverse=True)
    offsets = [datetime.fromtimestamp(int(hour) * HOUR, UTC).astimezone(zone).utcoffset() for hour in hours]
    return np.array([int(o.total_seconds()) for o in offsets if o is not None])[where].reshape(times.shape)
