"""What people use today, to compare with: five detectors, each causal and without settings per series.

A baseline turns one series into a score per row, 1 being its own usual threshold. Windows are in time and end at the
row, so that gaps and irregular rows need no care; a clock that goes back stands still. An hour's window includes both
ends, as range selectors did before Prometheus 3: otherwise it holds a single row of an hourly series.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest

from benchmarks.detection.series import DAY, HOUR, Answers, Floats, Seconds, Series, names, read_series, write_answers

Baseline: TypeAlias = Callable[[Seconds, Floats], Floats]
"""(seconds, values) of one series, in the order of its rows, to a score per row, NaN where there is none."""

Z_LIMIT = 3.0
RESIDUAL_LIMIT = 6.0
RESIDUAL_DAYS = 5
BAND_MULTIPLIER = 2.0
MARGIN = 0.5
VARIABLE = 0.5  # coefficient of variation above which the adaptive rules call an hour variable
ALERT_FOR = "5min"
FOREST_WINDOWS = (5, 20)
FOREST_TREES = 100
FOREST_THRESHOLD = 0.5  # -score_samples() above it is an outlier to scikit-learn's contamination="auto"


def timed(seconds: Seconds, values: Floats) -> pd.Series:
    """The values on a clock that does not go back."""
    return pd.Series(values, index=pd.to_datetime(np.maximum.accumulate(seconds), unit="s"), dtype=float)


def earlier(series: pd.Series, offset: int) -> pd.Series:
    """The newest value `offset` seconds before each row, NaN where the row that far back is over two steps older."""
    at = series.index.astype("datetime64[s]").astype("int64").to_numpy()
    step = int(np.median(np.diff(at))) if len(at) > 1 else 1
    row = np.searchsorted(at, at - offset, side="right") - 1
    known = (row >= 0) & (at - offset - at[row] <= 2 * step)
    return pd.Series(np.where(known, series.to_numpy()[row], np.nan), index=series.index)


def outside(level: pd.Series, middle: pd.Series, lower: Floats, upper: Floats) -> Floats:
    """Where a level stands in a band: 0 in the middle, 1 at either edge, held for the alert's `for`."""
    above = (level - middle) / np.maximum(upper - middle, 1e-300)
    below = (middle - level) / np.maximum(middle - lower, 1e-300)
    far = np.maximum(above, below)
    return np.asarray(far.rolling(ALERT_FOR, closed="both").min().where(far.notna()), dtype=np.float64)


def band(
    middle: pd.Series, widths: list[pd.Series], others: list[tuple[pd.Series, pd.Series]]
) -> tuple[Floats, Floats]:
    """The widest of bands around the middle and of (lower, upper) bands, where they exist; not below 0."""
    lower = pd.concat([middle - width for width in widths] + [low for low, _ in others], axis=1).min(axis=1)
    upper = pd.concat([middle + width for width in widths] + [high for _, high in others], axis=1).max(axis=1)
    return lower.clip(lower=0).to_numpy(), upper.to_numpy()


