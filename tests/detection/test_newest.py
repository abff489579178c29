import numpy as np
import pytest

from sidecar.detection.arrays import Floats
from sidecar.detection.detector import ordinary_spread
from sidecar.detection.features import NAMES, features
from sidecar.detection.newest import Past
from sidecar.detection.settings import DAY, HOUR, MINUTE, Settings, context_steps

CHANGE = 1_711_846_800
"""Clocks in Berlin go forward."""
PLANS = [
    Settings(15 * MINUTE, fit_window=10 * DAY, timezone="Europe/Berlin"),
    Settings(5 * MINUTE, fit_window=3 * DAY),
    Settings(2 * MINUTE, fit_window=2 * DAY),
    Settings(MINUTE, fit_window=8 * HOUR),
    Settings(12 * HOUR, fit_window=28 * DAY),
]


def series(settings: Settings) -> Floats:
    rng = np.random.default_rng(7)
    rows = 10 + rng.standard_normal((4, context_steps(settings) + 60))
    rows[1, rng.random(rows.shape[1]) < 0.3] = np.nan
    rows[2, : -rows.shape[1] // 3] = np.nan
    rows[3] = np.where(np.arange(rows.shape[1]) % 11 == 0, 3.0, np.nan)
    return rows


@pytest.mark.parametrize("settings", PLANS)
def test_with_the_values_that_are_there_the_features_are_the_detectors(settings: Settings) -> None:
    values, end = series(settings), CHANGE + 20 * settings.step
    unit, at = ordinary_spread(values), np.arange(values.shape[1] - 50, values.shape[1])
    found = Past.of(values, at, end, unit, settings).features(values[:, at])

    np.testing.assert_allclose(found, features(values, at, end, unit, settings), rtol=1e-9, atol=1e-9)
    assert not np.isnan(found[0]).all(axis=1)[: len(NAMES)].any() or settings.days_back == 0


@pytest.mark.parametrize("settings", PLANS)
@pytest.mark.parametrize("moved", [-1e6, 0.0, 12.5])
def test_with_another_newest_value_they_are_those_of_a_series_that_has_it(settings: Settings, moved: float) -> None:
    values = series(settings)
    unit, at = ordinary_spread(values), np.array([values.shape[1] - 1])
    past = Past.of(values, at, CHANGE, unit, settings)
    changed = values.copy()
    changed[:, -1] = moved
    expected = features(changed, at, CHANGE, unit, settings)

    np.testing.assert_allclose(past.features(changed[:, -1:]), expected, rtol=1e-9, atol=1e-9)
