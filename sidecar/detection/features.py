"""Causal rolling-window features: what a sample looks like beside the samples just before it."""

import numpy as np
from numpy.typing import NDArray

WINDOWS = (5, 20)
"""Lengths of the rolling windows in steps; a window ends with, and includes, the step it describes."""

WARM_UP = max(WINDOWS) - 1
"""Steps at the start of a series that have no full window, and so no features."""

NAMES = ("value", *(f"{what}_{n}" for n in WINDOWS for what in ("mean", "std")))


def rolling_features(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value, rolling means and rolling standard deviations of every step of every series.

    Args:
        values: shape (series, steps), in the unit of the series, NaN where there is no sample.

    Returns:
        Shape (series, steps, len(NAMES)), in the unit of the series. All features of a step are NaN where one of its
        windows is incomplete or holds a NaN. The standard deviation is the population's (divisor n).
    """
    series, steps = values.shape
    features = np.full((series, steps, len(NAMES)), np.nan)
    features[:, :, 0] = values
    for i, window in enumerate(WINDOWS):
        if steps < window:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(values, window, axis=1)
        features[:, window - 1 :, 1 + 2 * i] = windows.mean(axis=2)
        features[:, window - 1 :, 2 + 2 * i] = windows.std(axis=2)
    features[np.isnan(features).any(axis=2)] = np.nan
    return features
