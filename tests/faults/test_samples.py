"""Samples of a real Prometheus, late, missing, no numbers, of other series: scores are a function of what it holds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests
from structlog.testing import capture_logs
from structlog.typing import EventDict

from sidecar.export.snapshot import State
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.frame import LabelSet
from tests.faults.bench import HOSTS, NOW, STEP, Bench, Shown, host, noise, same, warm
from tests.faults.proxy import client, forwards
from tests.prometheus.raw_server import RawServer, raw_server
from tests.real.remote_write import STALE, remote_write
from tests.real.servers import PrometheusServer, openmetrics

pytestmark = pytest.mark.real

HOUR = 3600
FIRST, LAST = -800, 60
"""The steps of a history, counted from NOW."""
WRONG, WRONG_SINCE, WRONG_VALUE = "d", -2, 0.9
"""The host whose flag is up when the fault comes, and after it."""
FLAGS = ["--query.lookback-delta=30s"]
SHORT = {"fit_window": 8 * HOUR, "fit_every": HOUR}
SHORT_LOOKBACK = 298
"""Steps that are held of a query with these."""

Samples = dict[LabelSet, dict[int, float]]


def time(step: int) -> int:
    return NOW + step * STEP


def times(first: int, last: int) -> Iterator[int]:
    return map(time, range(first, last + 1))


def samples(first: int = FIRST, last: int = LAST) -> Samples:
    """What is measured from a step to another."""
    held = {host(name): noise(name, time(last), steps=last - first + 1) for name in HOSTS}
    held[host(WRONG)] |= dict.fromkeys(times(max(first, WRONG_SINCE), last), WRONG_VALUE)
    return held


def between(held: Samples, first: int, last: int) -> Samples:
    """Samples from a step to another."""
    there = range(time(first), time(last) + 1)
    return {labels: {at: value for at, value in points.items() if at in there} for labels, points in held.items()}


def without(held: Samples, first: int, last: int) -> Samples:
    """Samples save those from a step to another."""
    away = range(time(first), time(last) + 1)
    return {labels: {at: value for at, value in points.items() if at not in away} for labels, points in held.items()}


def hosts(shown: Shown) -> set[str]:
    return {dict(labels)["instance"] for labels in shown}


def flagged(shown: Shown) -> set[str]:
    return hosts({labels: gauges for labels, gauges in shown.items() if gauges["anomaly_flag"]})


def told(logs: list[EventDict]) -> list[str]:
    """What was logged, save for the anomalies."""
    return [line["event"] for line in logs if line["event"] != "anomaly"]


@dataclass
class Metric:
    """A metric of a real Prometheus, which has what it was sent by now, and the proxy through which it is asked."""

    name: str
    server: PrometheusServer
    proxy: RawServer

    def send(self, held: Samples) -> None:
        series = (({"__name__": self.name, **dict(labels)}, points.items()) for labels, points in held.items())
        remote_write(self.server.url, series)

    def watched(self, **keys: object) -> Bench:
        bench = warm(self._client, expr=self.name, **keys)
        assert flagged(bench.shown) == {WRONG}
        return bench

    def restarted(self, at: int) -> Shown:
        """What a sidecar shows that was started an hour before."""
        begun = at - HOUR
        bench = Bench(self._client, expr=self.name)
        bench.ticks((begun, begun + 1, begun + 2, *range(begun + STEP, at + 1, STEP)))
        return bench.shown

    @property
    def _client(self) -> PrometheusClient:
        return client(self.proxy.url, timeout=10)


Sent = Callable[[str, Samples], Metric]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Takes samples of any time in any order; each test has metrics of its own."""
    server = PrometheusServer(
        tmp_path_factory.mktemp("samples") / "server",
        flags=[*FLAGS, "--web.enable-remote-write-receiver"],
        settings={"storage": {"tsdb": {"out_of_order_time_window": "30d"}}},
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture
def sent(prometheus: PrometheusServer) -> Iterator[Sent]:
    """Sends the first samples of a metric."""
    with raw_server(forwards(prometheus)) as proxy:

        def send(name: str, held: Samples) -> Metric:
            metric = Metric(name, prometheus, proxy)
            metric.send(held)
            return metric

        yield send


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as captured:
        yield captured


def test_a_gap_of_an_hour_shows_nothing_and_leaves_nothing(sent: Sent, logs: list[EventDict]) -> None:
    gap = sent("gap", without(samples(), 1, 12))
    bench = gap.watched()
    for at in times(1, 12):
        assert bench.tick(at) == {}
        assert bench.states == {}
        assert "anomaly_flag{" not in bench.exposition
    for at in times(13, 15):
        assert flagged(bench.tick(at)) == {WRONG}
        assert bench.states == {State.OK: len(HOSTS)}
    assert same(bench.shown, gap.restarted(time(15)))
    assert (told(logs), bench.counted("evaluation_failures_total")) == ([], 0)


def test_a_staleness_marker_takes_the_series_away_for_its_step_alone(sent: Sent) -> None:
    held = samples()
    held[host("b")] |= {time(2) - 15: 0.3, time(2): STALE}  # the former would be seen, were it not for the marker
    marked = sent("marked", held)
    bench = marked.watched()
    shown = bench.ticks(times(1, 4)).values()
    assert [hosts(each) for each in shown] == [{*HOSTS}, {*HOSTS} - {"b"}, {*HOSTS}, {*HOSTS}]
    assert same(bench.shown, marked.restarted(time(4)))


def test_series_that_all_change_between_two_ticks_and_change_back(sent: Sent, logs: list[EventDict]) -> None:
    others = {host(f"other-{name}"): {time(1): 0.3} for name in HOSTS}
    change = sent("change", without(samples(), 1, 1) | others)
    bench = change.watched()
    assert bench.tick(time(1)) == {}
    assert bench.states == {State.WARMING: len(others)}
    assert "anomaly_flag{" not in bench.exposition
    for at in times(2, 30):
        assert flagged(bench.tick(at)) == {WRONG}
        assert bench.states == {State.OK: len(HOSTS)}
    assert same(bench.shown, change.restarted(time(30)))
    assert (told(logs), bench.counted("evaluation_failures_total")) == ([], 0)


ARRIVALS = {"late": 0, "out_of_order": LAST}
"""The newest step of which there are samples when others are sent late."""


def send_late(metric: Metric, held: Samples, last: int, newest: int) -> None:
    """Send the samples up to a step, and those after the newest that are there."""
    before = out_of_order(metric.server)
    metric.send(between(held, 1, last))
    assert newest < last or out_of_order(metric.server) == before + last * len(HOSTS)
    metric.send(between(held, max(last, newest) + 1, LAST))


def out_of_order(server: PrometheusServer) -> float:
    """Samples that the server has taken though it had newer ones."""
    lines = requests.get(f"{server.url}/metrics", timeout=10).text.splitlines()
    [count] = (line.split()[1] for line in lines if line.startswith("prometheus_tsdb_head_out_of_order_samples_app"))
    return float(count)


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_a_sample_that_is_late_by_less_than_the_offset_is_not_missed(sent: Sent, arrival: str) -> None:
    held, newest = samples(), ARRIVALS[arrival]
    punctual = sent(f"{arrival}_within_offset_punctual", held).watched(offset=60)
    metric = sent(f"{arrival}_within_offset", without(between(held, FIRST, newest), 1, 1))
    bench = metric.watched(offset=60)
    assert same(bench.tick(NOW + 60), punctual.tick(NOW + 60))
    asked = len(metric.proxy.seen)
    assert same(bench.tick(time(1) + 30), punctual.tick(time(1) + 30))
    assert len(metric.proxy.seen) == asked, "the step is not looked at yet"
    send_late(metric, held, 1, newest)
    for at in times(1, 4):
        assert same(bench.tick(at + 60), punctual.tick(at + 60))
        assert flagged(bench.shown) == {WRONG}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_samples_that_are_later_are_taken_up_by_a_restart(sent: Sent, logs: list[EventDict], arrival: str) -> None:
    held, newest = samples(), ARRIVALS[arrival]
    punctual, never = sent(f"{arrival}_punctual", held), sent(f"{arrival}_never", without(held, 1, 3))
    late = sent(arrival, without(between(held, FIRST, newest), 1, 3))
    bench, without_them = late.watched(), never.watched()
    for at in times(1, 3):
        assert bench.tick(at) == without_them.tick(at) == {}
        assert "anomaly_flag{" not in bench.exposition
    send_late(late, held, 3, newest)
    for at in times(4, 12):
        assert same(bench.tick(at), without_them.tick(at))
        assert flagged(bench.shown) == {WRONG}
    assert same(late.restarted(time(16)), punctual.restarted(time(16)))
    assert (told(logs), bench.counted("evaluation_failures_total")) == ([], 0)


def test_samples_that_were_too_late_matter_no_more_when_their_steps_are_no_longer_held(sent: Sent) -> None:
    held = samples(-SHORT_LOOKBACK, SHORT_LOOKBACK + 6)
    punctual = sent("forgotten_punctual", held).watched(**SHORT)
    late = sent("forgotten", without(held, 1, 3))
    bench = late.watched(**SHORT)
    assert bench.evaluator._watch.schedule.lookback_steps == SHORT_LOOKBACK
    bench.ticks(times(1, 3))
    late.send(between(held, 1, 3))
    assert not same(bench.tick(time(4)), punctual.tick(time(4)))
    for each in (bench, punctual):
        each.ticks((time(SHORT_LOOKBACK // 2), *times(SHORT_LOOKBACK + 4, SHORT_LOOKBACK + 6)))
    assert hosts(bench.shown) == {*HOSTS}
    assert same(bench.shown, punctual.shown)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_is_an_hour_off_and_set_right(sent: Sent, logs: list[EventDict], jump: int) -> None:
    """What the wrong clock showed is gone at once, and scores are those of a clock that was never wrong."""
    held = samples()
    metric = sent("clock_ahead" if jump > 0 else "clock_behind", between(held, FIRST, 2))
    bench, undisturbed = metric.watched(), metric.watched()
    assert same(bench.tick(time(1)), undisturbed.tick(time(1)))
    for i in range(3):
        wrong = bench.tick(time(2) + jump + i)
        # Set back, the models are of a time that has not come: they are fitted anew, as after a restart.
        assert hosts(wrong) == (set() if jump > 0 or i == 0 else {*HOSTS})
        assert flagged(wrong) == set()
        assert bench.states == ({} if jump > 0 else {State.OK if i else State.WARMING: len(HOSTS)})
        assert bench.board.snapshot.results["cpu"].sample_time == time(2) + jump
    metric.send(between(held, 3, LAST))
    bench.ticks((time(1), time(1) + 1))
    assert same(bench.shown, undisturbed.shown)
    for at in times(2, 14):
        assert same(bench.tick(at), undisturbed.tick(at))
        assert flagged(bench.shown) == {WRONG}
    assert told(logs) == ["the clock was set back, models are fitted anew"]
    assert bench.counted("evaluation_failures_total") == 0


def test_parts_of_the_data_that_were_missing_with_a_warning_are_fetched_when_they_are_there(
    prometheus_server: Callable[..., PrometheusServer], logs: list[EventDict]
) -> None:
    """Prometheus reads the host that is flagged from another one, which goes away and comes back."""
    store = prometheus_server(history(WRONG), flags=FLAGS)
    remote = {"remote_read": [{"url": f"{store.url}/api/v1/read", "read_recent": True}]}
    server = prometheus_server(history(*(name for name in HOSTS if name != WRONG)), flags=FLAGS, settings=remote)
    with raw_server(forwards(server)) as proxy:
        metric = Metric("cpu", server, proxy)
        bench, undisturbed = metric.watched(), metric.watched().ticks(times(1, 14))
        assert (told(logs), bench.counted("prometheus_warnings_total")) == ([], 0)
        store.kill()
        for at in times(1, 2):
            assert hosts(bench.tick(at)) == {*HOSTS} - {WRONG}
            assert f'instance="{WRONG}"' not in bench.exposition
        assert told(logs) == ["Prometheus warns about the result"] * 2
        assert all("remote_read: " in line["warning"] and "refused" in line["warning"] for line in logs)
        assert bench.counted("prometheus_warnings_total") == 2
        store.start()
        for at in times(3, 14):
            assert same(bench.tick(at), undisturbed[at])
        assert bench.counted("prometheus_warnings_total") == 2


def history(*names: str) -> str:
    held = {labels: points for labels, points in samples().items() if dict(labels)["instance"] in names}
    return openmetrics(cpu=((dict(labels), at, value) for labels in held for at, value in held[labels].items()))


def test_values_that_are_no_numbers_are_no_samples(sent: Sent, logs: list[EventDict]) -> None:
    held = samples()
    rest = {host("a"): held[host("a")]} | {host(name): without(held, 1, 1)[host(name)] for name in "bcd"}
    odd = {host("b"): math.nan, host("c"): math.inf, host("d"): -math.inf}
    bench = sent("odd", held | {labels: held[labels] | {time(1): value} for labels, value in odd.items()}).watched()
    without_them = sent("odd_missing", rest).watched()
    assert same(bench.tick(time(1)), without_them.tick(time(1)))
    assert (hosts(bench.shown), flagged(bench.shown)) == ({"a"}, set())
    assert bench.states == {State.OK: 1, State.NO_DATA: 3}
    for at in times(2, 6):
        assert same(bench.tick(at), without_them.tick(at))
        assert flagged(bench.shown) == {WRONG}
        assert bench.states == {State.OK: len(HOSTS)}
    assert (told(logs), bench.counted("evaluation_failures_total")) == ([], 0)
