"""A real Prometheus behind a proxy that injects faults: what is shown meanwhile, and that nothing is lost after."""

import gc
import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus.client import PrometheusClient
from tests.faults.bench import HOSTS, NOW, STEP, Shown, held, noise, same, warm
from tests.faults.proxy import asked, client, forwards
from tests.prometheus.raw_server import Answer, Connection, hangs, http, matrix, raw_server, resets, trickles
from tests.real.certificates import Authority
from tests.real.processes import free_port, wait_until
from tests.real.servers import PrometheusServer, openmetrics

pytestmark = pytest.mark.real

AFTER = [NOW + i * STEP for i in range(3, 7)]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
SECRET = "of-the-session"  # noqa: S105 - what must not be logged


def history() -> str:
    points = [
        ({"instance": name, "job": "node"}, at, value)
        for name in HOSTS
        for at, value in noise(name, NOW + 10 * STEP).items()
    ]
    return openmetrics(cpu=points)


def started(directory: Path) -> PrometheusServer:
    server = PrometheusServer(directory, history(), flags=["--query.lookback-delta=30s"])
    server.start()
    return server


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    server = started(tmp_path_factory.mktemp("prometheus") / "server")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def undisturbed(prometheus: PrometheusServer) -> dict[float, Shown]:
    """What is shown at each time where nothing goes wrong."""
    bench = warm(client(prometheus.url, timeout=10))
    shown = bench.ticks(NOW + i * STEP for i in range(1, 7))
    assert {len(series) for series in shown.values()} == {len(HOSTS)}
    return shown


