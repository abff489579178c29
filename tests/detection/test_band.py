import numpy as np
import pytest

from sidecar.detection import band as band_module
from sidecar.detection.arrays import Floats
from sidecar.detection.band import band
from sidecar.detection.detector import fit, score
from sidecar.detection.models import Models
from sidecar.detection.settings import Settings
from tests.detection.conftest import END

DAILY, STEADY, COUNTS, CONSTANT, ABSENT, HOLED, YOUNG, SPIKY = range(8)
REGULAR = [DAILY, STEADY, COUNTS, HOLED, SPIKY]


def fitted(values: Floats, settings: Settings, last: int = 1) -> tuple[Models, Floats]:
    models = fit(values, END, settings)
    return models, score(models, values, END, settings, last).expected


def newest(models: Models, values: Floats, expected: Floats, settings: Settings) -> tuple[Floats, Floats]:
    lower, upper = band(models, values, expected[:, -1:], END, settings)
    return lower[:, 0], upper[:, 0]


def score_of(models: Models, values: Floats, newest: Floats, settings: Settings) -> Floats:
    changed = values.copy()
    changed[:, -1] = newest
    return score(models, changed, END, settings, 1).score[:, 0]


def test_the_score_reaches_one_at_the_limits_and_not_within(values: Floats, settings: Settings) -> None:
    models, expected = fitted(values, settings)
    (lower, upper), expected = newest(models, values, expected, settings), expected[:, 0]
    known = [row for row in REGULAR if np.isfinite(expected[row])]
    assert len(known) >= 4
    for limit, inward in ((lower, 1e-3), (upper, 1e-3)):
        finite = [row for row in known if np.isfinite(limit[row])]
        assert finite
        at = np.where(np.isfinite(limit), limit, expected)
        assert (score_of(models, values, at, settings)[finite] >= 1).all()
        within = at + inward * (expected - at)
        assert (score_of(models, values, within, settings)[finite] < 1).all()


def test_the_expected_value_lies_within(values: Floats, settings: Settings) -> None:
    models, expected = fitted(values, settings)
    (lower, upper), expected = newest(models, values, expected, settings), expected[:, 0]
    rows = [DAILY, STEADY, SPIKY]
    assert (lower[rows] < expected[rows]).all()
    assert (expected[rows] < upper[rows]).all()


def test_series_that_are_not_scored_have_no_band(values: Floats, settings: Settings) -> None:
    models, expected = fitted(values, settings)
    lower, upper = newest(models, values, expected, settings)
    assert np.isnan([lower[ABSENT], upper[ABSENT]]).all()


def test_the_band_scales_with_the_values(values: Floats, settings: Settings) -> None:
    rows = values[[DAILY, STEADY]]
    models, expected = fitted(rows, settings)
    thousand, thousandfold = fitted(1000 * rows, settings)
    np.testing.assert_allclose(
        np.stack(band(thousand, 1000 * rows, thousandfold, END, settings)),
        1000 * np.stack(band(models, rows, expected, END, settings)),
        rtol=1e-6,
    )


def test_many_columns_are_searched_as_each_is_when_it_is_the_newest(
    values: Floats, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = 30
    models, expected = fitted(values, settings, last)
    monkeypatch.setattr(
        band_module, "AT_ONCE", 7 * len(values)
    )  # so that it takes several rounds, the last a short one
    whole = np.stack(band(models, values, expected, END, settings))
    monkeypatch.undo()
    for column in range(last):
        after = last - 1 - column
        until = values[:, : values.shape[1] - after]
        alone = band(models, until, expected[:, column : column + 1], END - after * settings.step, settings)
        np.testing.assert_array_equal(whole[:, :, column : column + 1], np.stack(alone))
    assert np.isfinite(whole[:, REGULAR]).any(axis=(0, 2)).all()


def test_of_no_columns_and_of_no_series_there_is_no_band(values: Floats, settings: Settings) -> None:
    models, expected = fitted(values, settings)

    assert band(models, values, expected[:, :0], END, settings)[0].shape == (len(values), 0)
    assert band(models.take(slice(0, 0)), values[:0], expected[:0], END, settings)[0].shape == (0, 1)


@pytest.mark.parametrize("level", [0.0, 1e-320])
def test_a_series_that_was_always_zero_has_a_band_about_it(settings: Settings, level: float) -> None:
    values = np.full((1, settings.fit_steps + 600), level)
    models, expected = fitted(values[:, -settings.fit_steps :], settings)
    lower, upper = newest(models, values, expected, settings)
    assert -1e-9 < lower[0] <= level <= upper[0] < 1e-9
    assert score_of(models, values, np.array([1e-9]), settings)[0] >= 1
