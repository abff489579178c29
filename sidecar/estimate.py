"""What a configuration will cost, by the number of series that Prometheus says its queries return."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sidecar.config.schema import Config, QueryConfig
from sidecar.config.vocabulary import Scope
from sidecar.detection.schedule import Schedule
from sidecar.loop.bands import BandTurns
from sidecar.loop.evaluator import part_of
from sidecar.loop.fitting import BUNDLE_SERIES, MOST_WAITING
from sidecar.loop.terms import exact_steps_of, schedule_of
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.source import BadQueryError, PrometheusError, RangeSource

MB = 1_000_000

PROCESS_BYTES = 76 * MB
"""Of a process without a series: 80 MB with 100 of them, less theirs. This and the following are from
docs/explanation/performance.md, seconds on one of its cores."""
SAMPLE_BYTES, COARSE_BYTES = 8.1, 2.4
"""Of a sample as it came, and of an older one in two bytes, with its share of what goes with a block."""
SERIES_BYTES = {Scope.SERIES: 16_500, Scope.GROUP: 3_500}
"""Beside the samples: the models, of groups of ten and more, the labels and the exported text."""
COPIED_SAMPLE_BYTES = 8
"""Of a sample on its way to a fit: a double."""
FIT_PROCESS_BYTES = 24 * MB
"""Of the process that fits, before it has a series: there is one at a time."""
FITTED_SERIES_BYTES = 147_000
"""Of each series of its bundle, beside the samples."""
SCORE_SECONDS = 0.075e-3
"""Of one series at one step, from the answer to the published result."""
BAND_SECONDS = 0.4e-3
"""Of one search for the band of one series."""
RENDER_SECONDS = 15.4e-6
"""Of the six gauges of one series, gzip included, after an evaluation with something new."""
FIT_SECONDS = {Scope.SERIES: 0.023, Scope.GROUP: 0.006}
"""Of one series with `USUAL_STEPS` steps."""
USUAL_STEPS = 2_016


@dataclass(frozen=True, slots=True)
class Cost:
    """What some series need; costs of queries add up, except for the process that fits, which they share.

    Attributes:
        series: how many.
        memory: bytes at rest, beside those of the process.
        waiting: bytes on top, of samples that are copied for the first fits.
        fitting: bytes on top, of the process that fits.
        cores: CPU, in the long run.
        first_samples: samples that are fetched at the start.
        samples: samples per second that are fetched from then on.
    """

    series: int = 0
    memory: float = 0.0
    waiting: float = 0.0
    fitting: float = 0.0
    cores: float = 0.0
    first_samples: int = 0
    samples: float = 0.0

    @property
    def peak(self) -> float:
        """Bytes at most, in the first fill and fits."""
        return self.memory + self.waiting + self.fitting

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.series + other.series,
            self.memory + other.memory,
            self.waiting + other.waiting,
            max(self.fitting, other.fitting),
            self.cores + other.cores,
            self.first_samples + other.first_samples,
            self.samples + other.samples,
        )

    def __str__(self) -> str:
        return (
            f"{self.series} series, {self.memory / MB:.1f} MB at rest, {self.peak / MB:.1f} MB at most, "
            f"{self.cores:.4f} cores, {self.first_samples} samples at the start, "
            f"{self.samples:.1f} a second from then on"
        )


def cost_of(query: QueryConfig, timezone: str, interval: int, found: int) -> Cost:
    """The cost of a query that returns so many series; those beyond `max_series` are left out.

    Args:
        query: the query.
        timezone: whose days its models know.
        interval: seconds between evaluations.
        found: series that it returns.
    """
    schedule = schedule_of(query, timezone)
    series = min(found, query.max_series)
    return Cost(
        series,
        series * (SERIES_BYTES[query.scope] + samples_bytes(query, schedule)),
        waiting_bytes(schedule, series),
        fitting_bytes(schedule, series),
        cores_of(query, schedule, interval, series),
        series * schedule.lookback_steps,
        series / query.step,
    )


def samples_bytes(query: QueryConfig, schedule: Schedule) -> float:
    """Of the lookback of one series."""
    exact = min(exact_steps_of(schedule, query.missing.value), schedule.lookback_steps)
    return SAMPLE_BYTES * exact + COARSE_BYTES * (schedule.lookback_steps - exact)


def waiting_bytes(schedule: Schedule, series: int) -> float:
    """Of the samples of the series that wait for their first fits, each of which has a copy."""
    return min(series, MOST_WAITING) * COPIED_SAMPLE_BYTES * schedule.settings.fit_steps


def fitting_bytes(schedule: Schedule, series: int) -> float:
    """Of the process that fits, with a bundle of the usual size.

    Both constants follow from two measurements, of a week in 5-minute steps: at the highest, 100 series took 42 MB over
    what they take at rest, and 1,000 took 82. Together with what waits they give 99 MB for 10,000 with `scope: group`,
    where 91 to 99 were measured. That only the samples grow with the window is assumed.
    """
    bundle = min(series, BUNDLE_SERIES)
    each = FITTED_SERIES_BYTES + COPIED_SAMPLE_BYTES * schedule.settings.fit_steps
    return FIT_PROCESS_BYTES + bundle * each if bundle else 0.0


def cores_of(query: QueryConfig, schedule: Schedule, interval: int, series: int) -> float:
    """CPU in the long run: scores, bands, the text of the metrics, and fits.

    After each step the series have their turns for a band, some at each evaluation. One that has nothing new to score
    and no turn left renders nothing.
    """
    period = max(query.step, interval)
    turns = BandTurns(interval).most(series)
    score = series * SCORE_SECONDS / query.step
    bands = min(series / period, turns / interval) * BAND_SECONDS
    text = series * RENDER_SECONDS * min(1 / interval, math.ceil(series / turns) / period)
    fits = series * FIT_SECONDS[query.scope] * schedule.settings.fit_steps / USUAL_STEPS / query.fit_every
    return score + bands + text + fits


class NoEstimateError(Exception):
    """What some queries cost cannot be told."""


def report(config: Config, now: float) -> Iterator[str]:
    """Lines of text: each query, and all together; `now` in unix seconds.

    Raises:
        NoEstimateError: the series of some queries cannot be counted, those of the others were; it says why.
    """
    client = PrometheusClient(config.prometheus)
    total, failed = Cost(), []
    try:
        for query in config.queries:
            schedule = schedule_of(query, config.timezone)
            at = int(now - config.offset) // query.step * query.step
            try:
                found = counted(part_of(client, query, schedule), query.expr, at, query.step)
            except PrometheusError as error:
                failed.append(f"{query.name}: no estimate: {error}")
                continue
            cost = cost_of(query, config.timezone, config.evaluation_interval, found)
            total += cost
            left_out = f" ({found} found, the others are beyond max_series)" if found > cost.series else ""
            yield f"{query.name}: {cost}{left_out}"
    finally:
        client.close()
    yield f"total: {total + Cost(memory=PROCESS_BYTES)}"
    if failed:
        raise NoEstimateError("\n".join(failed))


def counted(source: RangeSource, expr: str, at: int, step: int) -> int:
    """How many series an expression returns at a time; a scalar is one."""
    try:
        return int(np.nansum(source.query_range(f"count({expr}\n)", at, at, step).frame.values))
    except BadQueryError:
        # Of one that is itself refused this says so, in its own words and places.
        return len(source.query_range(expr, at, at, step).frame.labels)
