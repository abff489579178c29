"""Series of kinds that detectors meet."""

import numpy as np
import pytest

from sidecar.detection.arrays import Floats
from sidecar.detection.settings import DAY, Settings

END = 1_750_000_200


@pytest.fixture
def settings() -> Settings:
    return Settings(step=900, fit_window=10 * DAY)


@pytest.fixture
def values(settings: Settings) -> Floats:
    """Twelve days: daily, steady, counting, constant, absent, holed, young and spiky series."""
    rng = np.random.default_rng(5)
    t = np.arange(12 * settings.day_steps)
    daily = 10 + 3 * np.sin(2 * np.pi * t / settings.day_steps)
    rows = np.stack([daily + rng.normal(0, 0.3, len(t)) for _ in range(8)])
    rows[1] = 5 + rng.normal(0, 0.1, len(t))
    rows[2] = rng.poisson(2, len(t))
    rows[3] = 7.25
    rows[4] = np.nan
    rows[5, ::7] = np.nan
    rows[6, : -settings.day_steps // 2] = np.nan
    rows[7, ::50] += 20
    return rows
