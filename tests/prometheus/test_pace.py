import threading

import pytest

from sidecar.prometheus.pace import Pace


class Stop(threading.Event):
    """Tells how long it was waited for, without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        return self.is_set()


def test_what_was_received_is_paid_for_by_the_next_request() -> None:
    now = 100.0
    pace, stop = Pace(1000, lambda: now), Stop()
    assert pace.wait(stop)
    pace.spend(500)
    pace.spend(1500)
    now = 100.5
    assert pace.wait(stop)
    now = 109.0
    assert pace.wait(stop)
    assert stop.waits == pytest.approx([0.0, 1.5, 0.0])


def test_quiet_times_are_not_saved_up() -> None:
    now = 100.0
    pace, stop = Pace(1000, lambda: now), Stop()
    now = 200.0
    pace.spend(1000)
    pace.wait(stop)
    assert stop.waits == [1.0]


def test_a_stop_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()
    pace = Pace(1, lambda: 100.0)
    pace.spend(10**9)
    assert not pace.wait(stop)
