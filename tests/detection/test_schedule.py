from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sidecar.detection.arrays import NEVER
from sidecar.detection.schedule import SLOTS, TURNS, Schedule
from sidecar.detection.settings import Settings

DAY = 86400
STEP = 300
SCHEDULE = Schedule(Settings(step=STEP, fit_window=7 * DAY, min_history=4 * 3600), fit_every=6 * 3600)

instants = st.integers(2_000_000, 10**7).map(lambda steps: steps * STEP)
groups = st.integers(0, 2**64 - 1)


def newest(at: int, first: int, group: int) -> int:
    return int(SCHEDULE.newest(at, np.array([first]), np.array([group], np.uint64))[0])


def in_effect(at: int, first: int, group: int) -> int:
    return int(SCHEDULE.in_effect(at, np.array([first]), np.array([group], np.uint64))[0])


@given(at=instants, group=groups)
def test_an_old_series_is_fitted_every_fit_every(at: int, group: int) -> None:
    instant = newest(at, NEVER, group)
    assert instant % STEP == 0
    assert at - SCHEDULE.fit_every < instant <= at
    assert newest(instant, NEVER, group) == instant
    assert newest(instant + SCHEDULE.fit_every, NEVER, group) == instant + SCHEDULE.fit_every


@given(at=instants, group=groups, history=st.sampled_from([4, 12, 24]), every=st.sampled_from([6, 24]))
def test_an_old_series_always_has_a_model_however_short_its_window(
    at: int, group: int, history: int, every: int
) -> None:
    settings = Settings(step=STEP, fit_window=DAY, min_history=history * 3600)
    schedule = Schedule(settings, fit_every=every * 3600)
    [instant] = schedule.in_effect(at, np.array([NEVER]), np.array([group], np.uint64))
    assert 0 <= at - schedule.lead - instant < schedule.fit_every


@given(at=instants, group=groups)
def test_a_model_takes_effect_a_lead_after_its_instant(at: int, group: int) -> None:
    assert in_effect(at, NEVER, group) == newest(at - SCHEDULE.lead, NEVER, group)


@given(step=st.integers(1, 2 * 3600), fit_every=st.integers(3600, DAY))
def test_a_fit_waits_for_as_long_as_leaves_it_half_an_hour(step: int, fit_every: int) -> None:
    schedule = Schedule(replace(SCHEDULE.settings, step=step), fit_every=fit_every)
    left = schedule.lead - schedule.patience
    assert schedule.patience % step == 0
    assert left == schedule.lead if schedule.patience == 0 else 1800 <= left < 1800 + step


def test_turns_are_spread_over_fit_every() -> None:
    at, turns = 10**9 // STEP * STEP, SLOTS * TURNS
    daily = Schedule(replace(SCHEDULE.settings, step=60), fit_every=DAY)
    found = daily.newest(at, np.full(turns, NEVER), np.arange(turns, dtype=np.uint64))
    assert np.diff(np.sort(found)).tolist() == [DAY // turns] * (turns - 1)


@given(first=instants, age=st.integers(0, 3 * DAY // STEP).map(lambda steps: steps * STEP), group=groups)
def test_a_young_series_is_scored_from_min_history_on(first: int, age: int, group: int) -> None:
    instant = in_effect(first + age, first, group)
    assert (instant != NEVER) == (age >= SCHEDULE.settings.min_history)
    assert instant == NEVER or first < instant <= first + age - SCHEDULE.lead


@given(first=instants, group=groups)
def test_a_young_series_is_fitted_anew_each_time_its_history_has_doubled(first: int, group: int) -> None:
    for doubling in (1, 2, 4, 8):
        age = doubling * SCHEDULE.settings.min_history
        assert in_effect(first + age, first, group) >= first + age - SCHEDULE.lead - STEP


@given(first=instants, group=groups, ages=st.lists(st.integers(0, 8 * DAY // STEP), min_size=2, max_size=5))
def test_fit_instants_only_move_forward(first: int, group: int, ages: list[int]) -> None:
    found = [newest(first + age * STEP, first, group) for age in sorted(ages)]
    assert found == sorted(found)


def test_the_lookback_holds_the_whole_fit_window_of_the_model_in_effect() -> None:
    kept = (SCHEDULE.lookback_steps - 1) * STEP
    assert kept >= SCHEDULE.settings.fit_window + SCHEDULE.fit_every + SCHEDULE.lead


def test_short_steps_are_replayed_over_a_part_of_the_day() -> None:
    def hours(step: int, window: int = 7 * 86_400) -> float:
        return Schedule(Settings(step=step, fit_window=window), 21_600).replay_steps * step / 3_600

    assert [hours(step) for step in (300, 30, 15, 10, 1)] == [24, 24, 12, 8, 8]
    assert hours(15, window=3_600) == 1
