"""The anomalies of the synthetic corpus: what each kind changes, by how much, and when it can be seen at all.

Magnitudes are in units of the local noise (sigma), of the daily amplitude, and of the series' ordinary excursions:

kind          what changes                                      length
spike         + excursion + 8 to 16 sigma                       1 to 4 steps
level_shift   +- max(6 to 10 sigma, 0.4 to 0.8 amplitude)       1 x the span of the step (below); a third are downward
ramp          up to max(8 to 14 sigma, 0.5 to 1 amplitude)      1.5 x
noise_burst   noise x 4 to 8                                    0.7 x
missing_peak  the mean stays within 15 % of the day's trough    while the mean is above 40 % of the day's amplitude
flatline      stuck at its last value                           1 x
drop_to_zero  0                                                 0.3 x

An anomaly that its surroundings swallow (a shift upwards at saturation, a flatline of a quiet gauge) is placed anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.detection.normal import Parts
from benchmarks.detection.series import DAY, HOUR, Floats

SPANS = {15: (0.5, 3.0), 60: (1.0, 6.0), 300: (2.0, 12.0), 3600: (10.0, 30.0)}
"""Hours that an incident lasts, by step: who looks closely looks for short ones."""

Change = Callable[[Parts, slice, np.random.Generator], Parts]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of anomaly: how long it lasts (in spans), what it does, and whether the result can be seen.

    Attributes:
        name: as labelled.
        length: multiple of the step's span; 0 means 1 to 4 steps, None the length of the daily peak.
        change: the parts with the anomaly in the slice.
        visible: whether the values (without, with the anomaly) in the slice differ enough, given the local sigma.
    """

    name: str
    length: float | None
    change: Change
    visible: Callable[[Floats, Floats, Floats], bool]

    def rows(self, step: int, rng: np.random.Generator) -> int:
        """How many steps it lasts."""
        if not self.length:
            return int(rng.integers(1, 5))
        return max(4, round(self.length * rng.uniform(*SPANS[step]) * HOUR / step))


def added(parts: Parts, at: slice, what: Floats | float) -> Parts:
    """The parts with something on top."""
    extra = parts.extra.copy()
    extra[at] += what
    return replace(parts, extra=extra)


def held(parts: Parts, at: slice, value: float) -> Parts:
    """The parts stuck at a value."""
    stuck = parts.stuck.copy()
    stuck[at] = value
    return replace(parts, stuck=stuck)


def spike(parts: Parts, at: slice, rng: np.random.Generator) -> Parts:
    """A short peak above the ordinary ones."""
    return added(parts, at, parts.excursion + rng.uniform(8, 16) * float(parts.sigma[at].mean()))


def level_shift(parts: Parts, at: slice, rng: np.random.Generator) -> Parts:
    """Another level, for a while."""
    size = max(rng.uniform(6, 10) * float(parts.sigma[at].mean()), rng.uniform(0.4, 0.8) * parts.amplitude)
    return added(parts, at, size if rng.random() < 2 / 3 else -size)


def ramp(parts: Parts, at: slice, rng: np.random.Generator) -> Parts:
    """A steady climb, and a sudden end (a restart)."""
    size = max(rng.uniform(8, 14) * float(parts.sigma[at].mean()), rng.uniform(0.5, 1.0) * parts.amplitude)
    return added(parts, at, np.linspace(0, size, at.stop - at.start))


def noise_burst(parts: Parts, at: slice, rng: np.random.Generator) -> Parts:
    """The same level, far more restless."""
    noise = parts.noise.copy()
    noise[at] *= rng.uniform(4, 8)
    return replace(parts, noise=noise)


def missing_peak(parts: Parts, at: slice, rng: np.random.Generator) -> Parts:
    """A day without its peak."""
    mean, sigma = parts.mean.copy(), parts.sigma.copy()
    low = parts.mean.min() + rng.uniform(0.0, 0.15) * parts.amplitude
    mean[at] = np.minimum(low, mean[at])
    sigma[at] *= mean[at] / parts.mean[at]
    return replace(parts, mean=mean, sigma=sigma)


def flatline(parts: Parts, at: slice, _rng: np.random.Generator) -> Parts:
    """A gauge that no longer moves."""
    return held(parts, at, float(parts.values()[at.start - 1]))


def drop_to_zero(parts: Parts, at: slice, _rng: np.random.Generator) -> Parts:
    """Nothing left to do, or nobody left to do it."""
    return held(parts, at, 0.0)


def moved(largest: float, mean: float) -> Callable[[Floats, Floats, Floats], bool]:
    """Visible when the values moved by so many sigma, at most and on average."""

    def visible(without: Floats, with_: Floats, sigma: Floats) -> bool:
        by = np.abs(with_ - without) / sigma
        return bool(by.max() >= largest and by.mean() >= mean)

    return visible


def restless(without: Floats, with_: Floats, _sigma: Floats) -> bool:
    """Visible when steps from row to row have become three times as large."""
    return bool(np.diff(with_).std() >= 3 * np.diff(without).std())


def moving(without: Floats, _with: Floats, sigma: Floats) -> bool:
    """Visible when the series would have moved: hardly a row like the one before, and as noisy as it usually is."""
    return bool((np.diff(without) != 0).mean() >= 0.8 and without.std() >= 0.3 * sigma.mean())  # noqa: PLR2004


KINDS = (
    Kind("spike", 0, spike, moved(6, 6)),
    Kind("level_shift", 1.0, level_shift, moved(5, 4)),
    Kind("ramp", 1.5, ramp, moved(6, 2.5)),
    Kind("noise_burst", 0.7, noise_burst, restless),
    Kind("missing_peak", None, missing_peak, moved(5, 3.5)),
    Kind("flatline", 1.0, flatline, moving),
    Kind("drop_to_zero", 0.3, drop_to_zero, moved(5, 4)),
)


def peak_of_day(mean: Floats, rows_per_day: int, at: int) -> slice:
    """The rows around the peak of the day that row `at` lies in: those above 40 % of that day's amplitude."""
    first = at // rows_per_day * rows_per_day
    day = mean[first : first + rows_per_day]
    high = day > day.min() + 0.4 * (day.max() - day.min())
    around = int(day.argmax())
    low_before = np.flatnonzero(~high[:around])
    low_after = np.flatnonzero(~high[around:])
    begin = int(low_before[-1]) + 1 if low_before.size else 0
    end = around + int(low_after[0]) if low_after.size else len(day)
    return slice(first + begin, first + end)


def earliest(kind: Kind, rows: int, step: int) -> int:
    """The first row a kind may start at: after the warm-up third, and after six days where days are compared."""
    days = 0 if kind.length is not None else 6 * DAY // step
    return max(rows // 3, days)


def place(kind: Kind, parts: Parts, step: int, rng: np.random.Generator) -> tuple[slice, Parts] | None:
    """Where the anomaly stands and the parts with it, or None when this try cannot be seen."""
    rows = len(parts.mean)
    low, high = earliest(kind, rows, step), int(0.97 * rows)
    if low >= high:
        return None
    start = int(rng.integers(low, high))
    at = slice(start, start + kind.rows(step, rng))
    if kind.length is None:
        at = peak_of_day(parts.mean, DAY // step, start)
    if at.start < low or at.stop > high or at.stop - at.start < 1:
        return None
    changed = kind.change(parts, at, rng)
    without, with_ = parts.values()[at], changed.values()[at]
    return (at, changed) if kind.visible(without, with_, parts.sigma[at]) else None
