"""The ordinary behaviour of CPU-like series: everything a detector has to keep quiet about.

A series is mean + sigma x noise + extra, clipped to what the metric can show. The parts stay apart so that an anomaly
can change one of them (a missing peak the mean, a noise burst the noise) and know the local noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from benchmarks.detection.series import DAY, HOUR, Floats, Seconds


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a series, each of shape (rows,); all in the same unit, before the scale.

    Attributes:
        mean: level, with its daily and weekly shape.
        sigma: standard deviation of the noise, which follows the level.
        noise: autocorrelated, of unit variance.
        extra: what comes on top and is not noise: cron spikes, bursts, deploy steps.
        stuck: NaN, or the value shown whatever the other parts say.
        excursion: height of ordinary excursions above the mean (cron spikes, bursts), 0 without.
        cap: the most the metric can show (saturation).
        quantum: the metric's resolution, 0 for none.
    """

    mean: Floats
    sigma: Floats
    noise: Floats
    extra: Floats
    stuck: Floats
    excursion: float = 0.0
    cap: float = np.inf
    quantum: float = 0.0

    @property
    def amplitude(self) -> float:
        """The daily amplitude: from the 5th to the 95th percentile of the mean."""
        low, high = np.quantile(self.mean, [0.05, 0.95])
        return float(high - low)

    def values(self) -> Floats:
        """What the metric shows."""
        shown = np.clip(self.mean + self.sigma * self.noise + self.extra, 0.0, self.cap)
        if self.quantum:
            shown = np.round(shown / self.quantum) * self.quantum
        return np.where(np.isnan(self.stuck), shown, self.stuck)


def red_noise(rows: int, step: int, memory: float, rng: np.random.Generator) -> Floats:
    """AR(1) noise of unit variance that forgets by 1/e in `memory` seconds."""
    phi = float(np.exp(-step / memory))
    white = rng.standard_normal(rows) * np.sqrt(1 - phi * phi)
    white[0] /= np.sqrt(1 - phi * phi)
    return np.asarray(lfilter([1.0], [1.0, -phi], white), dtype=np.float64)


def daily_shape(seconds: Seconds, rng: np.random.Generator) -> Floats:
    """A main hump by day and a smaller one some hours away, between 0 and 1."""
    hours = seconds % DAY / HOUR
    peak, width = rng.uniform(9, 17), rng.uniform(1, 3)
    second, weight = peak + rng.choice([-1, 1]) * rng.uniform(4, 7), rng.uniform(0, 0.6)

    def hump(at: float, kappa: float) -> Floats:
        return np.asarray(np.exp(kappa * (np.cos(2 * np.pi * (hours - at) / 24) - 1)), dtype=np.float64)

    shape = hump(peak, width) + weight * hump(second, 2 * width)
    return np.asarray(shape / shape.max(), dtype=np.float64)


