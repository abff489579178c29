"""What the detector looks at: a few numbers per column, each from the column and its past, in the series' own unit.

All of them compare what is with what was usual; each would be small for an ordinary column and large, either way, for
an odd one. Steps shorter than five minutes are averaged over five minutes, trailing, before anything else.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.settings import DAY, HOUR, Settings

NAMES = ("value", "seasonal", "nearest", "range")
SEASONAL_DAYS = 5


def features(values: Floats, at: Ints, end: int, settings: Settings) -> Floats:
    """Features (S, F, n), in the order of NAMES, of the columns `at` (n,) of `values` (S, T).

    `end` is the time of the last column. What lies before the first column is missing; a feature is NaN where the
    column's own value is, or all of the past that it needs.
    """
    smooth = trailing_mean(values, settings.bucket)
    now = smooth[:, at]
    times = end - (values.shape[1] - 1 - at) * settings.step
    seasonal, nearest = beside_other_days(smooth, at, times, settings)
    window = back(smooth, at - np.arange(0, settings.long_steps, settings.bucket)[:, None])
    spread = np.fmax.reduce(window, axis=1) - np.fmin.reduce(window, axis=1)
    found = np.stack([now, seasonal, nearest, spread], axis=1)
    return np.where(np.isnan(values[:, None, at]), np.nan, found)


def beside_other_days(smooth: Floats, at: Ints, times: Ints, settings: Settings) -> tuple[Floats, Floats]:
    """Distance (S, n) from the middle of the same time on the last days, and from the nearest about that time."""
    now = smooth[:, at]
    if not settings.days_back:
        return np.full_like(now, np.nan), np.full_like(now, np.nan)
    days = days_ago(times, settings)
    slack = np.arange(-settings.slack_steps, settings.slack_steps + 1, settings.bucket)
    same_slot = back(smooth, at - days[:SEASONAL_DAYS])
    around = back(smooth, at - days[:, None, :] + slack[:, None])
    return now - median(same_slot), np.fmin.reduce(np.abs(now[:, None, None] - around), axis=(1, 2))


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
