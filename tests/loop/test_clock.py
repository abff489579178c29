from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.loop.clock import Slots, SystemClock


def test_slots_are_multiples_of_the_interval() -> None:
    assert Slots(30).current(1_700_000_012.5) == 1_700_000_010


@pytest.mark.parametrize(
    ("slot", "now", "following", "missed"),
    [
        (0, 0.4, 30, 0),
        (0, 30.0, 30, 0),
        (0, 30.1, 60, 1),
        (0, 95.0, 120, 3),
        (60, 40.0, 90, 0),
        (60, 30.0, 30, 0),
        (3600, 10.0, 30, 0),
    ],
)
def test_a_slot_that_began_during_the_work_is_missed_and_slots_follow_a_clock_that_is_set_back(
    slot: int, now: float, following: int, missed: int
) -> None:
    assert Slots(30).after(slot, now) == (following, missed)


@given(
    interval=st.integers(1, 3600),
    slot=st.integers(0, 10**6),
    took=st.floats(0, 10**5, allow_nan=False),
)
def test_the_following_slot_is_aligned_and_not_in_the_past(interval: int, slot: int, took: float) -> None:
    slots = Slots(interval)
    begun = slots.current(slot)
    now = begun + took
    following, missed = slots.after(begun, now)
    assert following % interval == 0
    assert following > begun
    assert now <= following <= now + interval
    assert following == begun + (missed + 1) * interval


def test_the_system_clock_waits_no_longer_than_until_it_is_stopped() -> None:
    clock, stop = SystemClock(), Event()
    assert not clock.wait(clock.now() - 10, stop)
    stop.set()
    assert clock.wait(clock.now() + 3600, stop)
