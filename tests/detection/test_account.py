import numpy as np
import pytest

from sidecar.detection.account import ASPECTS, Account, accounts, changes, scores_without
from sidecar.detection.arrays import Floats
from sidecar.detection.detector import fit, score
from sidecar.detection.features import NAMES, names
from sidecar.detection.settings import DAY, HOUR, Settings
from tests.detection.conftest import END

SETTINGS = Settings(step=300, fit_window=7 * DAY, min_history=4 * HOUR)
DAILY_STEPS = DAY // SETTINGS.step


def account(odd: Floats | None) -> Account:
    """Of ten days with a daily shape, the newest values put in the place of the last ones."""
    steps = np.arange(10 * DAILY_STEPS)
    values = 0.4 + 0.1 * np.sin(2 * np.pi * steps / DAILY_STEPS)
    values += 0.01 * np.random.default_rng(1).standard_normal(len(steps))
    models = fit(values[None, :-DAILY_STEPS], END - DAY, SETTINGS)
    if odd is not None:
        values[len(values) - len(odd) :] = odd
    [told] = accounts(models, score(models, values[None], END, SETTINGS, 1), SETTINGS)
    assert told is not None
    return told


def test_an_ordinary_step_has_no_cause() -> None:
    assert account(None).changed == ()


def test_a_value_never_seen_is_a_change_of_level_at_any_time() -> None:
    told = account(np.array([3.0]))

    assert told.score > 1
    assert "level" in told.changed
    assert "time of day" not in told.changed
    assert told.one_in == 1e6


def test_a_wild_series_has_changed_its_spread() -> None:
    told = account(0.4 + 0.1 * np.random.default_rng(2).choice([-1, 1], 20))

    assert told.score > 1
    assert "spread" in told.changed


def test_what_carries_most_comes_first() -> None:
    told = account(np.full(12, 3.0))
    left = [score for _, score in told.without]

    assert left == sorted(left)
    assert max(left) <= told.score
    assert {name for name, _ in told.without} == set(names(SETTINGS))
    assert told.rarest in NAMES


def test_what_is_not_scored_has_no_account() -> None:
    values = np.full((1, 100), np.nan)
    models = fit(values, END, SETTINGS)

    assert accounts(models, score(models, values, END, SETTINGS, 1), SETTINGS) == [None]


def test_every_feature_belongs_to_what_it_looks_at() -> None:
    assert sorted(name for names in ASPECTS.values() for name in names) == sorted(NAMES)


@pytest.mark.parametrize(
    ("rare", "expected"),
    [
        ({}, ()),
        ({"value": 3.0}, ("level",)),
        ({"residual": 3.0}, ("time of day",)),
        ({"residual": 5.0, "value": 3.0}, ("level",)),
        ({"spread": 3.0, "drift": 4.0}, ("trend", "spread")),
    ],
)
def test_a_change_is_told_by_what_is_rare(rare: dict[str, float], expected: tuple[str, ...]) -> None:
    assert changes(dict.fromkeys(NAMES, 0.5) | rare) == expected


DAILY, STEADY, ABSENT = 0, 1, 4


def test_the_feature_that_carries_a_score_leaves_little_without_it(values: Floats, settings: Settings) -> None:
    odd = values.copy()
    odd[STEADY, -1] += 5
    models = fit(values[:, :-1], END - settings.step, settings)
    scores = score(models, odd, END, settings, 1)
    without = scores_without(models, scores, settings)
    told = accounts(models, scores, settings)
    assert without.shape[1] == len(names(settings))
    assert (without[STEADY] <= scores.score[STEADY, 0]).all()
    assert without[STEADY].min() < scores.score[STEADY, 0]
    assert np.isnan(without[ABSENT]).all()
    daily, steady = told[DAILY], told[STEADY]
    assert daily is not None
    assert steady is not None
    assert steady.one_in > 1000 > daily.one_in
    assert scores.rarity[STEADY, names(settings).index(steady.rarest), 0] == scores.rarity[STEADY].max()


def test_an_ordinary_column_owes_its_score_to_nothing(values: Floats, settings: Settings) -> None:
    models = fit(values, END, settings)
    scores = score(models, values, END, settings, 1)
    assert (scores_without(models, scores, settings)[DAILY] <= scores.score[DAILY, 0] + 1e-12).all()
    told = accounts(models, scores, settings)[DAILY]
    assert told is not None
    assert told.one_in < 300
