"""What is to be expected of a column: by other days and weeks and the level of late, and by the last minutes.

Two linear forecasts, one on top of the other, each fitted per series by ridge regression whose residuals are clipped
(Huber, "Robust Estimation of a Location Parameter", 1964), so that incidents do not bend them:

slow: from the same time on the last days, in the last weeks and yesterday, and the level of the last day. A season that
    explains nothing gets no weight. What it leaves is the residual.
fast: from the residuals just before. What it leaves is the innovation: what not even the last minutes foretold.

The noise of most series follows their level, and so the time of day: residual and innovation are measured in what they
usually are at that hour.
"""

from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from sidecar.detection.arrays import Floats, Ints, Singles
from sidecar.detection.columns import TINY, Panel, Reader, Track, back, days_ago, mean, median, numbered
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings

SEASONAL_DAYS = 5
"""The last days, at most, over whose same time of day a median is taken."""
RIDGE = 0.02
"""Penalty on a weight, as a share of its predictor's mean square."""
CLIP, CONSISTENT = 3.0, 1.4826
"""Residuals count up to so many standard deviations, and what makes one of a median absolute residual."""
ROUNDS = 3
"""How often weights are fitted: from the second time on, with the residuals of the time before clipped."""
LEAST_ROWS = 30
"""Columns below which nothing is forecast."""
HOURS = 24
PRIOR_ROWS = 20
"""How many columns the scale of all hours weighs beside those of one, in a mean of logarithms."""
LEAST_SHARE, LEAST_SCALE = 0.1, 0.02
"""The least scale of an hour, as a share of that of all hours, and of the spread of the series."""


@dataclass(frozen=True, slots=True)
class Expectation(Rows):
    """The forecasts of each series: a row per series.

    Attributes:
        centre: (S,) the middle of the values.
        weights: (S, 4) of the slow forecast: days, weeks, level, yesterday; each as distance from the centre.
        carry: (S, 3) of the fast forecast: the last residual, and the means of a short and of a long window of them.
        scale: (S, 24) usual size of the residual, by hour of the day, in spreads of the series: single precision does.
        fast_scale: (S, 24) usual size of the innovation.
        persistence: (S,) the share of a value's distance from the half hour before it that the next value keeps; NaN
            where steps are no shorter than a bucket.
    """

    centre: Floats
    weights: Floats
    carry: Floats
    scale: Singles
    fast_scale: Singles
    persistence: Floats

    @classmethod
    def empty(cls, rows: int) -> "Expectation":
        """Of series that were never fitted."""
        zeros, hours = partial(np.zeros, dtype=np.float64), np.ones((rows, HOURS), dtype=np.float32)
        return cls(zeros(rows), zeros((rows, 4)), zeros((rows, 3)), hours, hours.copy(), zeros(rows))


def fit_expectation(panel: Panel, at: Ints, learnt: Floats, unit: Floats, others: Ints) -> tuple[Expectation, Track]:
    """Forecasts of the columns `at` (n,), learnt where `learnt` (S, n) is not NaN; `unit` (S,) is the spread.

    With them comes what the slow one says of these columns and of `others`.
    """
    smooth = panel.smooth(len(at))
    target, hours = np.where(np.isnan(learnt), np.nan, smooth(at)), panel.hours(at)
    centre = np.nan_to_num(median(target[:, :, None])[:, 0])
    columns, place = numbered([at, others], panel.width)
    predictors = contexts(panel, smooth, centre, columns)
    weights = regress(predictors[:, :, place[at]], target - centre[:, None])
    apart = forecast(weights, predictors)
    residual = smooth(at) - centre[:, None] - apart[:, place[at]]
    track = Track(np.cumsum(np.isin(np.arange(panel.width), at)) - 1, np.asfortranarray(residual))
    before = lagged(track.read, at, panel.settings)
    residual = np.where(np.isnan(learnt), np.nan, residual)
    carry = regress(before, residual)
    innovation = residual - forecast(carry, before)
    scale, fast_scale = (hourly_scale(left / per_spread(unit), hours) for left in (residual, innovation))
    expectation = Expectation(centre, weights, carry, scale, fast_scale, fit_persistence(panel, at, learnt))
    return expectation, Track(place, np.asfortranarray(centre[:, None] + apart))


def per_spread(unit: Floats) -> Floats:
    """What residuals (S, n) are divided by to be in spreads (S,) of the series; never 0."""
    return np.maximum(unit, TINY)[:, None]


def fit_persistence(panel: Panel, at: Ints, learnt: Floats) -> Floats:
    """The persistence (S,), learnt from the columns `at` (n,) where `learnt` (S, n) has a value."""
    if panel.settings.bucket == 1:
        return np.full(len(learnt), np.nan)
    middle = half_hour_before(panel, at)
    before = np.nan_to_num(panel.read(at - 1) - middle)
    return np.clip(regress(before[:, None], learnt - middle)[:, 0], -1.0, 1.0)


def half_hour_before(panel: Panel, at: Ints) -> Floats:
    """Middle (S, n) of the single values of the half hour before columns (n,)."""
    return median(panel.read(at - np.arange(1, panel.settings.jump_steps + 1)[:, None]))


def expected(expectation: Expectation, panel: Panel, smooth: Reader, at: Ints) -> Floats:
    """The slow forecast (S, n) of columns (n,)."""
    predictors = contexts(panel, smooth, expectation.centre, at)
    return expectation.centre[:, None] + forecast(expectation.weights, predictors)


def carried(expectation: Expectation, residual: Reader, at: Ints, settings: Settings) -> Floats:
    """The residual (S, n) that the fast forecast expects of columns (n,)."""
    return forecast(expectation.carry, lagged(residual, at, settings))


