"""What the detector looks at: a few numbers per column, each from the column and its past, in the series' own unit.

All of them compare what is with what was usual; each would be small for an ordinary column and large, either way, for
an odd one. Steps shorter than five minutes are averaged over five minutes, trailing, before anything else.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.settings import DAY, HOUR, MINUTE, Settings

NAMES = ("value", "seasonal", "relative", "nearest", "drift", "spread", "nearest_spread")
"""In the unit of the series:
value: the value itself;
seasonal: its distance from the middle of the same time of day on the last days;
relative: logarithm of its ratio to the middle of the last day, with the sign of the value;
nearest: its distance from the nearest value about the same time of day on any of the last days;
drift: the mean of the last 25 minutes, against the middle of the same on the last days;
spread: logarithm of the standard deviation over the last 100 minutes;
nearest_spread: distance of that standard deviation from the nearest about the same time of day on the last days.
"""
SEASONAL_DAYS = 5
LEVEL_STRIDE = 30 * MINUTE
LOGARITHMIC = ("relative", "spread")
TINY = 1e-200
LEAST_SPREAD = 1e-3
"""Where the logarithm of a spread or a level begins, as a share of the series' own spread."""


def features(values: Floats, at: Ints, end: int, unit: Floats, settings: Settings) -> Floats:
    """Features (S, F, n), in the order of NAMES, of the columns `at` (n,) of `values` (S, T).

    `end` is the time of the last column, `unit` (S,) the ordinary spread of each series. What lies before the first
    column is missing; a feature is NaN where the column's own value is, or all of the past that it needs.
    """
    smooth = trailing_mean(values, settings.bucket)
    least = np.maximum(LEAST_SPREAD * unit, TINY)[:, None]
    days = days_ago(end - (values.shape[1] - 1 - at) * settings.step, settings)
    slack = np.arange(-settings.slack_steps, settings.slack_steps + 1, settings.bucket)
    same_time = at - days[:SEASONAL_DAYS]
    about_that_time = (at - days[:, None, :] + slack[:, None]).reshape(-1, len(at))
    now = smooth[:, at]
    short = Means(smooth, settings.short_steps, settings.bucket, [at, same_time, day_before(at, settings)])
    deviation = Deviations(smooth, settings.long_steps, settings.bucket, [at, about_that_time])
    found = np.stack(
        [
            now,
            now - median(back(smooth, same_time)),
            relative(now, median(short.at(day_before(at, settings))), least),
            nearest(now, back(smooth, about_that_time)),
            short.at(at) - median(short.at(same_time)),
            np.log(np.maximum(deviation.at(at), least)),
            nearest(deviation.at(at), deviation.at(about_that_time)),
        ],
        axis=1,
    )
    return np.where(np.isnan(values[:, None, at]), np.nan, found)


class Means:
    """Means of the present ones of every `bucket`-th column over the last `steps`, at the columns that are asked for.

    Scoring one column needs a hundred of them, fitting needs nearly all: so they are computed where needed, once.
    """

    def __init__(self, smooth: Floats, steps: int, bucket: int, wanted: list[Ints]) -> None:
        asked = np.zeros(smooth.shape[1], dtype=np.bool_)
        for columns in wanted:
            asked[columns[columns >= 0]] = True
        self.columns = np.flatnonzero(asked)
        self.place = np.cumsum(asked) - 1
        self.ago = np.arange(0, steps, bucket)
        self.values = self.over(smooth)

    def over(self, smooth: Floats) -> Floats:
        """The statistic (S, columns)."""
        return self.mean(smooth, 1)

    def mean(self, smooth: Floats, least: int, around: Floats | None = None) -> Floats:
        """Mean of the values, or of their squared distances from `around`; NaN where fewer than `least` are there."""
        total = np.zeros((len(smooth), len(self.columns)))
        present = np.zeros_like(total)
        for ago in self.ago:
            earlier = back(smooth, self.columns - ago)
            known = ~np.isnan(earlier)
            total += np.where(known, earlier if around is None else (earlier - around) ** 2, 0.0)
            present += known
        return np.where(present >= least, total / np.maximum(present, 1), np.nan)

    def at(self, columns: Ints) -> Floats:
        """The statistic (S, ...) at columns (...) that were asked for, NaN before the first."""
        return np.where(columns >= 0, self.values[:, self.place[np.maximum(columns, 0)]], np.nan)


