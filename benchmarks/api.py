"""Latency of `/predict` and of `/api/v1`, over HTTP on the loopback, one request after the other.

    python benchmarks/api.py [--series=10000] [--runs=30]

Prints median and 95th percentile in milliseconds: of `/predict` for 100, 1,000 and 10,000 values five minutes apart,
with one model of all (`self`) and with one of the first half (`causal`); of the read API over a snapshot of so many
series; of one series in detail, two weeks of steps behind it; and of the status page.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import requests
from prometheus_client import CollectorRegistry

from sidecar.config.schema import QueryConfig
from sidecar.detection.alarm import Policy
from sidecar.detection.detector import fit
from sidecar.detection.review import Case
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import DAY, HOUR, Settings
from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import Exporter
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable, State
from sidecar.export.telemetry import Telemetry
from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.web.app import create_app
from sidecar.web.backend import Backend
from sidecar.web.server import HttpServer

AT = 1_700_000_100
STEP = 300
QUERY = QueryConfig(name="container_cpu", expr="up", step=STEP)
RNG = np.random.default_rng(22)


def daily(steps: int) -> list[float]:
    place = np.arange(steps)
    values = 0.4 + 0.1 * np.sin(2 * np.pi * place * STEP / DAY) + 0.02 * RNG.standard_normal(steps)
    return [round(float(value), 4) for value in values]


def case() -> Case:
    settings = Settings(STEP, fit_window=7 * DAY, min_history=4 * HOUR)
    values = np.array([daily(15 * DAY // STEP)])
    start = AT - (values.shape[1] - 1) * STEP
    models = fit(values[:, : 7 * DAY // STEP], AT - 6 * HOUR, settings)
    return Case(Frame(((),), start, STEP, values), models, AT - 6 * HOUR, Schedule(settings, 6 * HOUR), Policy())


def labels(series: int) -> tuple[LabelSet, ...]:
    sources = (
        (
            ("container", "app"),
            ("namespace", f"team-{number % 50:02d}"),
            ("pod", f"service-{number:05d}-7d9f8b6c5-x2x4z"),
        )
        for number in range(series)
    )
    return Exporter(QUERY.name, {})(tuple(sources))


def backend(series: int) -> Backend:
    board, shown = Board(), case()
    board.configure([QUERY.name], 300)
    gauges = {name: RNG.random(series) for name in GAUGES}
    gauges["anomaly_flag"] = (np.arange(series) % 100 == 0).astype(float)
    states = dict.fromkeys(State, 0) | {State.OK: series}
    board.publish(QueryResult(QUERY.name, AT, AT, SeriesTable(labels(series), gauges), states, {}))
    return Backend(
        exposition=Exposition(board, CollectorRegistry(), lambda: AT),
        snapshot=lambda: board.snapshot,
        clock=lambda: AT,
        not_ready=lambda: None,
        config=str,
        queries=lambda: {QUERY.name: QUERY},
        case=lambda _query, _labels: shown,
        reload=lambda: None,
        telemetry=Telemetry(CollectorRegistry(), "0"),
    )


def report(what: str, ask: Callable[[], requests.Response], runs: int) -> None:
    def once() -> float:
        before = time.perf_counter()
        ask().raise_for_status()
        return 1000 * (time.perf_counter() - before)

    once()
    taken = [once() for _ in range(runs)]
    print(f"{what:<48} {np.median(taken):8.1f} {np.quantile(taken, 0.95):8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    server = HttpServer(create_app(backend(options.series), version="0"), "127.0.0.1:0")
    server.start()
    session = requests.Session()

    def get(path: str) -> Callable[[], requests.Response]:
        return lambda: session.get(server.url + path)

    def post(**body: object) -> Callable[[], requests.Response]:
        return lambda: session.post(f"{server.url}/predict", json=body)

    print(f"{'milliseconds':<48} {'median':>8} {'p95':>8}")
    for count in (100, 1_000, 10_000):
        values = daily(count)
        timestamps = [AT + STEP * i for i in range(count)]
        report(f"/predict self, {count} values", post(values=values, timestamps=timestamps), options.runs)
        causal = post(values=values, timestamps=timestamps, fit=count // 2)
        report(f"/predict causal, {count} values", causal, options.runs)
    found = session.get(f"{server.url}/api/v1/series?limit=1&offset={options.series // 2}").json()["series"][0]["id"]
    for path in (
        "/api/v1/queries",
        "/api/v1/series",
        "/api/v1/series?limit=1000",
        "/api/v1/series?flag=true",
        "/api/v1/series?label=namespace=team-07",
        "/api/v1/series?search=00042",
        f"/api/v1/series/{found}",
        "/",
    ):
        report(f"{path.replace(found, '{id}')}, {options.series} series", get(path), options.runs)
    server.stop()


if __name__ == "__main__":
    main()
