"""CPU time of `/metrics` with 10,000 series x 6 gauges, beside prometheus_client's `generate_latest` on the same.

    python -m benchmarks.scrape [--series=10000] [--runs=7]

Prints medians in milliseconds of CPU time, and how many times as long `generate_latest` takes. `scrape` is what each
scrape costs, with the sidecar's own metrics for five queries but without the socket; `over HTTP` is all that the
process spends on a request, uvicorn and socket included; `render` is paid once per evaluation. Most evaluations have no
new step, and only the bands of the series whose turn it is are new.

It is made sure that the texts say the same: prometheus_client's parsers of both formats, and promtool, which
`PROMTOOL_BIN` names or which is on the `PATH`, must read the same samples from ours as from `generate_latest`'s.
"""

import argparse
import gzip
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families
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
from tests.real.binaries import binary

SEED = 20
AT = 1_700_000_000.0
QUERY = "container_cpu"
SIX_GAUGES = list(GAUGES)[:6]

Reading = list[tuple[str, list[tuple[str, str]], float]]
"""Name, labels and value of every sample of the six gauges, in order."""


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


def with_new_bands(result: QueryResult, rng: np.random.Generator) -> QueryResult:
    """The same but for the bands of every 20th series: those have their turn in an evaluation every 30 seconds."""
    gauges = {gauge: values.copy() for gauge, values in result.series.gauges.items()}
    for gauge in ("anomaly_lower", "anomaly_upper"):
        gauges[gauge][::20] = rng.random(len(gauges[gauge][::20]))
    return replace(result, series=SeriesTable(result.series.labels, gauges))


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
    board = Board()
    exposition = exposition_of(board)
    figures = measured(exposition, board, arguments.series, arguments.runs)
    registry = CollectorRegistry()
    registry.register(Samples(board.snapshot.results[QUERY].series))
    print(f"{arguments.series} series x {len(SIX_GAUGES)} gauges: {sizes(exposition)}")
    print("\n".join(agreement(exposition, registry)))
    print("\n".join(compared(figures, registry)))


def measured(exposition: Exposition, board: Board, series: int, times: int) -> dict[str, float]:
    """Milliseconds of CPU that rendering and scrapes take, medians of so many times."""
    rng = np.random.default_rng(SEED)
    labels = Exporter(QUERY, {})(source_labels(series))

    def rendered(current: Exposition, *, compress: bool) -> float:
        board.publish(result_of(labels, rng))
        return cpu_milliseconds(lambda: current.render(Format.OPENMETRICS, compress=compress))

    def rendered_bands(*, compress: bool) -> float:
        board.publish(with_new_bands(board.snapshot.results[QUERY], rng))
        return cpu_milliseconds(lambda: exposition.render(Format.OPENMETRICS, compress=compress))

    def rendered_unchanged() -> float:
        board.publish(replace(board.snapshot.results[QUERY], at=AT))
        return cpu_milliseconds(lambda: exposition.render(Format.OPENMETRICS, compress=True))

    def scraped(*, compress: bool) -> float:
        return cpu_milliseconds(lambda: exposition.render(Format.OPENMETRICS, compress=compress))

    runs = range(times)
    return {
        "render, new labels": median(rendered(exposition_of(board), compress=False) for _ in runs),
        "render, known labels": median(rendered(exposition, compress=False) for _ in runs),
        "render, known labels, gzip": median(rendered(exposition, compress=True) for _ in runs),
        "render, new bands": median(rendered_bands(compress=False) for _ in runs),
        "render, new bands, gzip": median(rendered_bands(compress=True) for _ in runs),
        "render, nothing new, gzip": median(rendered_unchanged() for _ in runs),
        "scrape": median(scraped(compress=False) for _ in runs),
        "scrape, gzip": median(scraped(compress=True) for _ in runs),
        "scrape over HTTP": over_http(exposition, board, "identity", times),
        "scrape over HTTP, gzip": over_http(exposition, board, "gzip", times),
    }


def sizes(exposition: Exposition) -> str:
    """How large what is scraped is."""
    plain, zipped = (sum(map(len, exposition.render(Format.OPENMETRICS, compress=zip_))) for zip_ in (False, True))
    return f"{plain / 1e6:.1f} MB, {zipped / 1e6:.1f} MB with gzip"


def agreement(exposition: Exposition, registry: CollectorRegistry) -> Iterator[str]:
    """A line per reader of the texts: each must read the same from ours as from `generate_latest`'s."""
    plain = b"".join(exposition.render(Format.TEXT, compress=False)).decode()
    modern = gzip.decompress(b"".join(exposition.render(Format.OPENMETRICS, compress=True))).decode()
    theirs = generate_latest(registry).decode()
    their_modern = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    readers: tuple[tuple[str, Callable[[str], Reading], str, str], ...] = (
        ("prometheus_client, text", read_text, plain, theirs),
        ("prometheus_client, OpenMetrics, gzip", read_openmetrics, modern, their_modern),
        ("promtool, OpenMetrics", read_by_promtool, modern, their_modern),
    )
    for reader, reading, one, other in readers:
        found = reading(one)
        if not found or found != reading(other):
            raise SystemExit(f"{reader}: the samples differ")
        yield f"{reader}: {len(found)} samples, equal"


def read_text(text: str) -> Reading:
    return reading_of(text_families(text))


def read_openmetrics(text: str) -> Reading:
    return reading_of(openmetrics_families(text))  # type: ignore[no-untyped-call]


def reading_of(families: Iterable[Metric]) -> Reading:
    """What a parser has found."""
    samples = (sample for family in families for sample in family.samples if sample.name in SIX_GAUGES)
    return sorted((sample.name, sorted(sample.labels.items()), sample.value) for sample in samples)


def read_by_promtool(text: str) -> Reading:
    """What Prometheus' storage holds of an OpenMetrics text, whose samples get a time for that."""
    promtool = binary("PROMTOOL_BIN")
    lines = (line if line.startswith("#") else f"{line} {AT:.0f}" for line in text.splitlines())
    with tempfile.TemporaryDirectory() as directory:
        source, data = Path(directory) / "text", Path(directory) / "data"
        source.write_text("\n".join([*lines, ""]))
        create = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
        (data / "wal").mkdir()  # promtool 2 dumps nothing without one
        dump = subprocess.run([promtool, "tsdb", "dump", str(data)], check=True, capture_output=True, text=True)
    return sorted(sample for sample in map(dumped, dump.stdout.splitlines()) if sample[0] in SIX_GAUGES)


def dumped(line: str) -> tuple[str, list[tuple[str, str]], float]:
    """The sample of a line: labels in braces, value, milliseconds."""
    labels, value, _ = line.rsplit(" ", 2)
    found: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', labels))
    return found.pop("__name__"), sorted(found.items()), float(value)


def compared(figures: dict[str, float], registry: CollectorRegistry) -> Iterator[str]:
    """A line per figure, in milliseconds, beside what `generate_latest` takes for the same samples."""
    yardstick = median(cpu_milliseconds(lambda: generate_latest(registry)) for _ in range(3))
    zipped = median(cpu_milliseconds(lambda: gzip.compress(generate_latest(registry))) for _ in range(3))
    for name, milliseconds in figures.items():
        against = zipped if "gzip" in name else yardstick
        yield f"{name:28} {milliseconds:8.1f} ms   generate_latest takes {against / milliseconds:6.0f} times as long"
    yield f"{'generate_latest':28} {yardstick:8.1f} ms"
    yield f"{'generate_latest, gzip':28} {zipped:8.1f} ms"


if __name__ == "__main__":
    main()
