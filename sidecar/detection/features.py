"""What the detector looks at: a few numbers per column, each a function of its value and of the past.

All of them compare what is with what was usual; each would be small for an ordinary column and large, either way, for
an odd one. Steps shorter than five minutes are averaged over five minutes, trailing, but for the last features.

The past has its part in them through `Past`, found once per column; the column's own value comes last. So the search
for a band can try value after value without looking at the past again.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Ints
from sidecar.detection.columns import (
    TINY,
    Panel,
    Reader,
    Track,
    Window,
    days_ago,
    greatest,
    least,
    mean,
    median,
    nearest,
)
from sidecar.detection.expectation import SEASONAL_DAYS, Expectation, by_hour, carried, expected, half_hour_before
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings

NAMES = (
    "value",
    "residual",
    "innovation",
    "nearest",
    "drift",
    "spread",
    "nearest_spread",
    "mean",
    "long_residual",
    "restlessness",
    "roughness",
    "jump",
    "relative_jump",
    "outside",
    "surprise",
)
"""In the unit of the series, but for those said to be relative to what is usual:
value: the value itself;
residual: its distance from the slow forecast, relative;
innovation: its distance from the fast forecast, relative;
nearest: its distance from the nearest value about the same time of day on any of the last days;
drift: the mean of the last 25 minutes, against the middle of the same on the last days, relative;
spread: logarithm of the standard deviation over the last 100 minutes;
nearest_spread: distance of that standard deviation from the nearest about the same time of day on the last days;
mean: the mean of the last 100 minutes;
long_residual: mean residual of the last 100 minutes, relative;
restlessness: logarithm of the standard deviation of the innovations of the last 100 minutes, relative;
roughness: logarithm of the mean change from column to column, against the middle of the same on the last days;
jump: distance from the middle of the last half hour;
relative_jump: that distance over the mean change from column to column before;
outside: how far it lies outside of the single values about the same time of day on the last days;
surprise: its distance from what the value just before foretold.

The last one is only looked at where steps are shorter than a bucket, and a value is a small part of the means.
"""
DRIFT, LONG_RESIDUAL = NAMES.index("drift"), NAMES.index("long_residual")
LOGARITHMIC = ("spread", "restlessness", "roughness")
RELATIVE = ("residual", "innovation", "drift", "long_residual", "relative_jump")
DISTANCES = ("nearest", "nearest_spread", "outside")
"""Those that are never below 0."""
LEAST_SPREAD, LEAST_JUMP = 1e-3, 0.02
"""Where logarithms of a spread begin, and the least yardstick of a jump, as shares of the series' own spread."""
LEAST_RESTLESSNESS, FARTHEST = 1e-3, 1e9
"""Where the logarithm of restlessness begins, and the most that a distance can be, both relative to what is usual."""


def names(settings: Settings) -> tuple[str, ...]:
    """Those of `NAMES` that are looked at."""
    return NAMES if settings.bucket > 1 else NAMES[:-1]


@dataclass(frozen=True, slots=True)
class Basis(Rows):
    """What the features of each series are measured with: a row per series.

    Attributes:
        unit: (S,) the spread of the values.
        rough: (S,) the usual change from column to column.
        expectation: the forecasts.
    """

    unit: Floats
    rough: Floats
    expectation: Expectation

    @classmethod
    def empty(cls, rows: int) -> "Basis":
        """Of series that were never fitted."""
        return cls(np.zeros(rows), np.zeros(rows), Expectation.empty(rows))


