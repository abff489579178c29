import threading

import pytest

from sidecar.demo.clock import SpedUpClock


class FakeTime:
    """Real seconds that pass only by waiting."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class FakeStop(threading.Event):
    """An event whose wait takes no time, but moves the fake time on; it may wake early, or be set meanwhile."""

    def __init__(self, time: FakeTime, *, share: float = 1.0, sets: bool = False) -> None:
        super().__init__()
        self.time, self.share, self.sets = time, share, sets
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.time.seconds += max(timeout * self.share, 1e-3)
        if self.sets:
            self.set()
        return self.is_set()


def test_it_begins_at_the_epoch_and_runs_at_its_speed() -> None:
    time = FakeTime()
    clock = SpedUpClock(5000, 300, time)
    assert clock.now() == 5000
    time.seconds += 2
    assert clock.now() == 5600


def test_waiting_sleeps_the_real_equivalent() -> None:
    time = FakeTime()
    clock, stop = SpedUpClock(5000, 300, time), FakeStop(time)
    assert not clock.wait(5900, stop)
    assert stop.waits[0] == pytest.approx(3)
    assert clock.now() >= 5900


def test_an_early_wake_up_is_slept_on() -> None:
    time = FakeTime()
    clock, stop = SpedUpClock(5000, 300, time), FakeStop(time, share=0.5)
    assert not clock.wait(5900, stop)
    assert len(stop.waits) > 1
    assert clock.now() >= 5900


def test_an_instant_that_has_passed_is_not_waited_for() -> None:
    time = FakeTime()
    stop = FakeStop(time)
    assert not SpedUpClock(5000, 300, time).wait(4000, stop)
    assert stop.waits == []


def test_stopping_ends_the_wait() -> None:
    time = FakeTime()
    stop = FakeStop(time, share=0.1, sets=True)
    clock = SpedUpClock(5000, 300, time)
    assert clock.wait(5900, stop)
    assert len(stop.waits) == 1
    assert clock.wait(0, stop)


def test_the_real_time_passes_by_itself() -> None:
    clock = SpedUpClock(0, 1e6)
    stop = threading.Event()
    stop.set()
    assert clock.wait(1e12, stop)
    assert clock.now() > 0
