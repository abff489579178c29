"""The hosts of the demo and their healthy CPU utilisation: pure functions of the host and the time."""

from dataclasses import dataclass

import numpy as np

from sidecar.demo.noise import FloatArray, centred, wander

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

RATE_WINDOW = 5 * MINUTE
"""Seconds that the served `rate` looks back: what happens at once shows as a ramp of this length."""

LOWEST, HIGHEST = 0.005, 1.0


@dataclass(frozen=True, slots=True)
class Host:
    """One machine; all levels are shares of its CPU, all times seconds.

    Attributes:
        name: its `instance` label.
        seed: sets its noise apart from the other hosts'.
        idle: utilisation in the quietest hour.
        load: what the busiest hour of a working day adds.
        peak_hour: that hour, UTC.
        jitter: the most that the noise of a few minutes, or that of an hour, moves the level, a share of it.
        deploy: the most by which a release, one a day, moves the level.
        cron_every: distance of two runs of its cron job; 0 where it has none.
        cron_load: what a run adds.
        cron_length: how long a run takes.
    """

    name: str
    seed: int
    idle: float
    load: float
    peak_hour: float
    jitter: float = 0.03
    deploy: float = 0.0
    cron_every: int = 0
    cron_load: float = 0.0
    cron_length: int = RATE_WINDOW


HOSTS = (
    Host("api-1:9100", 2, idle=0.15, load=0.25, peak_hour=14.5, deploy=0.01),
    Host("batch-1:9100", 3, idle=0.08, load=0.03, peak_hour=2, cron_every=HOUR, cron_load=0.3, cron_length=900),
    Host("cache-1:9100", 5, idle=0.10, load=0.12, peak_hour=15),
    Host("db-1:9100", 6, idle=0.22, load=0.20, peak_hour=15, cron_every=HOUR, cron_load=0.08),
    Host("db-2:9100", 7, idle=0.20, load=0.18, peak_hour=15, cron_every=HOUR, cron_load=0.08),
    Host("web-1:9100", 8, idle=0.12, load=0.34, peak_hour=14, deploy=0.015),
    Host("web-2:9100", 9, idle=0.12, load=0.33, peak_hour=14, deploy=0.015),
    Host("web-3:9100", 48, idle=0.13, load=0.34, peak_hour=14, deploy=0.015),
)
"""In ascending order of their names, as Prometheus answers."""

DEPLOY_HOUR = 13
WEEKEND_SHARE = 0.6


def healthy(host: Host, times: FloatArray) -> FloatArray:
    """Utilisation of a host with nothing wrong, a ratio; `times` in unix seconds, both of shape (times,)."""
    level = host.idle + host.load * _working_hours(host, times) + host.deploy * _release(host, times)
    noise = wander(3 * host.seed, times, RATE_WINDOW) + wander(3 * host.seed + 1, times, HOUR)
    busy = level * (1 + host.jitter * noise) + host.cron_load * _cron(host, times)
    return np.clip(busy, LOWEST, HIGHEST)


def _working_hours(host: Host, times: FloatArray) -> FloatArray:
    """The day's shape, from 0 to 1, lower at weekends."""
    phase = 2 * np.pi * (times - host.peak_hour * HOUR) / DAY
    # The epoch, 1970-01-01, was a Thursday: two days into the count, Saturday begins.
    weekend = np.floor_divide(times, DAY) % 7 - 2
    share = np.where((weekend == 0) | (weekend == 1), WEEKEND_SHARE, 1.0)
    return np.asarray(share * (1 + np.cos(phase)) / 2, dtype=np.float64)


def _release(host: Host, times: FloatArray) -> FloatArray:
    """The level that the release of the day brought, from -1 to 1."""
    release = np.floor_divide(times - DEPLOY_HOUR * HOUR, DAY).astype(np.int64)
    return centred(3 * host.seed + 2, release)


def _cron(host: Host, times: FloatArray) -> FloatArray:
    """How much of the rate's window a run of the cron job fills, from 0 to 1."""
    if not host.cron_every:
        return np.zeros_like(times)
    since = times % host.cron_every
    return window_share(since, 0, host.cron_length)


def window_share(times: FloatArray, start: float, length: float) -> FloatArray:
    """Share of the rate's window, from 0 to 1, in which something that runs from `start` for `length` is running."""
    return np.clip((times - start) / RATE_WINDOW, 0, 1) - np.clip((times - start - length) / RATE_WINDOW, 0, 1)
