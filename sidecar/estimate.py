"""What a configuration will cost, by the number of series that Prometheus says its queries return."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sidecar.config.schema import Config, QueryConfig
from sidecar.config.vocabulary import Scope
from sidecar.loop.evaluator import part_of
from sidecar.loop.terms import schedule_of
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.source import RangeSource

MB = 1_000_000

PROCESS_BYTES = 80 * MB
"""Of a process without a series. This and the following: docs/explanation/performance.md, on one of its cores."""
SAMPLE_BYTES = 8.1
SERIES_BYTES = {Scope.SERIES: 16_500, Scope.GROUP: 5_000}
"""Beside the samples: the models, of groups of ten and more, the labels and the exported text."""
SCORE_SECONDS = 0.07e-3
"""Of one series at one step, from the answer to the metrics."""
FIT_SECONDS = {Scope.SERIES: 0.023, Scope.GROUP: 0.006}
"""Of one series with `USUAL_STEPS` steps."""
USUAL_STEPS = 2_016


@dataclass(frozen=True, slots=True)
class Cost:
    """What some series need; costs of queries add up.

    Attributes:
        series: how many.
        memory: bytes, beside those of the process.
        cores: CPU, in the long run.
        first_samples: samples that are fetched at the start.
        samples: samples per second that are fetched from then on.
    """

    series: int = 0
    memory: float = 0.0
    cores: float = 0.0
    first_samples: int = 0
    samples: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.series + other.series,
            self.memory + other.memory,
            self.cores + other.cores,
            self.first_samples + other.first_samples,
            self.samples + other.samples,
        )

    def __str__(self) -> str:
        return (
            f"{self.series} series, {self.memory / MB:.1f} MB, {self.cores:.4f} cores, "
            f"{self.first_samples} samples at the start, {self.samples:.1f} a second from then on"
        )


def cost_of(query: QueryConfig, timezone: str, found: int) -> Cost:
    """The cost of a query that returns so many series; those beyond `max_series` are left out."""
    schedule = schedule_of(query, timezone)
    series = min(found, query.max_series)
    fit = FIT_SECONDS[query.scope] * schedule.settings.fit_steps / USUAL_STEPS
    return Cost(
        series,
        series * (SERIES_BYTES[query.scope] + SAMPLE_BYTES * schedule.lookback),
        series * (SCORE_SECONDS / query.step + fit / query.fit_every),
        series * schedule.lookback,
        series / query.step,
    )


def report(config: Config, now: float) -> Iterator[str]:
    """Lines of text: each query, and all together; `now` in unix seconds.

    Raises:
        PrometheusError: the series cannot be counted.
    """
    client = PrometheusClient(config.prometheus)
    total = Cost()
    try:
        for query in config.queries:
            schedule = schedule_of(query, config.timezone)
            at = int(now - config.offset) // query.step * query.step
            found = counted(part_of(client, query, schedule), query.expr, at, query.step)
            cost = cost_of(query, config.timezone, found)
            total += cost
            left_out = f" ({found} found, the others are beyond max_series)" if found > cost.series else ""
            yield f"{query.name}: {cost}{left_out}"
    finally:
        client.close()
    yield f"total: {total + Cost(memory=PROCESS_BYTES)}"


def counted(source: RangeSource, expr: str, at: int, step: int) -> int:
    """How many series an expression returns at a time."""
    return int(np.nansum(source.query_range(f"count({expr}\n)", at, at, step).frame.values))
