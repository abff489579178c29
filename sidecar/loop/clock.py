"""The one place where time comes from, and when the next evaluation is."""

import time
from dataclasses import dataclass
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> float:
        """The time, unix seconds."""
        ...

    def wait(self, until: float, stop: Event) -> bool:
        """Waits until a time, unix seconds; True as soon as `stop` is set."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """The time, unix seconds."""
        return time.time()

    def wait(self, until: float, stop: Event) -> bool:
        """Waits until a time, unix seconds; True as soon as `stop` is set."""
        return stop.wait(max(until - self.now(), 0.0))


@dataclass(frozen=True, slots=True)
class Slots:
    """Instants of evaluation, multiples of an interval in seconds: the same for every replica."""

    interval: int

    def current(self, now: float) -> int:
        """The slot that has begun last."""
        return int(now // self.interval) * self.interval

    def after(self, slot: int, now: float) -> tuple[int, int]:
        """The slot that follows, given the time at which the work of `slot` ended, and how many were missed by then.

        A slot that began while the work went on is missed: it is counted, not replayed. Where the clock was set back
        by more than an interval, the slots follow it.
        """
        next_slot = self.current(now) + (self.interval if now % self.interval else 0)
        if next_slot < slot:
            return next_slot, 0
        following = max(slot + self.interval, next_slot)
        return following, (following - slot) // self.interval - 1
