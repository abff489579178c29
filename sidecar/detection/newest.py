"""The features as functions of the newest value: what the past has to do with them is found once.

features.py says what they are. The newest value takes part in them through the mean of the newest bucket alone, so
that the search for a band can try value after value without looking at the past again.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.features import (
    LEAST_SPREAD,
    SEASONAL_DAYS,
    TINY,
    Deviations,
    Means,
    back,
    day_before,
    days_ago,
    median,
    nearest,
    relative,
    trailing_mean,
)
from sidecar.detection.settings import Settings


@dataclass(frozen=True, slots=True)
class Window:
    """The values of a window but for its newest: shapes (S, n).

    Attributes:
        count: how many are present.
        mean: their mean, 0 where there are none.
        squares: sum of their squared distances from it.
    """

    count: Floats
    mean: Floats
    squares: Floats

    @classmethod
    def before(cls, values: Floats, at: Ints, steps: int, stride: int) -> "Window":
        """Of every `stride`-th column of the last `steps` up to each of `at` (n,), that one left out."""
        others = back(values, at - np.arange(stride, steps, stride)[:, None])
        count = np.count_nonzero(~np.isnan(others), axis=1)
        mean = np.nansum(others, axis=1) / np.maximum(count, 1)
        squares = np.nansum((others - mean[:, None]) ** 2, axis=1)
        return cls(count.astype(np.float64), mean, squares)

    def mean_with(self, newest: Floats) -> Floats:
        """Mean of the whole window."""
        return self.mean + (newest - self.mean) / (self.count + 1)

    def deviation_with(self, newest: Floats) -> Floats:
        """Standard deviation of the whole window, NaN where the newest value is alone."""
        squares = self.squares + (newest - self.mean) ** 2 * self.count / (self.count + 1)
        return np.where(self.count > 0, np.sqrt(squares / (self.count + 1)), np.nan)


@dataclass(frozen=True, slots=True)
class Past:
    """What the newest values of some columns are compared with; shapes (S, n) but for those named.

    Attributes:
        bucket: the values with which the newest one is averaged.
        same_time: the middle of the same time of day on the last days.
        level: the middle of the last day.
        about: (S, L, n) the values about the same time of day on the last days.
        short: the window of `drift`.
        short_then: the middle of its mean at the same time of day on the last days.
        long: the window of `spread`.
        spreads: (S, L, n) the standard deviations about the same time of day on the last days.
        least: (S, 1) where the logarithm of a spread or a level begins.
    """

    bucket: Window
    same_time: Floats
    level: Floats
    about: Floats
    short: Window
    short_then: Floats
    long: Window
    spreads: Floats
    least: Floats

    @classmethod
    def of(cls, values: Floats, at: Ints, end: int, unit: Floats, settings: Settings) -> "Past":
        """Of the columns `at` (n,) of `values` (S, T); the arguments are those of `features`."""
        smooth = trailing_mean(values, settings.bucket)
        days = days_ago(end - (values.shape[1] - 1 - at) * settings.step, settings)
        slack = np.arange(-settings.slack_steps, settings.slack_steps + 1, settings.bucket)
        same_time = at - days[:SEASONAL_DAYS]
        about = (at - days[:, None, :] + slack[:, None]).reshape(-1, len(at))
        last_day = day_before(at, settings)
        short = Means(smooth, settings.short_steps, settings.bucket, [at, same_time, last_day])
        deviation = Deviations(smooth, settings.long_steps, settings.bucket, [at, about])
        return cls(
            bucket=Window.before(values, at, settings.bucket, 1),
            same_time=median(back(smooth, same_time)),
            level=median(short.at(last_day)),
            about=back(smooth, about),
            short=Window.before(smooth, at, settings.short_steps, settings.bucket),
            short_then=median(short.at(same_time)),
            long=Window.before(smooth, at, settings.long_steps, settings.bucket),
            spreads=deviation.at(about),
            least=np.maximum(LEAST_SPREAD * unit, TINY)[:, None],
        )

    def features(self, newest: Floats) -> Floats:
        """Features (S, F, n) of the columns, were their values `newest` (S, n)."""
        now = self.bucket.mean_with(newest)
        deviation = self.long.deviation_with(now)
        found = [
            now,
            now - self.same_time,
            relative(now, self.level, self.least),
            nearest(now, self.about),
            self.short.mean_with(now) - self.short_then,
            np.log(np.maximum(deviation, self.least)),
            nearest(deviation, self.spreads),
        ]
        return np.stack(found, axis=1)
