import numpy as np
import pytest

from sidecar.detection.habit import habit_of, recurrence_of
from sidecar.detection.settings import DAY, Settings

FIVE_MINUTES = Settings(300)


def past(*alarms: int, columns: int = 5_000, length: int = 1) -> np.ndarray:
    """How near the threshold the columns of a past came that is over it from these places on."""
    found = np.full((1, columns), 0.5)
    for at in alarms:
        found[0, at : at + length] = 1.5
    return found


def raised_by(found: np.ndarray, every: float = 300.0, settings: Settings = FIVE_MINUTES) -> float:
    return float(habit_of(found, np.array([every]), settings)[0])


def test_a_past_that_keeps_to_its_budget_raises_no_bar() -> None:
    assert raised_by(past()) == 0
    assert raised_by(past(1_000)) == 0
    assert raised_by(past(*range(0, 5_000, 480)), settings=Settings(300, alarm_budget=1 / DAY)) == 0


def test_bars_rise_by_a_share_of_the_decades_beyond_the_budget() -> None:
    assert raised_by(past(*range(0, 5_000, 1_700))) == pytest.approx(0.4 * np.log10(3))
    assert raised_by(past(*range(0, 5_000, 50))) == 0.25  # for no past silences a series


def test_alarms_are_counted_and_not_columns() -> None:
    two = raised_by(past(1_000, 3_000))
    assert raised_by(past(1_000, 3_000, length=40)) == two
    assert raised_by(past(1_000, 1_040, 3_000, 3_040)) == two  # 200 minutes later
    assert raised_by(past(1_000, 1_060, 3_000, 3_060)) > two  # 300 minutes later
    still_on = past(1_000, 1_060, 3_000, 3_060)
    still_on[0, [1_020, 1_040, 3_030]] = 0.85
    assert raised_by(still_on) == two


def test_columns_without_a_sample_are_no_past() -> None:
    loose = Settings(300, alarm_budget=1 / DAY)
    found = past(*range(0, 5_000, 480))
    found[found < 1] = np.nan
    assert raised_by(found, settings=loose) > 0


SPAN = 4 * DAY // 300


def recurring(*alarms: int, columns: int = 6_000, every: float = 300.0) -> float:
    """The recurrence of a past that is over the threshold at these places, counted from its last column."""
    return float(recurrence_of(past(*(columns - 1 - at for at in alarms), columns=columns), np.array([every]))[0])


def test_what_came_in_four_of_the_last_five_spans_raises_bars_by_what_it_was() -> None:
    assert recurring(0, SPAN, 2 * SPAN, 4 * SPAN - 1) == pytest.approx(1.5)
    assert recurring(SPAN - 1, 2 * SPAN - 1, 2 * SPAN, 3 * SPAN, 4 * SPAN) == pytest.approx(1.5)
    assert recurring(0, SPAN, 2 * SPAN, 4 * SPAN) == pytest.approx(1.5)  # not in the fourth
    assert recurring(0, SPAN // 2, SPAN, 2 * SPAN) == 1  # in three
    assert recurring(0, SPAN, 2 * SPAN, 5 * SPAN) == 1  # the fourth time before the last five
    assert recurring(*range(0, 2 * SPAN, 10), columns=2 * SPAN) == 1


def test_recurrence_goes_by_time_and_not_by_columns() -> None:
    assert recurring(0, 48, 96, 144, columns=200, every=7_200.0) == pytest.approx(1.5)
    assert recurring(0, 48, 96, 144, columns=200, every=3_600.0) == 1


def test_the_span_in_which_fourth_most_came_decides_and_no_past_silences_a_series() -> None:
    found = past(*range(0, 5_000, 100))
    found[0, found[0] > 1] = 9.0
    assert recurrence_of(found, np.array([300.0]))[0] == 2
    found[0, -SPAN:] = np.where(found[0, -SPAN:] > 1, 1.1, np.nan)
    assert recurrence_of(found, np.array([300.0]))[0] == 2
    found[0, -2 * SPAN : -SPAN] = np.where(found[0, -2 * SPAN : -SPAN] > 1, 1.2, np.nan)
    assert recurrence_of(found, np.array([300.0]))[0] == pytest.approx(1.2)
    assert recurrence_of(found[:, :0], np.array([300.0]))[0] == 1
