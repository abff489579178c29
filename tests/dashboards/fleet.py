"""A sidecar's `/metrics` without a sidecar: its own exposition and counters over made-up results."""

import time
from collections.abc import Callable

import numpy as np
from prometheus_client import CollectorRegistry

from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.snapshot import QueryResult, SeriesTable, State
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.export.text import Format
from sidecar.prometheus.frame import LabelSet

QUERY = "container_cpu"


def _labels(pod: int) -> LabelSet:
    labels = {
        "anomaly_name": QUERY,
        "container": "app",
        "instance": "node-1:10250",
        "job": "kubelet",
        "namespace": "shop",
        "pod": f"api-{pod}",
        "workload": "api",
    }
    return tuple(labels.items())


def _result(now: float) -> QueryResult:
    """Three pods, of which the last is in an anomaly."""
    gauges = {
        "anomaly_score": [0.4, 0.6, 2.5],
        "anomaly_flag": [0, 0, 1],
        "anomaly_value": [1.4, 1.6, 3.1],
        "anomaly_expected": [1.5, 1.5, 1.5],
        "anomaly_lower": [1.2, 1.2, 1.2],
        "anomaly_upper": [1.8, 1.8, 1.8],
        "anomaly_start_timestamp_seconds": [np.nan, np.nan, now - 600],
    }
    table = SeriesTable(tuple(map(_labels, range(3))), {name: np.array(row, float) for name, row in gauges.items()})
    states = dict.fromkeys(State, 1) | {State.OK: 3}
    return QueryResult(QUERY, now, int(now), table, states, {"max_series": 2})


def exposition() -> Callable[[], str]:
    """The text of each scrape, with an evaluation before it."""
    board, registry = Board(), CollectorRegistry()
    telemetry = Telemetry(registry, "1.0.0")
    registry.register(ResultsCollector(board, time.time))
    register_process_metrics(registry)
    rendered = Exposition(board, registry, time.time)
    board.configure([QUERY], 300)
    telemetry.declare([QUERY])
    telemetry.prometheus_up.set(1)
    telemetry.alarm_budget_per_second.labels(QUERY).set(1 / (30 * 86400))

    def scrape() -> str:
        board.publish(_result(time.time()))
        telemetry.evaluations.labels(QUERY).inc()
        telemetry.evaluation_duration_seconds.labels(QUERY).observe(0.02)
        return b"".join(rendered.render(Format.TEXT, compress=False)).decode()

    return scrape
