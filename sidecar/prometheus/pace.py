"""Keeps to a number of samples a second, over all that is asked for."""

import threading
from collections.abc import Callable


class Pace:
    """A budget of samples per second, for any number of threads.

    How much a request will bring is known only when it has: it is paid for afterwards, by the requests that follow.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        """Allows `per_second` samples in the seconds of `clock`."""
        self._per_second, self._clock = per_second, clock
        self._lock = threading.Lock()
        self._paid_until = clock()

    def spend(self, samples: int) -> None:
        """Take samples out of the budget."""
        with self._lock:
            self._paid_until = max(self._paid_until, self._clock()) + samples / self._per_second

    def wait(self, stop: threading.Event) -> bool:
        """Wait until everything spent so far is paid for; False as soon as `stop` is set."""
        return not stop.wait(max(0.0, self._paid_until - self._clock()))
