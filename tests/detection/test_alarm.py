from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.detection.alarm import ODD, Alarms, Policy, advance
from sidecar.detection.arrays import NEVER, Bools, Floats, Times
from sidecar.detection.features import NAMES
from sidecar.detection.models import Scores
from sidecar.detection.outcome import Outcome, Reason, State

HOUR = 3_600
STEP = HOUR
NAN = float("nan")


def scores_of(score: Floats, expected: float = 10.0, rarity: Floats | float = 9.0) -> Scores:
    rarities = np.full((len(score), len(NAMES), score.shape[1]), rarity)
    return Scores(score, np.full_like(score, expected), rarities)


def play(
    score: list[float],
    policy: Policy,
    values: list[float] | None = None,
    suppressed: Bools | None = None,
    *,
    times: Times | None = None,
    odd: list[int] | None = None,
    every: int = STEP,
) -> Outcome:
    rows = np.array([score])
    times = every * np.arange(1, len(score) + 1, dtype=np.int64) if times is None else times
    observed = np.array([values or [20.0] * len(score)])
    scores = scores_of(rows, rarity=2 * ODD * np.array(odd or [1] * len(score)))
    return advance(Alarms.idle(1, policy), scores, observed, times, policy, suppressed=suppressed)[1]


def flags(outcome: Outcome) -> list[int]:
    return [int(flag) for flag in outcome.flag[0]]


def test_fires_at_one_and_recovers_after_the_hold() -> None:
    outcome = play([0.5, 1.2, 0.8, 0.5, 0.5, 0.5, 0.5], Policy(hold=2 * HOUR))
    assert flags(outcome) == [0, 1, 1, 1, 1, 0, 0]
    assert outcome.state[0].tolist() == [State.IDLE, *[State.FIRING] * 2, *[State.RECOVERING] * 2, *[State.IDLE] * 2]
    expected = [Reason.CALM, *[Reason.EXCEEDED] * 2, *[Reason.HELD] * 2, Reason.ENDED, Reason.CALM]
    assert outcome.reason[0].tolist() == expected
    assert outcome.since[0].tolist() == [NEVER, *[2 * STEP] * 4, NEVER, NEVER]


def test_a_score_below_one_keeps_an_alarm_on_only_where_the_sample_is_odd_in_itself() -> None:
    policy, score = Policy(hold=HOUR), [1.5, 1.2, 0.9, 0.9, 0.9, 0.7]
    assert flags(play(score, policy, odd=[1, 1, 1, 1, 1, 1])) == [1, 1, 1, 1, 1, 1]
    outcome = play(score, policy, odd=[1, 0, 0, 0, 0, 0])
    assert flags(outcome) == [1, 1, 1, 0, 0, 0]
    assert outcome.state[0].tolist() == [*[State.FIRING] * 2, State.RECOVERING, *[State.IDLE] * 3]
    assert flags(play(score, policy, odd=[1, 0, 0, 1, 0, 0])) == [1, 1, 1, 1, 1, 0]


def test_a_faded_score_keeps_an_alarm_on_only_where_the_sample_is_odd_in_itself() -> None:
    policy, score = Policy(hold=HOUR), [4.0, 3.0, 2.3, 2.3, 2.3, 2.5]
    assert flags(play(score, policy)) == [1] * 6
    assert flags(play(score, policy, odd=[1, 0, 0, 0, 0, 0])) == [1, 1, 1, 0, 0, 0]
    assert flags(play([4.0, *[2.5] * 5], policy, odd=[1, 0, 0, 0, 0, 0])) == [1] * 6


def test_an_alarm_may_start_a_second_before_1970() -> None:
    outcome = play([0.5, 1.2, 0.5, 0.5, 0.5], Policy(hold=2), times=np.arange(-2, 3))
    assert flags(outcome) == [0, 1, 1, 1, 0]
    assert outcome.since[0].tolist() == [NEVER, -1, -1, -1, NEVER]


def test_a_series_may_vanish_before_1970() -> None:
    policy, values = Policy(hold=2 * HOUR, flag_vanished=True), [20.0, 20.0, NAN, NAN, NAN]
    for first in (-9 * HOUR, -2 * HOUR - 1, -HOUR - 1):
        outcome = play([0.5, 0.5, NAN, NAN, NAN], policy, values, times=first + STEP * np.arange(5))
        assert flags(outcome) == [0, 0, 1, 1, 0]
        assert outcome.since[0].tolist() == [NEVER, NEVER, *[first + STEP] * 2, NEVER]
    never_scored = play([NAN] * 5, policy, [NAN] * 5, times=-9 * HOUR + STEP * np.arange(5))
    assert flags(never_scored) == [0] * 5


