"""CPU time of `/metrics` with 10,000 series x 6 gauges, beside prometheus_client's `generate_latest` on the same.

    python benchmarks/scrape.py [--series=10000] [--runs=7]

Prints medians in milliseconds of CPU time, and how many times as long `generate_latest` takes. `scrape` is what each
scrape costs, with the sidecar's own metrics for five queries but without the socket; `over HTTP` is all that the
process spends on a request, uvicorn and socket included; `render` is paid once per evaluation.
"""

import argparse
import gzip
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from statistics import median

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import Exporter
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable, State
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.export.text import Format
from sidecar.prometheus.frame import LabelSet
from sidecar.web.app import create_app
from sidecar.web.backend import Backend
from sidecar.web.server import HttpServer

SEED = 20
AT = 1_700_000_000.0
QUERY = "container_cpu"
SIX_GAUGES = list(GAUGES)[:6]


class Samples(Collector):
    """The same samples as a client that uses the library would collect them."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """The families, made anew."""
        names = [name for name, _ in self._table.labels[0]]
        for gauge, values in self._table.gauges.items():
            family = GaugeMetricFamily(gauge, GAUGES[gauge], labels=names)
            for labels, value in zip(self._table.labels, values.tolist(), strict=True):
                family.add_metric([text for _, text in labels], value)
            yield family


def source_labels(series: int) -> tuple[LabelSet, ...]:
    return tuple(
        (
            ("container", "app"),
            ("namespace", f"team-{number % 50:02d}"),
            ("pod", f"service-{number // 20}-6d4cf56db6-{number:05x}"),
            ("workload", f"service-{number // 20}"),
        )
        for number in range(series)
    )


def result_of(labels: tuple[LabelSet, ...], rng: np.random.Generator) -> QueryResult:
    gauges = {gauge: rng.random(len(labels)) for gauge in SIX_GAUGES}
    gauges["anomaly_flag"] = np.round(gauges["anomaly_flag"])
    return QueryResult(QUERY, AT, int(AT), SeriesTable(labels, gauges), {State.OK: len(labels)}, {})


def exposition_of(board: Board) -> Exposition:
    registry = CollectorRegistry()
    queries = [QUERY, "node_cpu", "node_load", "throttling", "process_cpu"]
    board.configure(queries, 300)
    Telemetry(registry, "0").declare(queries)
    registry.register(ResultsCollector(board, lambda: AT))
    register_process_metrics(registry)
    return Exposition(board, registry, lambda: AT)


def cpu_milliseconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return 1000 * (time.process_time() - before)


def over_http(exposition: Exposition, board: Board, encoding: str, runs: int) -> float:
    """CPU of the whole process, less that of the client in it: a socket that reads and throws away."""
    backend = Backend(
        exposition=exposition,
        snapshot=lambda: board.snapshot,
        clock=lambda: AT,
        not_ready=lambda: None,
        config=str,
        queries=dict,
        case=lambda _query, _labels: None,
        reload=lambda: None,
        telemetry=Telemetry(CollectorRegistry(), "0"),
    )
    server = HttpServer(create_app(backend, version="0"), "127.0.0.1:0")
    server.start()
    connection = HTTPConnection(*server.address)
    headers = {"Accept-Encoding": encoding, "Accept": "application/openmetrics-text"}

    def request() -> float:
        whole, own = time.process_time(), time.thread_time()
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        while answer.read(1 << 20):
            pass
        return 1000 * (time.process_time() - whole - (time.thread_time() - own))

    try:
        return median(request() for _ in range(runs + 1))
    finally:
        connection.close()
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    rng = np.random.default_rng(SEED)
    labels = Exporter(QUERY, {})(source_labels(arguments.series))
    board = Board()
    exposition = exposition_of(board)

    def rendered(current: Exposition, *, compress: bool) -> float:
        board.publish(result_of(labels, rng))
        return cpu_milliseconds(lambda: current.render(Format.OPENMETRICS, compress=compress))

    def rendered_unchanged() -> float:
        board.publish(replace(board.snapshot.results[QUERY], at=AT))
        return cpu_milliseconds(lambda: exposition.render(Format.OPENMETRICS, compress=True))

    def scraped(*, compress: bool) -> float:
        return cpu_milliseconds(lambda: exposition.render(Format.OPENMETRICS, compress=compress))

    runs = range(arguments.runs)
    figures = {
        "render, new labels": median(rendered(exposition_of(board), compress=False) for _ in runs),
        "render, known labels": median(rendered(exposition, compress=False) for _ in runs),
        "render, known labels, gzip": median(rendered(exposition, compress=True) for _ in runs),
        "render, nothing new, gzip": median(rendered_unchanged() for _ in runs),
        "scrape": median(scraped(compress=False) for _ in runs),
        "scrape, gzip": median(scraped(compress=True) for _ in runs),
        "scrape over HTTP": over_http(exposition, board, "identity", arguments.runs),
        "scrape over HTTP, gzip": over_http(exposition, board, "gzip", arguments.runs),
    }
    print(f"{arguments.series} series x {len(SIX_GAUGES)} gauges: {sizes(exposition)}")
    print("\n".join(compared(figures, board)))


def sizes(exposition: Exposition) -> str:
    """How large what is scraped is."""
    plain, zipped = (sum(map(len, exposition.render(Format.OPENMETRICS, compress=zip_))) for zip_ in (False, True))
    return f"{plain / 1e6:.1f} MB, {zipped / 1e6:.1f} MB with gzip"


def compared(figures: dict[str, float], board: Board) -> Iterator[str]:
    """A line per figure, in milliseconds, beside what `generate_latest` takes for the same samples."""
    registry = CollectorRegistry()
    registry.register(Samples(board.snapshot.results[QUERY].series))
    yardstick = median(cpu_milliseconds(lambda: generate_latest(registry)) for _ in range(3))
    zipped = median(cpu_milliseconds(lambda: gzip.compress(generate_latest(registry))) for _ in range(3))
    for name, milliseconds in figures.items():
        against = zipped if "gzip" in name else yardstick
        yield f"{name:28} {milliseconds:8.1f} ms   generate_latest takes {against / milliseconds:6.0f} times as long"
    yield f"{'generate_latest':28} {yardstick:8.1f} ms"
    yield f"{'generate_latest, gzip':28} {zipped:8.1f} ms"


if __name__ == "__main__":
    main()
