"""What goes wrong in the demo, and when: a script that begins at the demo's epoch and repeats."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sidecar.demo.noise import FloatArray, wander
from sidecar.demo.series import HIGHEST, HOUR, LOWEST, MINUTE, RATE_WINDOW, Host, healthy, window_share

Disturb = Callable[[FloatArray, FloatArray], FloatArray]
"""(utilisation had nothing gone wrong, seconds since the onset) -> utilisation."""

CYCLE = 31 * HOUR
"""Seconds after which the script begins anew; no whole number of days, or its incidents would become habit."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that goes wrong on one host.

    Attributes:
        host: name of the host.
        what: one phrase for the terminal.
        start: onset, seconds after the script's beginning.
        length: seconds until it is mended.
        disturb: what it does to the utilisation.
    """

    host: str
    what: str
    start: int
    length: int
    disturb: Disturb


def _runaway_loop(_usual: FloatArray, since: FloatArray) -> FloatArray:
    return 0.88 + 0.12 * wander(1, since, RATE_WINDOW)


def _crash_loop(usual: FloatArray, since: FloatArray) -> FloatArray:
    return np.where(since % (30 * MINUTE) < 15 * MINUTE, 0.97, usual)


def _hang(usual: FloatArray, _since: FloatArray) -> FloatArray:
    return np.full_like(usual, 0.02)


def _leak(usual: FloatArray, since: FloatArray) -> FloatArray:
    return usual + 0.6 * since / (3 * HOUR)


def _thrashing(usual: FloatArray, since: FloatArray) -> FloatArray:
    return usual + 0.3 * wander(0, since, RATE_WINDOW)


SCRIPT = (
    Incident("web-3:9100", "a request loops for ever", 35 * MINUTE, 2 * HOUR, _runaway_loop),
    Incident("batch-1:9100", "a job crashes and restarts", 160 * MINUTE, 100 * MINUTE, _crash_loop),
    Incident("db-2:9100", "the database hangs", 5 * HOUR, 90 * MINUTE, _hang),
    Incident("cache-1:9100", "a cache leaks and collects ever more", 8 * HOUR, 3 * HOUR, _leak),
    Incident("api-1:9100", "the scheduler thrashes", 13 * HOUR, 2 * HOUR, _thrashing),
)
"""In the order of their onsets."""


def utilisation(host: Host, times: FloatArray, epoch: float) -> FloatArray:
    """Utilisation of a host as the demo serves it, a ratio; `times` and `epoch` in unix seconds."""
    values = healthy(host, times)
    within = (times - epoch) % CYCLE
    for incident in SCRIPT:
        if incident.host == host.name:
            share = np.where(times < epoch, 0.0, window_share(within, incident.start, incident.length))
            values = (1 - share) * values + share * incident.disturb(values, within - incident.start)
    return np.clip(values, LOWEST, HIGHEST)
