from dataclasses import replace

import numpy as np
import pytest

from sidecar.detection.combination import PARTS, Grounds, combine, nearness, ratio, trust
from sidecar.detection.features import NAMES
from sidecar.detection.settings import DAY, Settings

HOURLY, MINUTELY = Settings(3_600), Settings(300)
MANY = np.array([10_000.0])
KNOWN = np.ones((1, len(NAMES)), dtype=np.bool_)
FIRM = Grounds(KNOWN, MANY, np.zeros(1), np.ones(1))


def of(rarities: dict[str, float], age: float = 10_000.0, settings: Settings = HOURLY) -> float:
    found = np.array([rarities.get(name, 0.3) for name in NAMES])[None, :, None]
    return float(ratio(found, replace(FIRM, age=np.array([age])), settings)[0, 0])


def test_every_feature_has_its_say_in_some_part() -> None:
    assert {name for part in PARTS.values() for name in part.features} == set(NAMES)


def test_one_odd_feature_is_no_anomaly() -> None:
    assert all(of({name: 6.0}) < 1.3 for name in NAMES)
    assert of(dict.fromkeys(("value", "residual", "innovation"), 6.0)) > 1


def test_what_stays_odd_needs_no_sudden_beginning() -> None:
    assert of({"value": 4.0, "drift": 4.0}) > 1
    assert of({"value": 4.0}) < 1
    assert of({"value": 4.0, "residual": 4.0}) < 1


def test_what_varies_as_on_other_days_is_no_upheaval() -> None:
    away = {"residual": 2.0, "drift": 2.0, "long_residual": 2.0}
    assert of(away | {"nearest_spread": 2.0}) > 1
    assert of(away) < 1


def test_the_part_nearest_to_its_bar_decides() -> None:
    found = np.random.default_rng(1).gamma(2, 1, (1, len(NAMES), 50))
    for settings, asked in ((HOURLY, set(PARTS) - {"spike"}), (Settings(60), set(PARTS))):
        parts = [nearness(PARTS[name], found, FIRM, settings) for name in asked]
        np.testing.assert_array_equal(ratio(found, FIRM, settings), np.max(parts, axis=0))


def test_what_is_not_known_does_not_count() -> None:
    rarity = np.array([2.0, 8.0, 5.0])[None, :, None]
    known = np.array([[True, False, True]])
    assert combine(rarity, known, unanimous=True)[0, 0] == 2
    assert combine(rarity, known, unanimous=False)[0, 0] == pytest.approx(((2**0.5 + 5**0.5) / 2) ** 2)
    for unanimous in (True, False):
        assert combine(rarity, np.zeros((1, 3), np.bool_), unanimous=unanimous)[0, 0] == 0


def test_what_other_days_had_too_is_no_news() -> None:
    odd = dict.fromkeys(PARTS["jump"].features, 6.0)
    assert of(odd | {"outside": 3.0}) > 1
    assert of(odd | {"outside": 0.5}) < 1


def test_without_other_days_there_is_no_excuse() -> None:
    rarity = np.full((1, len(NAMES), 1), 6.0)
    rarity[:, NAMES.index("outside")] = 0.0  # missing
    known = KNOWN.copy()
    known[:, NAMES.index("nearest_spread")] = False
    for name in ("jump", "texture"):
        alone = replace(PARTS[name], excuse="")
        found, expected = (nearness(part, rarity, replace(FIRM, known=known), HOURLY) for part in (PARTS[name], alone))
        np.testing.assert_array_equal(found, expected)


def test_a_short_history_is_believed_less() -> None:
    odd = dict.fromkeys(NAMES, 3.0)
    assert of(odd, age=50) < of(odd, age=200) < of(odd) == of(odd, age=600)


def test_other_days_are_believed_less_until_there_is_a_week_of_them() -> None:
    age = np.array([288.0 * 3, 288.0 * 7])  # three days and seven, of buckets of five minutes
    for part in PARTS.values():
        three, seven = trust(part, age, MINUTELY)[:, 0]
        assert seven == 1
        days = min(3 / part.days, 1) if part.days else 1
        assert three == pytest.approx(min(age[0] / part.buckets, 1) ** 0.5 * days**part.growth)


def test_whole_days_that_lie_off_are_hardly_believed_in_the_first_days() -> None:
    days = np.array([2.0, 4.0, 6.0, 7.0])
    assert trust(PARTS["departure"], 288 * days, MINUTELY)[:, 0] == pytest.approx(
        [(2 / 7) ** 2 * (576 / 600) ** 0.5, (4 / 7) ** 2, (6 / 7) ** 2, 1]
    )


def test_more_tests_and_a_smaller_budget_ask_for_more() -> None:
    odd = dict.fromkeys(("value", "residual", "innovation"), 3.0)
    assert of(odd, settings=MINUTELY) < of(odd)
    assert of(odd, settings=Settings(3_600, alarm_budget=1 / (300 * DAY))) < of(odd)


def test_a_habit_asks_for_more() -> None:
    found = np.full((1, len(NAMES), 1), 6.0)
    raised = ratio(found, replace(FIRM, habit=np.array([0.3])), HOURLY)
    assert 0.8 * ratio(found, FIRM, HOURLY) < raised < ratio(found, FIRM, HOURLY)
    recurring = ratio(found, replace(FIRM, recurrence=np.array([2.0])), HOURLY)
    assert recurring == pytest.approx(ratio(found, FIRM, HOURLY) / 2)
