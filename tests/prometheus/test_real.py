"""The client and the history against a real Prometheus."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.history import History
from sidecar.prometheus.shard import Shard, ShardSource
from sidecar.prometheus.source import BadQueryError, StoppedError, UnfitError, UnreachableError
from tests.prometheus.raw_server import Connection, http, raw_server
from tests.real.processes import Server, wait_until
from tests.real.servers import AlertmanagerServer, NodeExporter, PrometheusServer, VictoriaMetrics, openmetrics

pytestmark = pytest.mark.real

STEP = 60
END = 1_700_000_040
STEPS = 300
HOSTS = ("i-1", 'we"ird\\\n', "i-3")

StartPrometheus = Callable[..., PrometheusServer]


def value(host: int, step: int) -> float:
    return host + step / 1000


def history() -> str:
    points = [
        ({"instance": name, "job": "node"}, END + (step - STEPS + 1) * STEP, value(host, step))
        for host, name in enumerate(HOSTS)
        for step in range(STEPS)
    ]
    return openmetrics(cpu=points, other=points)


@pytest.fixture
def server(prometheus_server: StartPrometheus) -> PrometheusServer:
    return prometheus_server(history(), flags=["--query.lookback-delta=30s"])


def client_of(server: Server, timeout: int = 10) -> PrometheusClient:
    return PrometheusClient(PrometheusConfig(url=server.url, timeout=timeout))


def test_all_samples_come_back(server: PrometheusServer) -> None:
    result = client_of(server).query_range("cpu", END - (STEPS - 1) * STEP, END, STEP)
    names = sorted(HOSTS)
    assert result.frame.labels == tuple((("instance", name), ("job", "node")) for name in names)
    expected = [[value(HOSTS.index(name), step) for step in range(STEPS)] for name in names]
    np.testing.assert_array_equal(result.frame.values, expected)
    assert (result.requests, result.samples) == (1, len(HOSTS) * STEPS)


def test_more_points_than_one_answer_holds(server: PrometheusServer) -> None:
    start = END - 25_000 * STEP
    result = client_of(server).query_range("cpu", start, END, STEP)
    assert result.requests == 3
    assert result.frame.values.shape == (3, 25_001)
    assert np.isfinite(result.frame.values).sum() == len(HOSTS) * STEPS


def test_history_follows_the_server(server: PrometheusServer) -> None:
    source = client_of(server)
    on = History(source, "cpu", STEP, 100, 10, samples_per_request=60)
    for end in (END - 70 * STEP, END - 69 * STEP, END - 20 * STEP, END):
        advance = on.advance(end)
    fresh = History(source, "cpu", STEP, 100, 10).advance(END)
    assert advance.frame.labels == fresh.frame.labels
    np.testing.assert_array_equal(advance.frame.whole().values, fresh.frame.whole().values)
    assert np.isfinite(fresh.frame.whole().values).all()


@pytest.mark.parametrize("expr", ["cpu{", "sum(", "nonsense(cpu)"])
def test_bad_query_is_told_in_the_servers_words(server: PrometheusServer, expr: str) -> None:
    with pytest.raises(BadQueryError, match=r"bad_data: .*(parse error|unknown function)") as raised:
        client_of(server).query_range(expr, END, END, STEP)
    assert raised.value.requests == 1


@pytest.mark.parametrize("expr", ["cpu * on() group_left() cpu", "cpu * on(job) cpu"])
def test_query_that_cannot_be_executed(server: PrometheusServer, expr: str) -> None:
    with pytest.raises(BadQueryError, match="execution: "):
        client_of(server).query_range(expr, END, END, STEP)


def test_scalar_is_a_series_without_labels(server: PrometheusServer) -> None:
    assert client_of(server).query_range("42", END, END, STEP).frame.labels == ((),)


def test_string_is_refused(server: PrometheusServer) -> None:
    with pytest.raises(BadQueryError, match="invalid expression type"):
        client_of(server).query_range('"text"', END, END, STEP)


def test_empty_result(server: PrometheusServer) -> None:
    frame = client_of(server).query_range("absent_metric", END, END, STEP).frame
    assert (frame.labels, frame.values.shape) == ((), (0, 1))


@pytest.mark.parametrize("expr", ["cpu / 0", "-cpu / 0", "0 * cpu / 0"])
def test_what_is_not_finite_is_no_sample(server: PrometheusServer, expr: str) -> None:
    assert np.isnan(client_of(server).query_range(expr, END, END, STEP).frame.values[1:]).all()


def test_series_that_differ_only_in_their_name(server: PrometheusServer) -> None:
    with pytest.raises(UnfitError, match=r'two series with the labels \{instance="i-1", job="node"\}'):
        client_of(server).query_range('{__name__=~"cpu|other"}', END, END, STEP)


def test_killed_and_restarted(server: PrometheusServer) -> None:
    source = client_of(server, timeout=1)
    held = History(source, "cpu", STEP, 100, 10)
    held.advance(END - 5 * STEP)
    server.kill()
    with pytest.raises(UnreachableError, match="refused"):
        held.advance(END)
    server.start()
    advance = held.advance(END)
    assert advance.samples == 5 * len(advance.frame.labels)
    assert np.isfinite(advance.frame.whole().values).all()


def test_close_ends_a_slow_query(server: PrometheusServer) -> None:
    source = client_of(server, timeout=60)
    slow = "count(" + " * on() ".join(["count_over_time(vector(1)[1d:1s])"] * 40) + ")"
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            source.query_range(slow, END - 10_000 * STEP, END, STEP)
        except StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: len(source._in_flight) == 1, "the query to be in flight")
    source.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(raised) == 1


def test_scraped_node_exporter_and_alertmanager(
    prometheus_server: StartPrometheus,
    node_exporter: Callable[..., NodeExporter],
    alertmanager: Callable[..., AlertmanagerServer],
) -> None:
    targets = [node_exporter().url.removeprefix("http://")]
    alerts = alertmanager()
    server = prometheus_server(
        scrape_configs=[{"job_name": "node", "static_configs": [{"targets": targets}]}], alertmanager=alerts.url
    )
    server.wait_for('node_cpu_seconds_total{mode="idle"}')
    assert alerts.alerts() == []


@pytest.fixture(params=["prometheus", "victoria_metrics"])
def listing(
    request: pytest.FixtureRequest,
    prometheus_server: StartPrometheus,
    victoria_metrics: Callable[..., VictoriaMetrics],
) -> Server:
    return (prometheus_server if request.param == "prometheus" else victoria_metrics)(history())


def test_the_values_of_a_label_are_those_of_the_selected_series(listing: Server) -> None:
    client = client_of(listing)
    start = END - STEPS * STEP
    assert sorted(client.label_values("instance", [], start, END).values) == sorted(HOSTS)
    found = client.label_values("instance", ['cpu{instance=~"i-.+"}'], start, END)
    assert (sorted(found.values), found.requests) == (["i-1", "i-3"], 1)
    assert client.label_values("instance", ["nothing_of_the_kind"], start, END).values == ()


def test_an_escaped_alternation_selects_its_values_and_no_others(listing: Server) -> None:
    expr = 'cpu{instance=~"${shard}"}'
    for count in (1, 2):
        found = [
            dict(labels)["instance"]
            for index in range(count)
            for labels in ShardSource(client_of(listing), Shard("instance", count, index), STEPS * STEP)
            .query_range(expr, END - STEP, END, STEP)
            .frame.labels
        ]
        assert sorted(found) == sorted(HOSTS)


def test_a_series_that_its_target_no_longer_has_ends_at_once_and_may_come_back(
    prometheus_server: StartPrometheus,
) -> None:
    """Prometheus marks it as stale: else it would go on for the five minutes that Prometheus looks back."""
    both, one = (b"".join(b'load{pod="%s"} 1\n' % pod for pod in pods) for pods in ((b"a", b"b"), (b"a",)))
    exposed = [both]

    def answer(connection: Connection) -> None:
        http(200, exposed[0], "Content-Type: text/plain; version=0.0.4")(connection)

    with raw_server(answer) as target:
        targets = [target.url.removeprefix("http://")]
        server = prometheus_server(scrape_configs=[{"job_name": "t", "static_configs": [{"targets": targets}]}])
        source = client_of(server)

        def now() -> list[str]:
            at = int(time.time())
            labels = source.query_range("load", at, at, 1).frame.labels
            return [dict(each)["pod"] for each in labels]

        wait_until(lambda: now() == ["a", "b"], "both to be scraped")
        exposed[0] = one
        wait_until(lambda: now() == ["a"], "one to be marked as stale", deadline=20)
        exposed[0] = both
        wait_until(lambda: now() == ["a", "b"], "it to come back")
        source.close()
