"""Fits models to the past of series and scores their newest steps, all series of a query in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.detection.features import WARM_UP, rolling_features
from sidecar.detection.forest import Forests, mean_path_length
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings

MARGIN = 0.1
"""How far above its training scores the threshold lies, as a share of their spread above the median."""


@dataclass(frozen=True, slots=True)
class Models(Rows):
    """A fitted model per series, as arrays with a row each.

    Attributes:
        fitted: whether the row has a model.
        forests: the forests.
        sub_sample: rows that each tree was grown on.
        usual: median raw score of the training rows.
        threshold: raw score that is called anomalous.
        expected: median value of the training rows.
    """

    fitted: NDArray[np.bool_]
    forests: Forests
    sub_sample: NDArray[np.int64]
    usual: NDArray[np.float64]
    threshold: NDArray[np.float64]
    expected: NDArray[np.float64]

    @classmethod
    def empty(cls, series: int) -> "Models":
        """Models that score nothing."""
        nan = np.full(series, np.nan)
        return cls(np.zeros(series, bool), Forests.empty(series), np.full(series, 2), nan, nan.copy(), nan.copy())

    def __len__(self) -> int:
        return len(self.fitted)


@dataclass(frozen=True, slots=True)
class Scores(Rows):
    """Scores of the newest steps, float64 of shape (series, steps), NaN where a step is not scored."""

    score: NDArray[np.float64]
    expected: NDArray[np.float64]


def context_steps(settings: Settings) -> int:
    """Past steps that scoring one step needs."""
    del settings
    return WARM_UP


def fit(values: NDArray[np.float64], end: int, seeds: NDArray[np.uint64], settings: Settings) -> Models:
    """Fits a model to each series.

    Args:
        values: shape (series, steps), the fit window, NaN where there is no sample.
        end: time of the last column, unix seconds.
        seeds: one per series; the same seed and values give the same model.
        settings: the query's.

    Returns:
        A row per series; not fitted where fewer than half of `settings.min_steps` steps have features.
    """
    del end
    models = Models.empty(len(values))
    features = rolling_features(values)
    for row, rows in enumerate(features):
        known = rows[~np.isnan(rows[:, 0])]
        if len(known) + WARM_UP < settings.min_steps // 2:
            continue
        models.sub_sample[row] = models.forests.fit_row(row, known, int(seeds[row] % 2**32))
        models.fitted[row] = True
        models.expected[row] = np.median(known[:, 0])
    raw = raw_scores(models, features)
    for row in np.flatnonzero(models.fitted):
        training = raw[row][~np.isnan(raw[row])]
        usual, highest = np.median(training), training.max()
        models.usual[row] = usual
        models.threshold[row] = highest + MARGIN * max(highest - usual, np.finfo(np.float32).eps)
    return models


def score(models: Models, values: NDArray[np.float64], end: int, settings: Settings, last: int) -> Scores:
    """Scores the last steps of each series; 1 is the threshold and 0.5 the middle of the training scores.

    Args:
        models: a row per series.
        values: shape (series, steps): the steps to score, and before them at least `context_steps` others; where
            there are fewer, they count as missing.
        end: time of the last column, unix seconds.
        settings: the query's.
        last: how many columns to score.
    """
    del end
    needed = last + context_steps(settings)
    if values.shape[1] < needed:
        values = np.pad(values, ((0, 0), (needed - values.shape[1], 0)), constant_values=np.nan)
    raw = raw_scores(models, rolling_features(values[:, -needed:]))[:, needed - last :]
    usual = models.usual[:, None]
    with np.errstate(invalid="ignore"):
        scores = np.maximum(0.5 + 0.5 * (raw - usual) / (models.threshold[:, None] - usual), 0.0)
    return Scores(scores, np.where(np.isnan(scores), np.nan, models.expected[:, None]))


def raw_scores(models: Models, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Anomaly score of Liu et al. 2008 (equation 2) for features of shape (series, steps, features), NaN kept."""
    mean_path = models.forests.mean_path(np.nan_to_num(features))
    raw: NDArray[np.float64] = 2.0 ** (-mean_path / mean_path_length(models.sub_sample)[:, None])
    raw[np.isnan(features[:, :, 0]) | ~models.fitted[:, None]] = np.nan
    return raw