def adaptive_bands(seconds: Seconds, values: Floats) -> Floats:
    """The adaptive rules of grafana/promql-anomaly-detection: hourly mean and 26 hours of variable hours, day, week."""
    level = timed(seconds, values).where(lambda value: value > 0)
    hour = level.rolling("1h", closed="both")
    middle, spread = hour.mean(), hour.std(ddof=0)
    short = spread.where(spread > VARIABLE * middle).rolling("26h").mean()
    long = [
        (earlier(middle - BAND_MULTIPLIER * spread, offset), earlier(middle + BAND_MULTIPLIER * spread, offset))
        for offset in (23 * HOUR + HOUR // 2, 167 * HOUR + HOUR // 2)
    ]
    lower, upper = band(middle, [BAND_MULTIPLIER * short, MARGIN * middle], long)
    return outside(level, middle, lower, upper)


def robust_bands(seconds: Seconds, values: Floats) -> Floats:
    """The robust rules of grafana/promql-anomaly-detection: an hour's median against medians of a day, day, week."""
    sample = timed(seconds, values).where(lambda value: value > 0)
    middle, level = sample.rolling("1D").median(), sample.rolling("1h", closed="both").median()
    spread = (sample - middle).abs().rolling("1D").median()
    seasonal = []
    for offset in (23 * HOUR + 3 * HOUR // 4, 167 * HOUR + 3 * HOUR // 4):
        then = earlier(level, offset)
        around = (earlier(sample, offset) - then).abs().rolling("1h", closed="both").median()
        seasonal.append((then - BAND_MULTIPLIER * around, then + BAND_MULTIPLIER * around))
    lower, upper = band(middle, [BAND_MULTIPLIER * spread, MARGIN * middle], seasonal)
    return outside(level, middle, lower, upper)


def z_score(seconds: Seconds, values: Floats) -> Floats:
    """Distance from the day's mean, in its standard deviations, over three."""
    level = timed(seconds, values)
    day = level.rolling("1D", min_periods=10)
    return np.asarray((level - day.mean()).abs() / (Z_LIMIT * day.std(ddof=0)).clip(lower=1e-300), dtype=np.float64)


def seasonal_residual(seconds: Seconds, values: Floats) -> Floats:
    """Distance from the median of the same time on the last five days, over the week's mean such distance, over six."""
    level = timed(seconds, values)
    days = pd.concat([earlier(level, day * DAY) for day in range(1, RESIDUAL_DAYS + 1)], axis=1)
    residual = (level - days.median(axis=1)).abs()
    scale = residual.rolling("7D", min_periods=10).mean()
    return np.asarray(residual / (RESIDUAL_LIMIT * scale).clip(lower=1e-300), dtype=np.float64)


def fit_days(days: int) -> list[int]:
    """The days on which the forest is fitted: every one at first, then whenever the past has grown by half."""
    due = [1]
    while due[-1] < days:
        due.append(max(due[-1] + 1, 3 * due[-1] // 2))
    return due


def plain_forest(seconds: Seconds, values: Floats) -> Floats:
    """scikit-learn's IsolationForest on the value and rolling means and deviations, fitted anew on the growing past."""
    level = pd.Series(values)
    windows = [level.rolling(window, min_periods=2) for window in FOREST_WINDOWS]
    features = np.column_stack([level, *(f for window in windows for f in (window.mean(), window.std(ddof=0)))])
    complete = np.isfinite(features).all(axis=1)
    day = (np.maximum.accumulate(seconds) - seconds[0]) // DAY
    begins = np.append(np.searchsorted(day, fit_days(int(day[-1]))), len(values))
    score = np.full(len(values), np.nan)
    for begin, end in pairwise(begins):
        past, rows = np.flatnonzero(complete[:begin]), begin + np.flatnonzero(complete[begin:end])
        if len(past) >= 2 * FOREST_WINDOWS[-1] and rows.size:
            forest = IsolationForest(n_estimators=FOREST_TREES, random_state=0).fit(features[past])
            score[rows] = -forest.score_samples(features[rows]) / FOREST_THRESHOLD
    return score


BASELINES: dict[str, Baseline] = {
    "PromQL adaptive bands": adaptive_bands,
    "PromQL robust bands": robust_bands,
    "z-score over a day": z_score,
    "seasonal residual": seasonal_residual,
    "plain Isolation Forest": plain_forest,
}


def answers(score: Floats) -> Answers:
    """An alarm while the score is at its threshold; at any threshold one starts where the score climbs above it."""
    known = np.nan_to_num(score)
    climbs = np.diff(known, prepend=0.0) > 0
    return Answers(score, known >= 1, np.where(climbs, known, 0.0))


def answer(baseline: Baseline, series: Series) -> Answers:
    """What a baseline says of a series."""
    return answers(baseline(series.seconds, series.values))


def answer_directory(baseline: Baseline, corpus: Path, results: Path) -> None:
    """The answers to every series of a corpus, in files of the same names."""
    for name in names(corpus):
        series = read_series(corpus, name)
        write_answers(series, answer(baseline, series), results)
