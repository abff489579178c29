import numpy as np
import pytest

from sidecar.detection.arrays import Floats
from sidecar.detection.columns import Panel
from sidecar.detection.detector import fit
from sidecar.detection.features import FARTHEST, NAMES, Basis, Past, agreed, foretold, names, over
from sidecar.detection.lesson import basis_of, ordinary_spread
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


def fitted_basis(values: Floats, settings: Settings) -> Basis:
    models = fit(values[:, :-1], CHANGE - settings.step, settings)
    return models.basis


def of_the_newest(values: Floats, settings: Settings) -> dict[str, Floats]:
    panel, at = Panel.of(values, CHANGE, settings), np.array([values.shape[1] - 1])
    found = Past.of(fitted_basis(values, settings), panel, at).features(values[:, at])[:, :, 0]
    return dict(zip(names(settings), found.T, strict=True))


@pytest.mark.parametrize("settings", PLANS)
def test_few_columns_have_the_features_they_have_among_many(settings: Settings) -> None:
    values, at = series(settings), np.array([-3, -2, -1])
    basis = fitted_basis(values, settings)
    at = values.shape[1] + at
    few = Past.of(basis, Panel.behind(values, CHANGE, settings, 3), at).features(values[:, at])
    every = np.arange(values.shape[1] - 40, values.shape[1])
    many = Past.of(basis, Panel.of(values, CHANGE, settings), every).features(values[:, every])
    np.testing.assert_array_equal(few, many[:, :, -3:])


@pytest.mark.parametrize("settings", PLANS)
def test_the_forecast_of_the_fit_is_that_of_the_features(settings: Settings) -> None:
    values = series(settings)
    panel, every = Panel.of(values, CHANGE, settings), np.arange(values.shape[1])
    some = every[-40::7]
    basis, slow = basis_of(values, panel, every[::2], values[:, ::2], foretold(some, settings))
    known = Past.of(basis, panel, some, slow).features(values[:, some])
    np.testing.assert_array_equal(known, Past.of(basis, panel, some).features(values[:, some]))


@pytest.mark.parametrize("settings", PLANS)
@pytest.mark.parametrize("moved", [-1e6, 0.0, 12.5])
def test_the_past_is_the_same_whatever_the_newest_value(settings: Settings, moved: float) -> None:
    values, basis = series(settings), fitted_basis(series(settings), settings)
    at = np.array([values.shape[1] - 1])
    past = Past.of(basis, Panel.of(values, CHANGE, settings), at)
    changed = values.copy()
    changed[:, -1] = moved
    again = Past.of(basis, Panel.of(changed, CHANGE, settings), at)
    np.testing.assert_array_equal(past.features(changed[:, -1:]), again.features(changed[:, -1:]))


def test_a_steady_series_that_jumps_is_far_from_everything() -> None:
    settings = Settings(5 * MINUTE, fit_window=8 * DAY)
    values = 10 + np.random.default_rng(1).normal(0, 0.1, (2, 10 * DAY // 300))
    values[1, -1] = 12
    found = of_the_newest(values, settings)
    for name in ("residual", "innovation", "nearest", "jump", "relative_jump", "spread", "nearest_spread", "roughness"):
        assert found[name][1] > found[name][0] + 0.2, name
    assert found["value"].tolist() == values[:, -1].tolist()
    assert found["jump"][1] == pytest.approx(2, abs=0.3)


def test_a_spike_of_one_short_step_is_outside_of_other_days_and_a_surprise() -> None:
    settings = Settings(MINUTE, fit_window=8 * DAY)
    values = 10 + np.random.default_rng(1).normal(0, 0.1, (3, 10 * DAY // 60))
    values[1, -1] = 12
    values[2, [-1, -1 - DAY // 60]] = 12  # as yesterday
    found = of_the_newest(values, settings)
    assert found["outside"] == pytest.approx([0, 1.6, 0], abs=0.2)
    assert found["surprise"][1:] == pytest.approx([2, 2], abs=0.5)


def test_a_step_as_long_as_a_bucket_has_no_features_of_single_columns() -> None:
    found = of_the_newest(series(PLANS[0]), Settings(5 * MINUTE, fit_window=8 * DAY))
    assert "surprise" not in found


def test_a_series_that_stands_still_is_calm_in_every_way() -> None:
    settings = Settings(5 * MINUTE, fit_window=8 * DAY)
    values = 10 + np.random.default_rng(1).normal(0, 0.1, (2, 10 * DAY // 300))
    values[1, -24:] = values[1, -25]
    found = of_the_newest(values, settings)
    for name in ("spread", "roughness", "restlessness"):
        assert found[name][1] < found[name][0] - 1, name


def test_a_lasting_shift_moves_the_means() -> None:
    settings = Settings(5 * MINUTE, fit_window=8 * DAY)
    values = 10 + np.random.default_rng(1).normal(0, 0.1, (2, 10 * DAY // 300))
    values[1, -20:] += 1
    found = of_the_newest(values, settings)
    assert found["mean"][1] - found["mean"][0] == pytest.approx(1, abs=0.15)
    assert min(found[name][1] for name in ("drift", "long_residual")) > 5


def test_without_a_value_there_is_no_feature() -> None:
    settings = PLANS[0]
    values = series(settings)
    values[:, -1] = np.nan
    assert all(np.isnan(found).all() for found in of_the_newest(values, settings).values())


def test_a_long_residual_that_drift_contradicts_is_not_rare() -> None:
    found, rarity = np.zeros((1, len(NAMES), 4)), np.ones((1, len(NAMES), 4))
    found[0, NAMES.index("drift")] = [1.0, 1.0, -1.0, np.nan]
    found[0, NAMES.index("long_residual")] = [2.0, -2.0, 2.0, 2.0]
    told = agreed(rarity, found)
    assert told[0, NAMES.index("long_residual")].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert (np.delete(told, NAMES.index("long_residual"), axis=1) == 1).all()


def test_distances_are_bounded() -> None:
    assert over(np.array([1.0, -5.0]), np.array([1e-200, 2.0])).tolist() == [FARTHEST, -2.5]


def test_the_spread_of_a_series_is_that_of_its_ordinary_values() -> None:
    values = np.random.default_rng(4).normal(0, 1, (1, 1000))
    struck = values.copy()
    struck[:, ::20] = 1000
    assert ordinary_spread(struck)[0] < 1.5 * ordinary_spread(values)[0]
