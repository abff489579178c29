import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.app import Sidecar, WebOptions
from sidecar.config.load import parse
from sidecar.config.problems import ConfigError
from sidecar.config.schema import Config
from sidecar.demo.config import EPOCH, config_text
from sidecar.demo.server import serve as serve_source
from sidecar.execution.local import LocalExecutor
from tests.loop.manual_clock import ManualClock
from tests.real.processes import DEADLINE

STEP = 300
BUDGET = "anomaly_sidecar_alarm_budget_per_second"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EPOCH)


@pytest.fixture
def source(clock: ManualClock) -> Iterator[str]:
    with serve_source(clock.now, EPOCH) as url:
        yield url


@contextmanager
def running(read_config: Callable[[], Config], clock: ManualClock, **web: object) -> Iterator[Sidecar]:
    options = WebOptions(listen_address="127.0.0.1:0", **web)  # type: ignore[arg-type]
    sidecar = Sidecar(read_config, options, clock, LocalExecutor())
    sidecar.start()
    try:
        yield sidecar
    finally:
        sidecar.stop()


def url_of(sidecar: Sidecar, path: str) -> str:
    assert sidecar.server.address is not None
    host, port = sidecar.server.address
    return f"http://{host}:{port}{path}"


def get(sidecar: Sidecar, path: str) -> httpx.Response:
    return httpx.get(url_of(sidecar, path), timeout=10)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread does."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {DEADLINE:g} s"
        time.sleep(0.005)


def tick(sidecar: Sidecar, clock: ManualClock, name: str = "node_cpu") -> None:
    """Moves on to the next slot and waits for its result."""
    clock.time += STEP
    until(lambda: sidecar.board.snapshot.results[name].at == clock.time)