def cuts(server: PrometheusServer) -> Answer:
    """The real answer, of which the second half never comes."""

    def answer(connection: Connection) -> None:
        whole = asked(server, connection)
        http(200, whole[: len(whole) // 2], length=len(whole))(connection)

    return answer


def squeezes_badly(server: PrometheusServer) -> Answer:
    """The real answer, compressed, with a byte in its middle changed."""

    def answer(connection: Connection) -> None:
        body = bytearray(gzip.compress(asked(server, connection)))
        body[len(body) // 2] ^= 0xFF
        body[10:14] = b"\xff" * 4
        http(200, bytes(body), "Content-Encoding: gzip")(connection)

    return answer


FAULTS: dict[str, tuple[Callable[[PrometheusServer], Answer], str]] = {
    "stalls": (lambda _: hangs, "no whole answer within 1 s"),
    "resets": (lambda _: resets, "closed connection without response|reset"),
    "a byte now and then": (lambda _: trickles(HEAD), "no whole answer within 1 s"),
    "truncated": (cuts, "IncompleteRead|no whole answer"),
    "gzip garbage": (squeezes_badly, "cannot be decompressed"),
    "429": (lambda _: http(429, "slow down", "Retry-After: 3600"), "HTTP 429: 'slow down'"),
    "503": (lambda _: http(503, "starting"), "HTTP 503: 'starting'"),
    "a redirect to a login page": (
        lambda _: http(302, "", f"Location: https://login.example.com/?state={SECRET}"),
        "a redirect to https://login.example.com/, which is not followed",
    ),
    "a login page": (lambda _: http(200, "<html>Sign in"), "not the JSON of the Prometheus API"),
    "a tenant that may not": (lambda _: http(401, "no org id"), "HTTP 401: 'no org id'"),
    "a request it cannot read": (lambda _: http(400, "bad"), "HTTP 400: 'bad'"),
}


def no_more(now: tuple[int, int], before: tuple[int, int]) -> bool:
    return all(a <= b for a, b in zip(now, before, strict=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_it_shows_in_metric_and_log_flags_go_and_nothing_is_lost(
    prometheus: PrometheusServer, undisturbed: dict[float, Shown], fault: str
) -> None:
    injected, told = FAULTS[fault]
    before = held()
    with raw_server(forwards(prometheus)) as proxy:
        bench = warm(source := client(proxy.url))
        assert bench.counted("prometheus_up") == 1
        proxy.answers = [injected(prometheus)]
        with capture_logs() as logs:
            kept = bench.tick(NOW + STEP)
            gone = bench.tick(NOW + 2 * STEP)
        assert len(kept) == len(HOSTS)
        assert gone == {}
        assert "anomaly_flag{" not in bench.exposition
        assert bench.counted("evaluation_failures_total") == 2
        assert bench.counted("prometheus_request_failures_total") >= 2
        errors = [line["error"] for line in logs if line["event"] == "evaluation failed"]
        assert len(errors) == 2
        assert any(part in errors[1] for part in told.split("|")), errors
        assert SECRET not in str(logs)

        proxy.answers = [forwards(prometheus)]
        for at in AFTER:
            assert same(bench.tick(at), undisturbed[at])
        assert bench.counted("prometheus_up") == 1
        assert bench.board.snapshot.failures == {}
        source.close()
    wait_until(lambda: no_more(held(), before), "threads and descriptors to be let go")


def test_nobody_there(prometheus: PrometheusServer, undisturbed: dict[float, Shown]) -> None:
    bench = warm(client(prometheus.url, timeout=10))
    history = bench.evaluator._history
    real, history._source = history._source, client(f"http://127.0.0.1:{free_port()}")
    bench.tick(NOW + STEP)
    assert bench.tick(NOW + 2 * STEP) == {}
    assert bench.counted("prometheus_up") == 0
    history._source = real
    assert same(bench.tick(NOW + 3 * STEP), undisturbed[NOW + 3 * STEP])


def test_killed_in_the_middle_of_a_query_and_restarted(tmp_path: Path, undisturbed: dict[float, Shown]) -> None:
    server = started(tmp_path / "own")
    killed = threading.Event()

    def kills(connection: Connection) -> None:
        server.kill()
        killed.set()
        resets(connection)

    try:
        with raw_server(forwards(server)) as proxy:
            bench = warm(client(proxy.url))
            proxy.answers = [kills, resets]
            bench.tick(NOW + STEP)
            assert killed.is_set()
            assert bench.tick(NOW + 2 * STEP) == {}
            server.start()
            proxy.answers = [forwards(server)]
            for at in AFTER:
                assert same(bench.tick(at), undisturbed[at])
    finally:
        server.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_certificate_that_has_expired_and_is_replaced(
    prometheus_server: Callable[..., PrometheusServer], authority: Authority, undisturbed: dict[float, Shown]
) -> None:
    def web(days: int) -> dict[str, object]:
        made = authority.issue("server", days=days)
        return {"tls_server_config": {"cert_file": str(made.cert), "key_file": str(made.key)}}

    server = prometheus_server(history(), flags=["--query.lookback-delta=30s"], web=web(days=1))
    config = {"url": server.url, "timeout": 2, "tls_config": {"ca_file": authority.cert}}
    bench = warm(PrometheusClient(PrometheusConfig.model_validate(config), backoff=0.001))
    server.kill()
    web(days=-1)
    server.start()
    wait_until(lambda: listens(server.port), "the port to be listened on")
    with capture_logs() as logs:
        bench.tick(NOW + STEP)
        assert bench.tick(NOW + 2 * STEP) == {}
    assert "certificate has expired" in logs[-1]["error"]
    web(days=1)
    for at in AFTER:
        assert same(bench.tick(at), undisturbed[at])


def test_another_tenants_series_are_not_ours(prometheus: PrometheusServer) -> None:
    """A wrong tenant may be answered with an empty result: series are then unknown, not fine."""
    with raw_server(forwards(prometheus)) as proxy:
        bench = warm(client(proxy.url))
        proxy.answers = [http(200, matrix())]
        with capture_logs() as logs:
            assert bench.tick(NOW + STEP) == {}
        assert "anomaly_flag{" not in bench.exposition
        assert logs == []
        proxy.answers = [forwards(prometheus)]
        bench.tick(NOW + 2 * STEP)
        fresh = warm(client(prometheus.url, timeout=10))
        assert bench.shown.keys() == fresh.shown.keys()


MINUTE = 60
RESET = NOW + 2 * STEP + MINUTE


def counters() -> str:
    """CPU seconds by host, once a minute; those of host c begin anew at RESET."""
    return openmetrics(
        cpu_seconds_total=(
            ({"instance": name, "job": "node"}, at, round(total, 6)) for name in HOSTS for at, total in counter(name)
        )
    )


def counter(name: str) -> Iterator[tuple[int, float]]:
    total = 10_000.0
    for at, share in noise(name, NOW + 10 * STEP).items():
        for minute in range(STEP // MINUTE):
            if name == "c" and at + minute * MINUTE == RESET:
                total = 0.0
            total += share * MINUTE
            yield at + minute * MINUTE, total


def test_a_counter_that_is_reset_is_no_anomaly(prometheus_server: Callable[..., PrometheusServer]) -> None:
    server = prometheus_server(counters())
    [(_, before), (_, after)] = [point for point in counter("c") if RESET - MINUTE <= point[0] <= RESET]
    assert after < before
    bench = warm(client(server.url, timeout=10), expr="rate(cpu_seconds_total[10m])")
    for i in range(1, 8):
        shown = bench.tick(NOW + i * STEP)
        assert len(shown) == len(HOSTS)
        assert {gauges["anomaly_flag"] for gauges in shown.values()} == {0}
        assert all(0.2 < gauges["anomaly_value"] < 0.4 for gauges in shown.values())


ROUNDS = 6


def held_by_the_sidecar() -> int:
    """Bytes that code of the sidecar has had allocated: not those of the proxy, nor of what measures the coverage."""
    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/sidecar/*", all_frames=True)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename"))


def test_memory_stays_flat_however_often_it_goes_wrong(prometheus_server: Callable[..., PrometheusServer]) -> None:
    """Every fault in turn, each followed by a recovery, over and over."""
    last = NOW + 2 * ROUNDS * len(FAULTS) * STEP
    points = [
        ({"instance": name, "job": "node"}, at, value) for name in HOSTS for at, value in noise(name, last).items()
    ]
    server = prometheus_server(openmetrics(cpu=points), flags=["--query.lookback-delta=30s"])
    bench, at = warm(client(server.url, timeout=10)), NOW
    bench.evaluator._watch.series.asked[:] = (
        last  # no fit on the way: a new model would count, the old one it replaces not
    )
    used: list[int] = []
    tracemalloc.start(12)
    for _ in range(ROUNDS):
        with raw_server(forwards(server)) as proxy:  # a new one, for it keeps what it was asked
            bench.evaluator._history._source = source = client(proxy.url)
            for injected, _ in FAULTS.values():
                for answer in (injected(server), forwards(server)):
                    proxy.answers, at = [answer], at + STEP
                    bench.tick(at)
                assert len(bench.shown) == len(HOSTS)
            source.close()
        gc.collect()
        used.append(held_by_the_sidecar())
    tracemalloc.stop()
    assert bench.counted("evaluation_failures_total") == ROUNDS * len(FAULTS)
    a_failure = (used[-1] - used[1]) / (ROUNDS - 2) / len(FAULTS)
    assert a_failure < 800, f"bytes that each failure leaves behind, of {used}"
