import numpy as np
import pytest

from benchmarks.detection.coarser import BUCKET, KEPT, WAYS, coarsened, halves, last_of_each, means
from benchmarks.detection.series import Floats


@pytest.fixture
def window() -> Floats:
    """Two series of noise with a gap, whose older part does not fill its first bucket."""
    noise = 100 + np.random.default_rng(1).standard_normal((2, KEPT + 600 * BUCKET + 3))
    noise[0, 50:60] = np.nan
    return noise


@pytest.mark.parametrize("way", WAYS)
def test_the_newest_steps_stay_as_they_are_and_the_older_ones_in_their_places(way: str, window: Floats) -> None:
    found = coarsened(window, WAYS[way])
    assert found.shape == window.shape
    np.testing.assert_array_equal(found[:, -KEPT:], window[:, -KEPT:])
    assert np.array_equal(found, window, equal_nan=True) == (way == "step by step")
    np.testing.assert_array_equal(coarsened(window[:, -KEPT:], WAYS[way]), window[:, -KEPT:])


def test_a_bucket_becomes_its_mean_or_its_last_step() -> None:
    older = np.array([[1.0, 3.0, np.nan, 5.0, np.nan, np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(means(older), [[3.0] * 4 + [np.nan] * 4])
    np.testing.assert_array_equal(last_of_each(older), [[np.nan] * 3 + [5.0] + [np.nan] * 4])


def test_half_precision_is_of_the_distance_from_the_middle(window: Floats) -> None:
    older = 1e6 * window[:, :600]
    found, spread = halves(older), 1e6
    assert np.nanmax(np.abs(found - older)) < spread * 2**-9
    assert np.array_equal(np.isnan(found), np.isnan(older))
    assert np.isnan(halves(np.full((1, 600), np.nan))).all()