class Deviations(Means):
    """Standard deviations instead, NaN where fewer than two values are present."""

    def over(self, smooth: Floats) -> Floats:
        """The statistic (S, columns)."""
        return np.asarray(np.sqrt(self.mean(smooth, 2, self.mean(smooth, 1))))


def nearest(now: Floats, others: Floats) -> Floats:
    """Distance (S, n) of `now` (S, n) from the nearest of `others` (S, L, n); NaN where there is none."""
    if not others.shape[1]:
        return np.full_like(now, np.nan)
    return np.asarray(np.fmin.reduce(np.abs(now[:, None] - others), axis=1))


def day_before(at: Ints, settings: Settings) -> Ints:
    """Columns (L, n) at every half hour of the day before each of `at` (n,)."""
    stride = settings.bucket * max(1, LEVEL_STRIDE // (settings.step * settings.bucket))
    reach = min(settings.day_steps, settings.fit_steps)
    return np.asarray(at - np.arange(settings.bucket, reach + settings.bucket, stride)[:, None])


def relative(now: Floats, usual: Floats, least: Floats) -> Floats:
    """log(1 + |now| / |usual|), with the sign of `now`."""
    return np.asarray(np.sign(now) * np.log1p(np.abs(now) / np.maximum(np.abs(usual), least)))


def trailing_mean(values: Floats, columns: int) -> Floats:
    """Mean of the present values among each column and those before it, `columns` in all."""
    if columns == 1:
        return values
    padded = np.concatenate([np.full((len(values), columns - 1), np.nan), values], axis=1)
    windows = sliding_window_view(padded, columns, axis=1)
    present = np.count_nonzero(~np.isnan(windows), axis=2)
    total = np.nansum(windows, axis=2)
    return np.where(present > 0, total / np.maximum(present, 1), np.nan)


def back(values: Floats, index: Ints) -> Floats:
    """Values (S, ...) at column numbers (...), NaN before the first column."""
    return np.where(index >= 0, values[:, np.maximum(index, 0)], np.nan)


def median(values: Floats) -> Floats:
    """Median of what is present along the second axis of (S, L, n); NaN where nothing is."""
    if not values.shape[1]:
        return np.full((len(values), values.shape[2]), np.nan)
    ordered = np.sort(values, axis=1)
    present = np.count_nonzero(~np.isnan(values), axis=1)[:, None]
    low = np.take_along_axis(ordered, np.maximum(present - 1, 0) // 2, axis=1)
    high = np.take_along_axis(ordered, np.minimum(present // 2, values.shape[1] - 1), axis=1)
    return np.asarray(((low + high) / 2)[:, 0])


def days_ago(times: Ints, settings: Settings) -> Ints:
    """Columns (days, n) back to the same time of day, on the clock of the time zone, 1, 2, ... days before."""
    before = times - DAY * np.arange(1, settings.days_back + 1)[:, None]
    shift = utc_offset(times, settings.timezone) - utc_offset(before, settings.timezone)
    return np.asarray((times - before - shift) // settings.step, dtype=np.intp)


def utc_offset(times: Ints, timezone: str) -> Ints:
    """Seconds that the zone's clock is ahead of UTC at `times`, to the hour in which it changes."""
    if timezone == "UTC":
        return np.zeros_like(times)
    zone = ZoneInfo(timezone)
    hours, where = np.unique(times // HOUR, return_inverse=True)
    offsets = [datetime.fromtimestamp(int(hour) * HOUR, UTC).astimezone(zone).utcoffset() for hour in hours]
    return np.array([int(o.total_seconds()) for o in offsets if o is not None])[where].reshape(times.shape)
