import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sidecar.detection.arrays import Floats
from sidecar.detection.short import LEAST_VALUES, band_short, before, fit_short, score_short

LISTS = arrays(np.float64, st.integers(LEAST_VALUES, 60), elements=st.floats(-1e100, 1e100, allow_subnormal=False))
TAME = arrays(np.float64, st.integers(LEAST_VALUES, 60), elements=st.integers(-1000, 1000).map(float))


def scores(values: Floats) -> Floats:
    return score_short(fit_short(values), values)[0]


@given(LISTS)
def test_any_list_gets_finite_scores_and_an_expected_value_within_its_band(values: Floats) -> None:
    model = fit_short(values)
    score, expected = score_short(model, values)
    lower, upper = band_short(model, values, 1.0)

    assert np.isfinite(score).all()
    assert (score >= 0).all()
    assert np.isfinite(expected).all()
    assert (lower <= expected).all()
    assert (expected <= upper).all()


@given(TAME, st.sampled_from([0.5, 1.0, 2.0]))
def test_a_value_at_the_edge_of_the_band_scores_the_threshold(values: Floats, threshold: float) -> None:
    model = fit_short(values)
    lower, upper = band_short(model, values, threshold)
    for edges in (lower, upper):
        for index in (0, len(values) // 2, len(values) - 1):
            probe = values.copy()
            probe[index] = edges[index]
            score = score_short(model, probe)[0][index]
            assert score == pytest.approx(threshold, rel=1e-3)


@given(TAME, st.sampled_from([2.0**-40, 8.0, 2.0**60]))
def test_the_unit_does_not_matter(values: Floats, factor: float) -> None:
    np.testing.assert_allclose(scores(values * factor), scores(values), rtol=0, atol=1e-6)


@given(TAME)
def test_a_score_knows_nothing_of_later_values(values: Floats) -> None:
    model, half = fit_short(values), len(values) // 2

    np.testing.assert_array_equal(score_short(model, values[:half])[0], score_short(model, values)[0][:half])


@pytest.mark.parametrize("place", [0, 1, 4, 12, 24])
@pytest.mark.parametrize("outlier", [89.7, -10.0])
def test_an_outlier_stands_out_wherever_it_is(place: int, outlier: float) -> None:
    values = 42.4 + 0.2 * np.random.default_rng(place).standard_normal(25)
    values[place] = outlier

    assert np.flatnonzero(scores(values) >= 1).tolist() == [place]


def test_a_constant_that_changes_once_stands_out() -> None:
    values = np.full(30, 7.0)
    values[20] = 7.1

    assert np.flatnonzero(scores(values) >= 1).tolist() == [20]


@pytest.mark.parametrize("glitch", [1e4, 1e7, 1e50])
def test_a_glitch_hides_nothing_else(glitch: float) -> None:
    values = np.random.default_rng(3).normal(10, 1, 200)
    values[[20, 150]] = glitch, 30.0

    assert set(np.flatnonzero(scores(values) >= 1)) >= {20, 150}


def test_a_high_level_hides_nothing() -> None:
    values = 1e9 + np.random.default_rng(3).standard_normal(200)
    values[150] += 1000.0

    assert np.flatnonzero(scores(values) >= 1).tolist() == [150]


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential"])
def test_ordinary_lists_seldom_have_an_anomaly(kind: str) -> None:
    rng = np.random.default_rng(1)
    lists = [getattr(rng, kind)(size=50) for _ in range(200)]

    assert sum(bool((scores(values) >= 1).any()) for values in lists) <= 20


def test_neither_a_slope_nor_a_wave_is_an_anomaly() -> None:
    steps = np.arange(100)
    for values in (steps / 10, np.sin(steps / 8)):
        assert scores(values + 0.05 * np.random.default_rng(2).standard_normal(100)).max() < 1


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 20 values, has 19"):
        fit_short(np.zeros(19))


def test_the_median_before_knows_only_the_ten_values_before() -> None:
    values = np.arange(15.0)

    np.testing.assert_array_equal(before(values)[:6], [np.nan, np.nan, np.nan, 1.0, 1.5, 2.0])
    assert before(values)[14] == 8.5