@dataclass(frozen=True, slots=True)
class Past:
    """What the values of some columns are compared with; shapes (S, n) but for those named.

    Attributes:
        bucket: the values with which the newest one is averaged.
        expected: the slow forecast.
        carried: the residual that the fast forecast expects.
        scale: the usual size of the residual.
        fast_scale: the usual size of the innovation.
        about: (S, L, n) the values about the same time of day on the last days.
        short: the window of `drift`, without the newest value as all windows here.
        short_then: the middle of its mean at the same time of day on the last days.
        long: the window of `spread` and `mean`.
        low, high: the range of the single values about that time.
        spreads: (S, L, n) the standard deviations about the same time of day on the last days.
        long_residuals: the window of `long_residual`.
        innovations: the window of `restlessness`.
        changes: the window of `roughness`.
        previous: the value before.
        rough_then: the middle of the mean change at the same time of day on the last days.
        half_hour: the middle of the last half hour.
        kept: what usually stays of the distance of the value before from that; None where steps fill a bucket.
        calm: the mean change before a jump, with the usual one.
        least: (S, 1) where the logarithm of a spread begins.
    """

    bucket: Window
    expected: Floats
    carried: Floats
    scale: Floats
    fast_scale: Floats
    about: Floats
    short: Window
    short_then: Floats
    long: Window
    low: Floats
    high: Floats
    spreads: Floats
    long_residuals: Window
    innovations: Window
    changes: Window
    previous: Floats
    rough_then: Floats
    half_hour: Floats
    kept: Floats | None
    calm: Floats
    least: Floats

    @classmethod
    def of(cls, basis: Basis, panel: Panel, at: Ints, slow: Track | None = None) -> "Past":
        """Of the columns `at` (n,); `slow` is the slow forecast of the `foretold` ones, where it is known already."""
        settings, smooth = panel.settings, panel.smooth(len(at))
        return cls(
            bucket=Window.of(panel.read, at, np.arange(1, settings.bucket)),
            least=np.maximum(LEAST_SPREAD * basis.unit, TINY)[:, None],
            **_by_forecast(basis, panel, smooth, at, slow),
            **_by_other_days(panel, smooth, at),
            **_by_column(basis, panel, at),
        )

    def features(self, newest: Floats) -> Floats:
        """Features (S, F, n) of the columns, were their values `newest` (S, n); NaN where what they need is.

        They are in the order of `NAMES`, as all that is kept by feature.
        """
        now = self.bucket.mean_with(newest)
        residual = now - self.expected
        relative, innovation = over(residual, self.scale), over(residual - self.carried, self.fast_scale)
        spread = self.long.deviation_with(now)
        rough = self.changes.mean_with(np.abs(newest - self.previous))
        restlessness = self.innovations.deviation_with(innovation)
        jump = newest - self.half_hour
        found = {
            "value": now,
            "residual": relative,
            "innovation": innovation,
            "nearest": nearest(now, self.about),
            "drift": over(self.short.mean_with(now) - self.short_then, self.scale),
            "spread": np.log(np.maximum(spread, self.least)),
            "nearest_spread": nearest(spread, self.spreads),
            "mean": self.long.mean_with(now),
            "long_residual": self.long_residuals.mean_with(relative),
            "restlessness": np.log(np.maximum(restlessness, LEAST_RESTLESSNESS)),
            "roughness": np.log(np.maximum(rough, self.least)) - np.log(np.maximum(self.rough_then, self.least)),
            "jump": jump,
            "relative_jump": over(jump, self.calm),
            "outside": np.maximum(np.maximum(self.low - newest, newest - self.high), 0.0),
        }
        if self.kept is not None:
            found["surprise"] = jump - self.kept
        return np.stack([found[name] for name in NAMES if name in found], axis=1)


def agreed(rarity: Floats, found: Floats) -> Floats:
    """The rarities (S, F, n) of features `found` (S, F, n), in place: a long residual that drift contradicts is none.

    Between what was and what is expected, so on one side of the days before and on the other of the forecast, lies what
    comes after a change of level, while the forecast has yet to find its balance.
    """
    contradicted = found[:, LONG_RESIDUAL] * found[:, DRIFT] < 0
    np.copyto(rarity[:, LONG_RESIDUAL], 0.0, where=contradicted)
    return rarity


def over(distance: Floats, scale: Floats) -> Floats:
    """A distance in what is usual, up to `FARTHEST`: a series that never moved has next to no scale."""
    return np.clip(distance / scale, -FARTHEST, FARTHEST)


def foretold(at: Ints, settings: Settings) -> Ints:
    """The columns whose slow forecast the features of columns (n,) go by: they and those just before them."""
    lags = np.arange(0, 2 * settings.long_steps, settings.bucket)  # innovations of a window look back on another one
    return np.asarray(at - lags[:, None])


