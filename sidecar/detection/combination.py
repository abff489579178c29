"""From the rarities of single features to one score, and the bars that the alarm budget sets."""

import numpy as np

from sidecar.detection.arrays import Bools, Floats
from sidecar.detection.features import NAMES
from sidecar.detection.settings import DAY, Settings

MAGNITUDE = [NAMES.index(name) for name in ("value", "seasonal", "relative")]
"""How far off the newest value is: odd in itself, for its time of day and for its level, all three."""
SHAPE = [NAMES.index(name) for name in ("nearest", "drift", "spread", "nearest_spread")]
"""How unlike other days the last minutes to hours are."""

MAGNITUDE_BAR, SHAPE_BAR = 2.0, 1.4
"""Combined rarities at which a budget of one alarm in thirty days is kept to, with 24 tests a day."""
MAGNITUDE_ROWS, SHAPE_ROWS = 300, 750
"""Training rows from which on a tail is trusted in full: windows overlap, so shapes need more of them."""
PEEL_BAR = 2.5
USUAL_RARITY = float(np.log10(2))
"""Rarity of the middle: half of all columns are as unusual."""


def ratio(rarity: Floats, known: Bools, rows: Floats, settings: Settings) -> Floats:
    """How near the threshold of 1 each column comes, (S, n), by the rarities (S, F, n) of its features.

    `known` (S, F) says which features a model knows: the others, in a short history, do not count. `rows` (S,) are the
    training rows behind them: a tail known from few is not believed in full.
    """
    magnitude = (
        combine(rarity[:, MAGNITUDE], known[:, MAGNITUDE]) * np.sqrt(np.minimum(rows / MAGNITUDE_ROWS, 1))[:, None]
    )
    shape = combine(rarity[:, SHAPE], known[:, SHAPE]) * np.minimum(rows / SHAPE_ROWS, 1)[:, None]
    stricter = budget_decades(settings)
    return np.maximum(
        magnitude / (MAGNITUDE_BAR + 0.9 * test_decades(settings) + stricter), shape / (SHAPE_BAR + stricter)
    )


def combine(rarity: Floats, known: Bools) -> Floats:
    """One rarity (S, n) of those of some features (S, F, n): the mean over the known of their square roots, squared.

    Between the mean, which one feature could carry alone, and the least, which one could veto.
    """
    roots = np.where(known[:, :, None], np.sqrt(rarity), 0.0).sum(axis=1)
    return np.asarray((roots / np.maximum(known.sum(axis=1), 1)[:, None]) ** 2)


def test_decades(settings: Settings) -> float:
    """Decimal logarithm of the number of values tested in an hour."""
    return float(np.log10(3_600 / (settings.step * settings.bucket)))


def budget_decades(settings: Settings) -> float:
    """Decimal logarithm of how many times rarer alarms are to be than one in thirty days; not below -1."""
    return max(-1.0, float(np.log10(1 / (30 * DAY * settings.alarm_budget))))


def too_odd(settings: Settings) -> float:
    """The rarity past which a value is not learnt from."""
    return PEEL_BAR + 0.5 * test_decades(settings)
