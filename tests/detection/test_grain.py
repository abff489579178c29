"""How coarse the values of a series are, and what that makes of rarities."""

import numpy as np
import pytest

from sidecar.detection.arrays import Floats
from sidecar.detection.detector import fit, score
from sidecar.detection.features import NAMES
from sidecar.detection.grain import grain_of, least_deviation
from sidecar.detection.settings import DAY, Settings

START, DAYS = 1_700_006_400, 14
COARSE = Settings(300)


def counts(mean: float, rows: int = 4_000, seed: int = 3) -> Floats:
    """One series."""
    return np.random.default_rng(seed).poisson(mean, (1, rows)).astype(np.float64)


@pytest.mark.parametrize("mean", [0.1, 0.3, 1.0])
def test_the_grain_of_small_counts_is_one(mean: float) -> None:
    assert grain_of(counts(mean)) == pytest.approx(1)
    assert grain_of(0.01 * counts(mean)) == pytest.approx(0.01)


def test_the_growth_of_a_counter_is_not_whole_and_has_the_grain_of_counts() -> None:
    grown = counts(0.3) * (1 + 0.05 * np.random.default_rng(5).random((1, 4_000)))
    assert grain_of(grown) == pytest.approx(1, abs=0.05)


def test_what_is_measured_finely_has_no_grain() -> None:
    assert grain_of(np.random.default_rng(3).normal(1, 0.1, (1, 4_000))) == pytest.approx(0)


def test_a_change_that_hardly_ever_comes_is_an_event_and_no_grain() -> None:
    values = np.ones((3, 4_000))
    values[1, 2_000:2_010] = 2.0
    values[2] = np.nan
    np.testing.assert_allclose(grain_of(values), [0, 2 / 3_999 / 0.1, 0])


def test_gaps_and_the_size_of_a_series_make_no_difference() -> None:
    whole = counts(0.3)
    gaps = whole.copy()
    gaps[:, ::7] = np.nan
    assert grain_of(gaps) == grain_of(whole)
    assert grain_of(1e-12 * whole) == pytest.approx(1e-12)


def test_a_mean_is_known_better_than_a_sample() -> None:
    found = dict(zip(NAMES, least_deviation(np.array([2.0]), Settings(60))[0], strict=True))
    assert (found["jump"], found["outside"], found["surprise"]) == (1, 1, 1)
    assert found["value"] == found["nearest"] == pytest.approx(1 / np.sqrt(5))
    assert found["nearest_spread"] == pytest.approx(1 / np.sqrt(25))
    assert found["mean"] == pytest.approx(1 / np.sqrt(100))
    assert found["residual"] == found["spread"] == 0
    assert least_deviation(np.array([2.0]), COARSE).shape == (1, len(NAMES) - 1)


def test_a_quiet_hour_of_counts_and_some_more_at_once_are_no_news_and_many_are() -> None:
    rows, day = DAYS * DAY // COARSE.step, DAY // COARSE.step
    values = np.concatenate([counts(0.3, rows + day, seed) for seed in range(20)])
    learnt, judged = values[:, :rows], values.copy()
    judged[:, -1] = 12.0
    scores = score(fit(learnt, START, COARSE), judged, START + DAY, COARSE, day).score
    assert np.count_nonzero((scores[:, :-1] >= 1).any(axis=1)) <= 1
    assert (scores[:, -1] >= 1).all()