def weekdays(seconds: Seconds, weekend: float, rng: np.random.Generator) -> Floats:
    """A factor per day: `weekend` on Saturday and Sunday, a little of its own on every day, blended around midnight."""
    days = np.arange(seconds[0] // DAY - 1, seconds[-1] // DAY + 2)
    of_weekday = rng.normal(1.0, 0.03, 7)
    of_weekday[5:] *= weekend  # Monday is 0
    factor = of_weekday[(days + 3) % 7] * np.exp(rng.normal(0, 0.04, len(days)))  # day 0 of unix time was a Thursday
    knots = (days[:, None] * DAY + np.array([2, 22]) * HOUR).ravel()
    return np.asarray(np.interp(seconds, knots, np.repeat(factor, 2)), dtype=np.float64)


def parts(mean: Floats, relative: float, step: int, rng: np.random.Generator) -> Parts:
    """A series around `mean` whose noise is `relative` of the level, most of it short, some of it hours long."""
    rows = len(mean)
    short = red_noise(rows, step, rng.uniform(30, 600), rng)
    slow = red_noise(rows, step, rng.uniform(2, 8) * HOUR, rng)
    noise = 0.9 * short + np.sqrt(1 - 0.9**2) * slow
    zeros = np.zeros(rows)
    return Parts(mean, relative * mean, noise, zeros, np.full(rows, np.nan))


def seasonal(
    seconds: Seconds, rng: np.random.Generator, *, base: float, height: float, weekend: float, relative: float
) -> Parts:
    """A daily shape of `height` on `base`, with weekdays."""
    mean = base + height * daily_shape(seconds, rng) * weekdays(seconds, weekend, rng)
    return parts(mean, relative, int(seconds[1] - seconds[0]), rng)


def mild_weekend(seconds: Seconds, weekend: float) -> float:
    """The weekend's factor, weaker in series too short for anybody to have seen a week of."""
    return weekend if seconds[-1] - seconds[0] > 14 * DAY else 0.5 + weekend / 2


def web(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A service with users: a clear day, a somewhat quieter weekend."""
    weekend = mild_weekend(seconds, rng.uniform(0.6, 0.95))
    return seasonal(
        seconds,
        rng,
        base=rng.uniform(0.1, 0.3),
        height=rng.uniform(0.25, 0.5),
        weekend=weekend,
        relative=rng.uniform(0.03, 0.08),
    )


def office(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """An internal service: busy on working days, nearly idle at the weekend."""
    weekend = mild_weekend(seconds, rng.uniform(0.2, 0.4))
    return seasonal(
        seconds,
        rng,
        base=rng.uniform(0.05, 0.1),
        height=rng.uniform(0.4, 0.6),
        weekend=weekend,
        relative=rng.uniform(0.04, 0.1),
    )


def steady(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A consumer of an even stream: no season at all."""
    mean = np.full(len(seconds), rng.uniform(0.3, 0.6))
    return parts(mean, rng.uniform(0.02, 0.06), int(seconds[1] - seconds[0]), rng)


def batch(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A small daily shape under a cron job: every hour, six hours or day, with a little jitter."""
    quiet = seasonal(
        seconds,
        rng,
        base=rng.uniform(0.1, 0.2),
        height=rng.uniform(0.05, 0.15),
        weekend=0.9,
        relative=rng.uniform(0.03, 0.08),
    )
    step = int(seconds[1] - seconds[0])
    period = int(rng.choice([6 * HOUR, DAY] if step == HOUR else [HOUR, 6 * HOUR, DAY]))
    height, length = rng.uniform(0.2, 0.5), max(step, int(rng.uniform(60, period / 8)))
    into = (seconds - int(rng.uniform(0, period))) % period
    run = seconds // period % 97
    size = height * (1 + 0.05 * rng.standard_normal(97)[run])
    return replace(quiet, extra=np.where(into < length, size, 0.0), excursion=height)


def autoscaled(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """Utilisation behind an autoscaler: load over replicas, which come above 70 % and go below 45 %."""
    load = seasonal(
        seconds,
        rng,
        base=rng.uniform(0.8, 1.5),
        height=rng.uniform(2, 5),
        weekend=rng.uniform(0.7, 0.95),
        relative=0.04,
    )
    replicas, used = 2, np.empty(len(seconds))
    for i, demand in enumerate(load.mean):
        replicas += int(demand / replicas > 0.7)  # noqa: PLR2004 - as the docstring says
        replicas -= int(replicas > 2 and demand / replicas < 0.45)  # noqa: PLR2004 - as above, two at least
        used[i] = demand / replicas
    return replace(load, mean=used, sigma=rng.uniform(0.02, 0.05) * used, cap=1.0)


def saturated(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A service whose daily peak runs into its limit of 1."""
    weekend = mild_weekend(seconds, rng.uniform(0.7, 0.95))
    load = seasonal(
        seconds,
        rng,
        base=rng.uniform(0.2, 0.4),
        height=rng.uniform(0.7, 0.9),
        weekend=weekend,
        relative=rng.uniform(0.03, 0.08),
    )
    return replace(load, cap=1.0)


def idle(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A service nobody calls: a few thousandths, at the metric's resolution."""
    mean = np.full(len(seconds), rng.uniform(0.003, 0.012))
    return replace(parts(mean, rng.uniform(0.15, 0.3), int(seconds[1] - seconds[0]), rng), quantum=0.0005)


def bursty(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """A service with requests of very different cost: bursts at random times that fade within minutes."""
    quiet = web(seconds, rng)
    step, rows = int(seconds[1] - seconds[0]), len(seconds)
    typical = rng.uniform(0.04, 0.1)
    arrivals = (rng.random(rows) < rng.uniform(0.02, 0.06)) * np.minimum(rng.gamma(1.5, typical, rows), 5 * typical)
    fade = float(np.exp(-step / rng.uniform(20, 240)))
    bursts = np.asarray(lfilter([1.0], [1.0, -fade], arrivals), dtype=np.float64)
    return replace(quiet, extra=bursts, excursion=float(np.quantile(bursts, 0.9995)))


def throttled(seconds: Seconds, rng: np.random.Generator) -> Parts:
    """Counts of throttled periods per step: few, whole numbers, more by day."""
    mean = rng.uniform(4, 12) + rng.uniform(8, 40) * daily_shape(seconds, rng) * weekdays(seconds, 0.85, rng)
    sigma = np.sqrt(mean)
    noise = (rng.poisson(mean) - mean) / sigma
    zeros = np.zeros(len(mean))
    return Parts(mean, sigma, noise, zeros, np.full(len(mean), np.nan), quantum=1.0)


PROFILES: dict[str, Callable[[Seconds, np.random.Generator], Parts]] = {
    profile.__name__: profile
    for profile in (web, office, steady, batch, autoscaled, saturated, idle, bursty, throttled)
}