def _by_forecast(basis: Basis, panel: Panel, smooth: Reader, at: Ints, known: Track | None) -> dict[str, Any]:
    """What comes of the forecasts of the columns and of those just before them."""
    settings, expectation, before = panel.settings, basis.expectation, [foretold(at, panel.settings)]
    slow = known or Track.of(partial(expected, expectation, panel, smooth), before, panel.width)
    residuals = Track.of(lambda columns: smooth(columns) - slow.read(columns), before, panel.width)
    scale, fast_scale = (by_hour(each, basis.unit) for each in (expectation.scale, expectation.fast_scale))

    def relative(columns: Ints) -> Floats:
        return over(residuals.read(columns), scale(panel.hours(columns)))

    def innovation(columns: Ints) -> Floats:
        left = residuals.read(columns) - carried(expectation, residuals.read, columns, settings)
        return over(left, fast_scale(panel.hours(columns)))

    innovations = Track.of(innovation, [at - settings.long_lags[1:, None]], panel.width)
    return {
        "expected": slow.read(at),
        "carried": carried(expectation, residuals.read, at, settings),
        "scale": scale(panel.hours(at)),
        "fast_scale": fast_scale(panel.hours(at)),
        "long_residuals": Window.of(relative, at, settings.long_lags[1:]),
        "innovations": Window.of(innovations.read, at, settings.long_lags[1:]),
    }


def _by_other_days(panel: Panel, smooth: Reader, at: Ints) -> dict[str, Any]:
    """What comes of the same time on the last days."""
    settings = panel.settings
    days, slack = days_ago(panel.times(at), np.arange(1, settings.days_back + 1), settings), settings.slack_steps
    about = (at - days[:, None] + np.arange(-slack, slack + 1, settings.bucket)[:, None]).reshape(-1, len(at))
    around = (at - days[:, None] + np.array([-slack, 0, slack])[:, None]).reshape(-1, len(at))
    same_time = at - days[:SEASONAL_DAYS]
    short = Track.of(lambda columns: mean(smooth, columns, settings.short_lags), [same_time], panel.width)
    long = Track.of(lambda columns: Window.of(smooth, columns, settings.long_lags).deviation, [around], panel.width)
    return {
        "about": smooth(about),
        "short": Window.of(smooth, at, settings.short_lags[1:]),
        "short_then": median(short.read(same_time)),
        "long": Window.of(smooth, at, settings.long_lags[1:]),
        "low": np.fmin.reduce(panel.of_buckets(least, len(at))(about), axis=1, initial=np.nan),
        "high": np.fmax.reduce(panel.of_buckets(greatest, len(at))(about), axis=1, initial=np.nan),
        "spreads": long.read(around),
    }


def _by_column(basis: Basis, panel: Panel, at: Ints) -> dict[str, Any]:
    """What comes of the changes from column to column."""
    settings = panel.settings
    days = days_ago(panel.times(at), np.arange(1, settings.days_back + 1)[:SEASONAL_DAYS], settings)
    calm, lags = at - settings.calm_steps, np.arange(settings.rough_steps)

    def change(columns: Ints) -> Floats:
        return np.abs(panel.read(columns) - panel.read(columns - 1))

    rough = Track.of(lambda columns: mean(change, columns, lags), [at - days, calm], panel.width)
    yardstick = np.sqrt((np.nan_to_num(rough.read(calm)) ** 2 + basis.rough[:, None] ** 2) / 2)
    half_hour, previous = half_hour_before(panel, at), panel.read(at - 1)
    kept = basis.expectation.persistence[:, None] * (previous - half_hour) if settings.bucket > 1 else None
    return {
        "changes": Window.of(change, at, lags[1:]),
        "previous": previous,
        "rough_then": median(rough.read(at - days)),
        "half_hour": half_hour,
        "kept": kept,
        "calm": np.maximum(yardstick, np.maximum(LEAST_JUMP * basis.unit, TINY)[:, None]),
    }


def usual_change(panel: Panel, at: Ints, learnt: Bools) -> Floats:
    """The middle (S,) of the mean change from column to column, of the columns `at` (n,) that are `learnt` (S, n)."""
    lags = np.arange(panel.settings.rough_steps)
    rough = mean(lambda columns: np.abs(panel.read(columns) - panel.read(columns - 1)), at, lags)
    return np.nan_to_num(median(np.where(learnt, rough, np.nan)[:, :, None])[:, 0])
