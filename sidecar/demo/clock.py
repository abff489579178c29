"""A clock that runs faster than the world's, so that a day of the demo passes in minutes."""

import threading
import time
from collections.abc import Callable


class SpedUpClock:
    """Shows `epoch`, unix seconds, when it is made, and from then on passes `speed` seconds a second.

    Args:
        epoch: the instant it begins at, unix seconds.
        speed: simulated seconds per real second, above 0.
        monotonic: real seconds from any fixed point.
    """

    def __init__(self, epoch: float, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._epoch = epoch
        self._speed = speed
        self._monotonic = monotonic
        self._begin = monotonic()

    def now(self) -> float:
        """The simulated instant, unix seconds."""
        return self._epoch + (self._monotonic() - self._begin) * self._speed

    def wait(self, until: float, stop: threading.Event) -> bool:
        """Sleep until the simulated instant `until` or until `stop` is set; whether it is set."""
        while (left := until - self.now()) > 0:
            if stop.wait(left / self._speed):
                return True
        return stop.is_set()
