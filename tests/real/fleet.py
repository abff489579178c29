"""Hosts with a past, for tests that need many."""

import time
from collections.abc import Iterator

import numpy as np

from tests.real.servers import Sample

STEP, DAY = 300, 86_400


def newest_step() -> int:
    """The newest whole step, unix seconds."""
    return int(time.time()) // STEP * STEP


def cpu(now: int, hosts: int, days: float = 2.0, ahead: int = 0) -> Iterator[Sample]:
    """Daily shapes with noise, until `ahead` seconds after `now`; the last host is at full load since ten minutes."""
    rng = np.random.default_rng(7)
    times = np.arange(now - int(days * DAY), now + ahead + 1, STEP)
    for number in range(hosts):
        values = 0.4 + 0.2 * np.sin(times * 2 * np.pi / DAY + number) + 0.02 * rng.standard_normal(len(times))
        if number == hosts - 1:
            values[times > now - 3 * STEP] = 0.99
        labels = {"instance": f"host-{number}.example:9100", "job": "node"}
        yield from ((labels, int(at), round(float(value), 5)) for at, value in zip(times, values, strict=True))
