from unittest.mock import patch

import numpy as np
import pytest

from benchmarks.detection.coarser import BUCKET, WAYS, halves, last_of_each, means, set_way
from benchmarks.detection.series import Floats
from sidecar.prometheus.coarse import BLOCK, coarsened


@pytest.fixture
def window() -> Floats:
    """Two series of noise with a gap."""
    noise = 100 + np.random.default_rng(1).standard_normal((2, 20 * BLOCK))
    noise[0, 50:60] = np.nan
    return noise


@pytest.mark.parametrize("way", WAYS)
def test_the_newest_steps_stay_as_they_are_and_the_older_ones_in_their_places(way: str, window: Floats) -> None:
    try:
        set_way(WAYS[way])
        found = coarsened(window, window.shape[1] - 1, 5 * BLOCK)
    finally:
        patch.stopall()
    assert found.shape == window.shape
    np.testing.assert_array_equal(found[:, -5 * BLOCK :], window[:, -5 * BLOCK :])
    assert np.array_equal(found, window, equal_nan=True) == (way == "as they came")


def test_a_bucket_becomes_its_mean_or_its_last_step() -> None:
    older = np.array([[1.0, 3.0, np.nan, 5.0, *[np.nan] * BUCKET]])
    np.testing.assert_array_equal(means(older), [[3.0] * 4 + [np.nan] * 4])
    np.testing.assert_array_equal(last_of_each(older), [[np.nan] * 3 + [5.0] + [np.nan] * 4])


def test_half_precision_is_of_the_distance_from_the_middle(window: Floats) -> None:
    older, spread = 1e6 * window, 1e6
    found = halves(older)
    assert np.nanmax(np.abs(found - older)) < spread * 2**-9
    assert np.array_equal(np.isnan(found), np.isnan(older))
    assert np.isnan(halves(np.full((1, 2 * BLOCK), np.nan))).all()
