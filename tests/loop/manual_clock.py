"""A clock that a test moves."""

from threading import Event


class ManualClock:
    """Stands still until it is told another time."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def wait(self, until: float, stop: Event) -> bool:
        while self.time < until:
            if stop.wait(0.005):
                return True
        return stop.is_set()