def samples(sidecar: Sidecar, name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(get(sidecar, "/metrics").text)
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_scores_of_the_source_are_served_and_the_host_that_goes_wrong_is_flagged(
    source: str, clock: ManualClock
) -> None:
    with running(lambda: parse(config_text(source), "demo", {}), clock) as sidecar:
        until(lambda: sidecar.not_ready() is None)
        assert get(sidecar, "/-/ready").status_code == 200
        for _ in range(12):
            tick(sidecar, clock)
        flags = samples(sidecar, "anomaly_flag")
        assert len(flags) == 8
        assert {key for key, flag in flags.items() if flag} == {("node_cpu", "web-3:9100", "node")}


def test_it_is_not_ready_before_every_query_was_attempted_and_ready_though_prometheus_is_away(
    clock: ManualClock,
) -> None:
    config = parse(config_text("http://127.0.0.1:9"), "demo", {})
    with running(lambda: config, clock) as sidecar:
        until(lambda: sidecar.not_ready() is None)
        assert samples(sidecar, "anomaly_sidecar_prometheus_up") == {(): 0.0}
        assert samples(sidecar, "anomaly_sidecar_evaluation_failures_total") == {("node_cpu",): 1.0}
        assert "node_cpu" in get(sidecar, "/").text


def test_without_queries_it_is_ready_once_it_has_started(clock: ManualClock) -> None:
    config = parse(config_text("http://127.0.0.1:9"), "demo", {}).model_copy(update={"queries": ()})
    starting = Sidecar(lambda: config, WebOptions("127.0.0.1:0"), clock, LocalExecutor())
    assert starting.not_ready() == "starting"
    with running(lambda: config, clock) as sidecar:
        assert sidecar.not_ready() is None
        assert get(sidecar, "/-/ready").status_code == 200


def test_the_api_works_while_prometheus_is_away(clock: ManualClock) -> None:
    with serve_source(clock.now, EPOCH) as url, running(lambda: parse(config_text(url), "demo", {}), clock) as sidecar:
        until(lambda: bool(sidecar.board.snapshot.results))
        for _ in range(3):
            tick(sidecar, clock)
        away = sidecar._client
        assert away is not None
        away.close()
        clock.time += STEP
        until(lambda: bool(sidecar.board.snapshot.failures))
        [query] = get(sidecar, "/api/v1/queries").json()["queries"]
        page = get(sidecar, "/api/v1/series").json()
        detail = get(sidecar, f"/api/v1/series/{page['series'][0]['id']}").json()
        predicted = httpx.post(url_of(sidecar, "/predict"), json={"values": [1.0] * 25}, timeout=10)

        assert query["health"].startswith("failing: ")
        assert page["total"] == 8
        assert detail["points"]["time"][-1] == EPOCH + 3 * STEP
        assert predicted.status_code == 200


def test_a_reload_keeps_what_is_the_same_and_drops_what_is_gone(source: str, clock: ManualClock) -> None:
    text = config_text(source)
    texts = [text, text + SECOND, text.replace("fit_every: 1d", "fit_every: 6h")]
    with running(lambda: parse(texts[0], "demo", {}), clock) as sidecar:
        until(lambda: sidecar.not_ready() is None)
        loops = dict(sidecar._scheduler.loops)
        del texts[0]
        assert sidecar.reload() is None
        assert sidecar._scheduler.loops["node_cpu"] is loops["node_cpu"]
        until(lambda: "second" in sidecar.board.snapshot.results)
        del texts[0]
        assert sidecar.reload() is None
        assert set(sidecar.board.snapshot.results) == {"node_cpu"}
        assert sidecar._scheduler.loops["node_cpu"] is not loops["node_cpu"]
        assert 'anomaly_name="second"' not in get(sidecar, "/metrics").text


def test_the_alarm_budget_is_exported_as_the_configuration_has_it(source: str, clock: ManualClock) -> None:
    text = config_text(source)
    texts = [text + "    alarm_budget: 3 per 7d\n", text]
    with running(lambda: parse(texts[0], "demo", {}), clock) as sidecar:
        assert samples(sidecar, BUDGET) == {("node_cpu",): pytest.approx(3 / (7 * 86_400))}
        del texts[0]
        assert sidecar.reload() is None
        assert samples(sidecar, BUDGET) == {("node_cpu",): pytest.approx(1 / (30 * 86_400))}


def test_a_bad_file_keeps_the_old_configuration_and_says_why(source: str, clock: ManualClock) -> None:
    texts = [config_text(source)]
    with running(lambda: parse(texts[-1], "demo", {}), clock, enable_lifecycle=True) as sidecar:
        texts.append("queries: 7\n")
        response = httpx.post(url_of(sidecar, "/-/reload"))
        assert response.status_code == 500
        assert "demo:1" in response.text
        assert samples(sidecar, "anomaly_sidecar_config_last_reload_successful") == {(): 0.0}
        assert "node_cpu" in get(sidecar, "/config").text
        texts.pop()
        assert httpx.post(url_of(sidecar, "/-/reload")).status_code == 200
        assert samples(sidecar, "anomaly_sidecar_config_last_reload_successful") == {(): 1.0}


def test_another_prometheus_after_a_reload_is_asked_instead(source: str, clock: ManualClock) -> None:
    texts = [config_text("http://127.0.0.1:9"), config_text(source)]
    with running(lambda: parse(texts[0], "demo", {}), clock) as sidecar:
        until(lambda: sidecar.not_ready() is None)
        del texts[0]
        assert sidecar.reload() is None
        until(lambda: "node_cpu" in sidecar.board.snapshot.results)


@contextmanager
def about_to_ask_anew(source: str, clock: ManualClock) -> Iterator[Sidecar]:
    """A sidecar that has shown a result, and asks another question after a reload."""
    text = config_text(source)
    texts = [text, text.replace("unit: ratio", "unit: ratio\n    labels: {team: a}")]
    with running(lambda: parse(texts[0], "demo", {}), clock) as sidecar:
        until(lambda: "node_cpu" in sidecar.board.snapshot.results)
        del texts[0]
        yield sidecar


def test_results_of_another_question_are_shown_no_more(source: str, clock: ManualClock) -> None:
    with about_to_ask_anew(source, clock) as sidecar:
        published = sidecar.board.publish
        sidecar.board.publish = lambda _: None  # type: ignore[method-assign,assignment]
        assert sidecar.reload() is None
        assert not sidecar.board.snapshot.results
        sidecar.board.publish = published  # type: ignore[method-assign]
        clock.time += STEP
        until(lambda: 'team="a"' in get(sidecar, "/metrics").text)


def test_an_evaluation_that_ends_during_a_reload_shows_nothing(source: str, clock: ManualClock) -> None:
    with about_to_ask_anew(source, clock) as sidecar:
        old, configure, shown = sidecar._scheduler.loops["node_cpu"].evaluator, sidecar.board.configure, []

        def configured(queries: Iterable[str], staleness: float, anew: Collection[str]) -> None:
            configure(queries, staleness, anew)
            old.evaluate(clock.time + STEP)
            shown.append(dict(sidecar.board.snapshot.results))

        sidecar.board.configure = configured  # type: ignore[method-assign,assignment]
        assert sidecar.reload() is None
        assert shown == [{}]


def test_missed_evaluations_are_counted_and_not_replayed(source: str, clock: ManualClock) -> None:
    with running(lambda: parse(config_text(source), "demo", {}), clock) as sidecar:
        until(lambda: sidecar.not_ready() is None)
        tick(sidecar, clock)
        evaluate = sidecar._scheduler.loops["node_cpu"].evaluator.evaluate

        def slow(at: float) -> None:
            evaluate(at)
            clock.time = at + 3.5 * STEP

        sidecar._scheduler.loops["node_cpu"].evaluator.evaluate = slow  # type: ignore[method-assign]
        before, [begun] = clock.time, samples(sidecar, "anomaly_sidecar_evaluations_total").values()
        clock.time += STEP
        until(lambda: clock.time > before + STEP)
        sidecar._scheduler.loops["node_cpu"].evaluator.evaluate = evaluate  # type: ignore[method-assign]
        missed = "anomaly_sidecar_iterations_missed_total"
        until(lambda: samples(sidecar, missed) == {("node_cpu",): 3.0})
        assert samples(sidecar, "anomaly_sidecar_evaluations_total") == {("node_cpu",): begun + 1}
        clock.time += STEP
        until(lambda: samples(sidecar, "anomaly_sidecar_evaluations_total") == {("node_cpu",): begun + 2})
        assert samples(sidecar, missed) == {("node_cpu",): 3.0}


def test_an_invalid_configuration_is_refused_at_the_start(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="demo:1"):
        Sidecar(lambda: parse("queries: 7\n", "demo", {}), WebOptions(), clock, LocalExecutor())


SECOND = """\
  - name: second
    expr: instance:node_cpu_utilisation:rate5m
"""