def contexts(panel: Panel, smooth: Reader, centre: Floats, at: Ints) -> Floats:
    """What the slow forecast goes by, (S, 4, n), as distance from the centre; for what is missing stands the next best.

    The same time on the last days, and in the last weeks, by the median; the level; and the same time yesterday.
    """
    settings, times = panel.settings, panel.times(at)
    days, weeks, yesterday = (
        median(smooth(at - days_ago(times, ago, settings)))
        for ago in (
            np.arange(1, settings.days_back + 1)[:SEASONAL_DAYS],
            7 * np.arange(1, settings.weeks_back + 1),
            np.arange(1, min(settings.days_back, 1) + 1),
        )
    )
    level = level_before(panel, smooth, at)
    level = np.where(np.isnan(level), centre[:, None], level)
    days = np.where(np.isnan(days), level, days)
    weeks = np.where(np.isnan(weeks), days, weeks)
    yesterday = np.where(np.isnan(yesterday), days, yesterday)
    return np.stack([days, weeks, level, yesterday], axis=1) - centre[:, None, None]


def level_before(panel: Panel, smooth: Reader, at: Ints) -> Floats:
    """Middle (S, n) of the short means of the day that ended before columns (n,): at the marks of the clock.

    A few marks serve all columns of an hour or two, so that one column and its recent past cost about the same.
    """
    settings = panel.settings
    whole = panel.times(at) // settings.step - settings.bucket  # a mark is not used before its bucket is whole
    marks = at - (whole % settings.mark_steps + settings.bucket)
    lags = np.arange(0, min(settings.day_steps, settings.fit_steps), settings.mark_steps)[:, None]
    short = Track.of(lambda columns: mean(smooth, columns, settings.short_lags), [marks - lags], panel.width)
    return Track.of(lambda columns: median(short.read(columns - lags)), [marks], panel.width).read(marks)


def lagged(residual: Reader, at: Ints, settings: Settings) -> Floats:
    """What the fast forecast goes by, (S, 3, n): 0 for what is missing."""
    last = at - settings.bucket
    windows = [mean(residual, last, lags) for lags in (settings.short_lags, settings.long_lags)]
    return np.nan_to_num(np.stack([residual(last), *windows], axis=1))


def forecast(weights: Floats, predictors: Floats) -> Floats:
    """Weighted sums (S, n) of predictors (S, C, n), none beyond all predictors and 0.

    Weights are learnt where predictors may have been small: where they are large, the sum could be anything.
    """
    each = predictors.swapaxes(0, 1)
    low, high = np.minimum(reduce(np.minimum, each), 0.0), np.maximum(reduce(np.maximum, each), 0.0)
    return np.clip(weighted(weights, predictors), low, high)


def weighted(weights: Floats, predictors: Floats) -> Floats:
    """Weighted sums (S, n) of predictors (S, C, n)."""
    total = weights[:, :1] * predictors[:, 0]
    for number in range(1, weights.shape[1]):
        total += weights[:, number, None] * predictors[:, number]
    return np.asarray(total)


def regress(predictors: Floats, target: Floats) -> Floats:
    """Weights (S, C) of predictors (S, C, n) for a target (S, n), NaN where it is not to be learnt from."""
    # In C order, whatever S is, so that the sums over columns come out alike.
    predictors, target = np.ascontiguousarray(predictors), np.ascontiguousarray(target)
    known = ~np.isnan(target)
    count = np.maximum(np.count_nonzero(known, axis=1), 1)[:, None]
    used = np.where(known[:, None], predictors, 0.0)
    size = np.sqrt((used**2).sum(axis=2) / count)
    used = used / np.where(size > 0, size, 1.0)[:, :, None]
    gram = used @ used.transpose(0, 2, 1) / count[:, :, None] + RIDGE * np.eye(used.shape[1])
    aim, weights = np.where(known, target, 0.0), np.zeros(size.shape)
    for _ in range(ROUNDS):
        weights = np.linalg.solve(gram, used @ aim[:, :, None] / count[:, :, None])[:, :, 0]
        fitted = weighted(weights, used)
        error = np.where(known, target - fitted, np.nan)
        most = CLIP * CONSISTENT * np.nan_to_num(median(np.abs(error)[:, :, None]))
        aim = np.where(known, fitted + np.clip(np.nan_to_num(error), -most, most), 0.0)
    return np.where(count >= LEAST_ROWS, weights / np.where(size > 0, size, 1.0), 0.0)


def hourly_scale(error: Floats, hours: Ints) -> Singles:
    """Median absolute error (S, 24) around each of `hours` (n,), drawn to that of all.

    The `error` (S, n) is in spreads of the series, and so is the result; not below `LEAST_SCALE`.
    """
    size = np.abs(error)
    whole = np.nan_to_num(median(size[:, :, None]))
    scale = np.repeat(whole, HOURS, axis=1)
    for hour in np.unique(hours).tolist():
        near = (hours - hour + 1) % HOURS <= 2  # noqa: PLR2004 the hour before, this one, the one after
        count = np.count_nonzero(~np.isnan(size[:, near]), axis=1)[:, None]
        own = np.nan_to_num(median(size[:, near, None]))
        weight = count / (count + PRIOR_ROWS)
        scale[:, hour, None] = np.maximum(own, LEAST_SHARE * whole) ** weight * whole ** (1 - weight)
    return np.maximum(np.maximum(scale, LEAST_SHARE * whole), LEAST_SCALE).astype(np.float32)


def by_hour(scale: Singles, unit: Floats) -> Reader:
    """The scales (S, n) of hours (n,) in the unit of the series, whose spread is `unit` (S,)."""
    return partial(back, np.asfortranarray(scale * per_spread(unit)))