def test_a_gap_does_not_end_an_alarm_but_what_comes_after_it_does() -> None:
    policy = Policy(hold=0, rearm=4 * HOUR)
    assert flags(play([1.5, NAN, NAN, 1.2, 0.5], policy)) == [1, 1, 1, 1, 0]
    assert flags(play([1.5, NAN, NAN, 0.5, 1.2], policy)) == [1, 1, 1, 0, 0]
    assert flags(play([1.5, *[NAN] * 6], policy)) == [1, 1, 1, 1, 1, 0, 0]
    assert flags(play([1.5, NAN, NAN, NAN], replace(policy, hold=HOUR, flag_vanished=True)))[3] == 0


def test_an_alarm_after_an_alarm_must_exceed_its_peak_until_that_is_old() -> None:
    policy = Policy(hold=HOUR, rearm=6 * HOUR)
    soon = play([2.0, 0.1, 0.1, 0.1, 1.5, 0.1, 2.5], policy)
    assert flags(soon) == [1, 1, 0, 0, 0, 0, 1]
    assert soon.reason[0, 4] == Reason.BELOW_PEAK
    assert flags(play([2.0, *[0.1] * 8, 1.5], policy))[-1] == 1


def test_soon_after_an_alarm_another_one_must_be_worse_by_a_quarter() -> None:
    policy = Policy(hold=0, rearm=12 * HOUR)
    soon = play([2.0, 0.1, 2.4, 0.1], policy, every=HOUR // 4)
    assert flags(soon) == [1, 0, 0, 0]
    assert soon.reason[0, 2] == Reason.BELOW_PEAK
    assert soon.detection[0].tolist() == [2.0, 0, 0, 0]
    assert flags(play([2.0, 0.1, 2.6, 0.1], policy, every=HOUR // 4)) == [1, 0, 1, 0]
    assert flags(play([2.0, 0.1, 0.1, 2.1], policy, every=HOUR // 2)) == [1, 0, 0, 1]


def test_what_gets_worse_bit_by_bit_raises_an_alarm_again_in_the_end() -> None:
    outcome = play([2.0, 0.1, 2.2, 2.4, 2.6], Policy(hold=0, rearm=12 * HOUR), every=HOUR // 4)
    assert flags(outcome) == [1, 0, 0, 0, 1]


def test_what_is_worse_has_to_be_confirmed_too() -> None:
    policy = Policy(confirm=(2, 3), hold=0, rearm=12 * HOUR)
    outcome = play([2.0, 2.0, 0.1, 2.1, 2.6, 2.6], policy, every=HOUR // 10)
    assert flags(outcome) == [0, 1, 0, 0, 0, 1]


def test_where_no_alarm_was_raised_a_score_need_not_be_worse_by_much() -> None:
    outcome = play([0.95, 0.1, 1.01], Policy(hold=0, rearm=12 * HOUR), every=HOUR // 4)
    assert flags(outcome) == [0, 0, 1]
    assert outcome.detection[0].tolist() == [0.95, 0, 1.01]


def test_a_second_peak_outlives_the_first() -> None:
    policy = Policy(hold=0, rearm=4 * HOUR)
    outcome = play([3.0, 0.1, 1.4, 0.1, 0.1, 0.1, 1.3], policy)
    assert flags(outcome) == [1, 0, 0, 0, 0, 0, 0]


def test_m_of_n_waits_for_confirmation() -> None:
    policy = Policy(confirm=(2, 3), hold=0)
    outcome = play([1.5, 0.2, 1.2, 0.2], policy)
    assert flags(outcome) == [0, 0, 1, 0]  # the first was not confirmed: its height is no yardstick
    assert outcome.detection[0, 2] == pytest.approx(1.2)
    outcome = play([1.5, 1.4, 0.2, 0.2, 1.2, 1.3], policy)
    assert flags(outcome) == [0, 1, 0, 0, 0, 0]  # the others are below the peak that was
    outcome = play([1.5, 0.2, 1.7, 0.2], policy)
    assert flags(outcome) == [0, 0, 1, 0]
    assert outcome.state[0].tolist()[:2] == [State.PENDING, State.PENDING]
    assert outcome.reason[0, 0] == Reason.UNCONFIRMED
    assert outcome.detection[0, 2] == pytest.approx(1.5)


def test_an_anomaly_that_wears_off_is_confirmed_all_the_same() -> None:
    assert flags(play([3.0, 2.5, 2.0, 1.5, 1.2], Policy(confirm=(2, 3)))) == [0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("policy", "value", "reason"),
    [
        (Policy(direction="below"), 20.0, Reason.WRONG_DIRECTION),
        (Policy(direction="above"), 5.0, Reason.WRONG_DIRECTION),
        (Policy(min_deviation=11), 20.0, Reason.SMALL_DEVIATION),
        (Policy(min_relative_deviation=1.5), 20.0, Reason.SMALL_DEVIATION),
        (Policy(valid_range=(0, 15)), 20.0, Reason.INVALID_VALUE),
    ],
)
def test_immaterial_values_raise_no_flag_and_keep_their_detection(policy: Policy, value: float, reason: Reason) -> None:
    outcome = play([2.0], policy, [value])
    assert flags(outcome) == [0]
    assert outcome.reason[0, 0] == reason
    assert outcome.detection[0, 0] == pytest.approx(2.0)
    assert flags(play([2.0], Policy(), [value])) == [1]


def test_suppressed_columns_raise_no_flag_and_leave_no_peak() -> None:
    outcome = play([2.0, 1.5], Policy(), suppressed=np.array([True, False]))
    assert flags(outcome) == [0, 1]
    assert outcome.reason[0, 0] == Reason.SUPPRESSED


def test_what_an_incident_that_was_held_back_leaves_behind_raises_no_flag_either() -> None:
    policy, values = Policy(direction="above"), [0.0, 0.0, 11.0, 11.0, 20.0]
    outcome = play([4.0, 3.0, 2.5, 2.0, 1.5], policy, values, odd=[1, 1, 0, 0, 1])
    assert flags(outcome) == [0, 0, 0, 0, 1]
    assert outcome.reason[0].tolist() == [*[Reason.WRONG_DIRECTION] * 4, Reason.EXCEEDED]
    assert outcome.state[0].tolist()[:4] == [State.IDLE] * 4


def test_what_was_held_back_goes_on_where_samples_are_still_odd() -> None:
    suppressed = np.array([True, True, False, False])
    assert flags(play([4.0, 3.0, 2.5, 2.0], Policy(), suppressed=suppressed)) == [0, 0, 1, 1]
    outcome = play([4.0, 3.0, 2.5, 2.0], Policy(), suppressed=suppressed, odd=[1, 1, 0, 0])
    assert flags(outcome) == [0, 0, 0, 0]
    assert outcome.reason[0].tolist() == [Reason.SUPPRESSED] * 4


def test_an_aftermath_is_over_when_windows_hold_no_more_of_what_was_held_back() -> None:
    policy, suppressed = Policy(aftermath=2 * HOUR), np.array([True, *[False] * 4])
    assert flags(play([4.0, 1.5, 1.4, 1.3, 1.2], policy, suppressed=suppressed, odd=[0] * 5)) == [0, 0, 0, 1, 1]
    assert flags(play([0.9, 1.5, 0.5, 0.5, 0.5], policy, suppressed=suppressed, odd=[0] * 5))[1] == 1


def test_no_sample_is_odd_in_itself_while_it_is_averaged_with_what_was_held_back() -> None:
    policy, suppressed = Policy(averaged=3 * HOUR), np.array([True, *[False] * 4])
    assert flags(play([4.0, 3.0, 2.0, 2.0, 2.0], policy, suppressed=suppressed)) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(("rarity", "flag"), [(1.29, 0), (1.31, 1)])
def test_a_sample_is_odd_in_itself_by_its_residual(rarity: float, flag: int) -> None:
    scores = scores_of(np.array([[4.0, 3.0]]), rarity=0.0)
    scores.rarity[:, NAMES.index("residual")] = rarity
    values, times, suppressed = np.full((1, 2), 20.0), STEP * np.arange(1, 3), np.array([True, False])
    outcome = advance(Alarms.idle(1, Policy()), scores, values, times, Policy(), suppressed=suppressed)[1]
    assert flags(outcome) == [0, flag]


def test_an_alarm_that_is_on_goes_on_whatever_was_held_back() -> None:
    policy = Policy(direction="above", hold=0)
    outcome = play([2.0, 2.0, 0.9, 0.9, 0.5], policy, [20.0, 20.0, 11.0, 11.0, 11.0])
    assert flags(outcome) == [1, 1, 1, 1, 0]
    policy = Policy(direction="above", hold=HOUR)
    outcome = play([2.0, 2.0, 1.3, 1.3, 0.5], policy, [20.0, 0.0, 11.0, 11.0, 11.0], odd=[1, 1, 0, 0, 0])
    assert flags(outcome) == [1, 1, 1, 1, 1]


def test_a_vanished_series_is_flagged_whatever_was_held_back() -> None:
    policy = Policy(hold=2 * HOUR, flag_vanished=True)
    outcome = play([4.0, 0.5, NAN], policy, [20.0, 20.0, NAN], suppressed=np.array([True, False, False]))
    assert flags(outcome) == [0, 0, 1]


def test_unscored_columns_say_so() -> None:
    outcome = play([NAN, 0.2], Policy())
    assert outcome.reason[0].tolist() == [Reason.NOT_SCORED, Reason.CALM]


def test_an_alarm_that_no_score_keeps_ends_without_one() -> None:
    outcome = play([1.5, *[NAN] * 3], Policy(hold=HOUR, rearm=HOUR))
    assert outcome.reason[0].tolist() == [Reason.EXCEEDED, Reason.HELD, Reason.ENDED, Reason.NOT_SCORED]


def test_an_alarm_ends_by_name_also_where_another_is_pending() -> None:
    outcome = play([1.5, 1.5, 0.2, 0.2], Policy(confirm=(2, 3), hold=0))
    assert outcome.reason[0].tolist()[1:] == [Reason.EXCEEDED, Reason.ENDED, Reason.UNCONFIRMED]


def test_what_held_a_score_back_is_told_where_an_alarm_ends() -> None:
    outcome = play([2.0, 2.0, 2.0], Policy(hold=HOUR), suppressed=np.array([False, True, True]))
    assert outcome.reason[0].tolist() == [Reason.EXCEEDED, Reason.HELD, Reason.SUPPRESSED]


SERIES = st.lists(st.one_of(st.floats(0, 3), st.just(NAN)), min_size=1, max_size=40)
POLICIES = st.builds(
    Policy,
    confirm=st.sampled_from([(1, 1), (2, 3)]),
    hold=st.integers(0, 5).map(lambda n: n * HOUR),
    rearm=st.integers(0, 8).map(lambda n: n * HOUR),
)


@settings(max_examples=50)
@given(score=SERIES, policy=POLICIES)
def test_an_alarm_starts_exactly_where_the_detection_reaches_one(score: list[float], policy: Policy) -> None:
    outcome = play(score, policy)
    before = np.concatenate([[False], outcome.flag[0, :-1]])
    continued = outcome.since[0] == np.concatenate([[NEVER], outcome.since[0, :-1]])
    begins = outcome.flag[0] & ~(before & continued)
    np.testing.assert_array_equal(begins, outcome.detection[0] >= 1)


@settings(max_examples=50)
@given(score=SERIES, policy=POLICIES, seed=st.integers(0, 99))
def test_column_by_column_is_all_at_once(score: list[float], policy: Policy, seed: int) -> None:
    suppressed, odd = np.random.default_rng(seed).integers(0, 2, (2, len(score)))
    together = play(score, policy, suppressed=suppressed == 1, odd=odd.tolist())
    alarms, times = Alarms.idle(1, policy), STEP * np.arange(1, len(score) + 1, dtype=np.int64)
    for i, one in enumerate(score):
        now, value = scores_of(np.array([[one]]), rarity=2.0 * ODD * odd[i]), np.full((1, 1), 20.0)
        held = suppressed[i : i + 1] == 1
        alarms, outcome = advance(alarms, now, value, times[i : i + 1], policy, suppressed=held)
        assert outcome.flag[0, 0] == together.flag[0, i]
        assert outcome.detection[0, 0] == together.detection[0, i]
        assert outcome.state[0, 0] == together.state[0, i]
        assert outcome.reason[0, 0] == together.reason[0, i]


def test_no_columns_change_nothing() -> None:
    policy = replace(Policy(), hold=0)
    alarms, outcome = advance(
        Alarms.idle(2, policy), scores_of(np.zeros((2, 0))), np.zeros((2, 0)), np.zeros(0, dtype=np.int64), policy
    )
    assert not alarms.firing.any()
    assert outcome.flag.shape == (2, 0)
