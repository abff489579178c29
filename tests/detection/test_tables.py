"""How rare a value is said to be, where it is known how rare it is."""

import numpy as np
import pytest
from scipy.stats import poisson

from sidecar.detection.tables import BELIEF, MANY, Lookup, believable, deviation, fit_tables

ROWS = 4_000
NONE = np.zeros((1, 1))


@pytest.mark.parametrize("mean", [0.1, 0.3, 3.0])
def test_counts_are_as_rare_as_they_are(mean: float) -> None:
    rng = np.random.default_rng(3)
    counts = np.arange(1, 12.0)
    shares = poisson.sf(counts - 1, mean)
    rare = (shares < 0.02) & (shares > 1e-3)
    tables = fit_tables(rng.poisson(mean, (1, 1, ROWS)).astype(np.float64), np.full((1, 1), 1e-9), NONE, np.inf)
    rarity = Lookup.of(tables).by_curves(counts[None, None])[0][0, 0]
    assert rare.any()
    np.testing.assert_allclose(rarity[rare], -np.log10(shares[rare]), atol=0.5)


def test_the_tail_of_noise_is_as_rare_as_it_is() -> None:
    noise = np.random.default_rng(3).exponential(size=(1, 1, ROWS))
    tables = fit_tables(noise, np.full((1, 1), 1e-9), NONE, np.inf)
    rarity = Lookup.of(tables).by_curves(np.log(10) * np.array([[[2.0, 2.5, 3.0]]]))[0][0, 0]
    np.testing.assert_allclose(rarity, [2, 2.5, 3], atol=0.5)


def test_quartiles_next_to_each_other_tell_no_deviation() -> None:
    found = np.zeros((1, 1, 100))
    found[0, 0, :60] = np.linspace(-1, 1, 60) * 1e-300
    found[0, 0, 0] = 5
    assert believable(np.full((1, 1), 5.0), found, NONE) == pytest.approx(BELIEF * 5 / (0.05 * np.sqrt(np.pi / 2)))
    assert np.isfinite(fit_tables(found, np.full((1, 1), 1e-9), NONE, 2.5).curves[0].rarity).all()


def test_what_never_varies_has_no_deviation() -> None:
    assert np.isinf(believable(np.ones((1, 1)), np.full((1, 1, 100), 7.0), NONE)).all()


def test_the_deviation_is_that_of_the_values() -> None:
    rng = np.random.default_rng(3)
    normal, counts = rng.normal(0, 2, (1, 1, ROWS)), rng.poisson(0.2, (1, 1, ROWS)).astype(np.float64)
    outliers = np.where(rng.random((1, 1, ROWS)) < 0.02, 1e3, normal)
    assert deviation(normal, np.ones((1, 1))) == pytest.approx(2, rel=0.05)
    assert deviation(outliers, np.ones((1, 1))) == pytest.approx(2, rel=0.1)
    assert deviation(counts, np.ones((1, 1))) == pytest.approx(np.sqrt(np.pi / 2) * 0.2, rel=0.1)


def test_many_values_are_as_rare_as_few() -> None:
    rng = np.random.default_rng(5)
    found = rng.gamma(2, 1, (3, 2, 400))
    lookup = Lookup.of(fit_tables(found, np.zeros((3, 2)), np.zeros((3, 2)), 3.0))
    asked = np.concatenate([found, 50 * rng.standard_normal((3, 2, MANY))], axis=2)
    asked[:, :, ::9] = np.nan
    together = lookup.rarities(asked)
    few = [lookup.rarities(asked[:, :, i : i + MANY - 1]) for i in range(0, asked.shape[2], MANY - 1)]
    np.testing.assert_array_equal(together, np.concatenate(few, axis=2))
