import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import Exporter
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable, State
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.prometheus.frame import LabelSet
from sidecar.web.app import create_app
from sidecar.web.backend import Backend
from sidecar.web.server import HttpServer
from tests.real.servers import PrometheusServer

pytestmark = pytest.mark.real

AT = 1_700_000_000.0
SOURCES: tuple[LabelSet, ...] = (
    (("cluster", 'qu"ote\nline\\'), ("pod", "a")),
    (("cluster", "é😀\x00\t"), ("pod", "b")),
    (("cluster", "{x=}"), ("instance", "10.0.0.1:9100"), ("job", "node")),
)
VALUES = np.array([1 / 3, 1e300, -math.inf])

StartPrometheus = Callable[..., PrometheusServer]


def replica(listen_address: str = "127.0.0.1:0") -> HttpServer:
    board, registry = Board(), CollectorRegistry()
    board.configure(["cpu"], 300)
    telemetry = Telemetry(registry, "1.2.3")
    telemetry.declare(["cpu"])
    registry.register(ResultsCollector(board, lambda: AT))
    register_process_metrics(registry)
    table = SeriesTable(Exporter("cpu", {"team": "x"})(SOURCES), dict.fromkeys(GAUGES, VALUES))
    board.publish(QueryResult("cpu", AT, int(AT), table, {State.OK: len(SOURCES)}, {}))
    backend = Backend(
        exposition=Exposition(board, registry, lambda: AT),
        snapshot=lambda: board.snapshot,
        clock=lambda: AT,
        not_ready=lambda: None,
        config=str,
        queries=dict,
        case=lambda _query, _labels: None,
        reload=lambda: None,
        telemetry=telemetry,
    )
    server = HttpServer(create_app(backend, version="1.2.3"), listen_address)
    server.start()
    return server


def address(server: HttpServer) -> str:
    host, port = server.address
    return f"{host}:{port}"


def expected() -> dict[LabelSet, float]:
    """By labels, as Prometheus gives them: what is empty is absent."""
    added = (("anomaly_name", "cpu"), ("team", "x"))
    return {
        tuple(sorted((("__name__", name), *source, *added))): value
        for name in GAUGES
        for source, value in zip(SOURCES, VALUES.tolist(), strict=True)
    }


def read(result: list[dict[str, Any]]) -> dict[LabelSet, float]:
    return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in result}


SERIES = '{__name__=~"anomaly_.+",__name__!~"anomaly_sidecar_.+"}'


def test_replicas_give_prometheus_the_same_series_before_and_after_a_restart(
    prometheus_server: StartPrometheus,
) -> None:
    first, second = replica(), replica()
    scrape = {
        "job_name": "sidecar",
        "honor_labels": True,
        "static_configs": [{"targets": [address(first), address(second)]}],
    }
    prometheus = prometheus_server(scrape_configs=[scrape])
    prometheus.wait_for("sum(up) == 2")

    assert read(prometheus.query(SERIES)) == expected()

    second.stop()
    prometheus.wait_for("sum(up) == 1")
    second = replica(address(second))
    prometheus.wait_for("sum(up) == 2")

    assert read(prometheus.query(SERIES)) == expected()
    ever = prometheus.query(f"last_over_time({SERIES}[1h])")
    assert read(ever) == expected()
    first.stop()
    second.stop()


def test_the_sidecars_own_metrics_keep_their_target(prometheus_server: StartPrometheus) -> None:
    server = replica()
    scrape = {"job_name": "sidecar", "honor_labels": True, "static_configs": [{"targets": [address(server)]}]}
    prometheus = prometheus_server(scrape_configs=[scrape])
    [series] = prometheus.wait_for('anomaly_sidecar_series{state="ok"}')
    server.stop()

    target = {"job": "sidecar", "instance": address(server)}
    assert series["metric"].items() >= target.items()
    assert series["value"][1] == "3"
