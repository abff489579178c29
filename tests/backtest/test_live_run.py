"""The backtest against a live run: a real Prometheus with history, and the evaluator of the loop step by step."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from sidecar.backtest.answer import Answerer
from sidecar.backtest.past import Past, Span
from sidecar.backtest.replay import Replayer
from sidecar.backtest.trace import Trace, trace
from sidecar.config.connection import PrometheusConfig
from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import Missing
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.bands import BandTurns
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.client import PrometheusClient
from tests.real.servers import PrometheusServer, Sample, openmetrics

pytestmark = pytest.mark.real

STEP, HOUR, DAY = 300, 3_600, 86_400
END = 1_714_521_600
SPAN = Span(END - 30 * HOUR, END)
COMMON = {"name": "cpu", "step": "5m", "fit_window": "2d", "fit_every": "6h", "min_history": "4h"}
QUERIES: dict[str, tuple[dict[str, object], str]] = {
    "plain": ({"expr": "cpu", "alarm": {"hold": "2h"}}, "UTC"),
    "filled and suppressed": (
        {
            "expr": "cpu",
            "missing": "last",
            "suppress_when": "deploying",
            "direction": "above",
            "alarm": {"confirm": "2 of 3", "hold": "1h"},
        },
        "America/New_York",
    ),
    "flagged when gone": ({"expr": "cpu", "missing": "flag", "alarm": {"hold": "1h"}}, "UTC"),
}

Gauges = dict[tuple[str, int], tuple[float, float, float]]
"""Score, flag and expected value by instance and time."""


def cpu() -> Iterator[Sample]:
    """Eight days: one steady, one with a gap and spikes, one that is new, one that comes and leaves flagged."""
    rng = np.random.default_rng(11)
    times = np.arange(END - 8 * DAY, END + 1, STEP)
    hours_left = (END - times) / HOUR
    present = {
        "steady": hours_left >= 0,
        "spiky": (hours_left < 20) | (hours_left > 22),
        "new": hours_left < 20,
        "fleeting": (hours_left % 16 < 3) & (hours_left < 60),
    }
    for number, (instance, known) in enumerate(present.items()):
        values = 0.5 + 0.2 * np.sin(2 * np.pi * times / DAY + number) + 0.02 * rng.standard_normal(len(times))
        if instance != "new":
            values[(hours_left % 11 > 10) & (hours_left < 29)] += 1.5
        if instance == "fleeting":
            values[np.abs(hours_left - 16) < 0.05] += 5  # so that it leaves in an alarm
        if instance == "fleeting":
            values[hours_left % 16 < 1 / 2] += 1.5
        for at, value in zip(times[known].tolist(), values[known].tolist(), strict=True):
            yield {"instance": instance, "job": "node"}, at, value


def deploying() -> Iterator[Sample]:
    """A deploy of the steady instance, six hours before the end."""
    for at in range(END - DAY, END + 1, STEP):
        yield {"instance": "steady"}, at, float(5 * HOUR <= END - at <= 12 * HOUR)


class NoTurns(BandTurns):
    """Has no band found: they leave no trace in what is compared, and would take most of the time."""

    def rows(self, score: NDArray[np.float64], found_at: NDArray[np.int64], end: int) -> NDArray[np.intp]:
        return super().rows(score, found_at, end)[:0]


def live_run(query: QueryConfig, timezone: str, source: PrometheusClient) -> Gauges:
    """What the evaluator of the loop has published at each step of the span."""
    board, seen = Board(), {}
    board.configure(["cpu"], staleness=STEP)
    around = Surroundings(source, LocalExecutor(), board, Telemetry(CollectorRegistry(), "test"), 30)
    evaluator = Evaluator(query, 0, timezone, around)
    evaluator._turns = NoTurns(around.interval)
    for at in (SPAN.begin, SPAN.begin + 1, *range(SPAN.begin + 2, SPAN.end + 3, STEP)):
        evaluator.evaluate(at)
        table = board.snapshot.results["cpu"].series
        names = ("anomaly_score", "anomaly_flag", "anomaly_expected")
        rows = zip(*(table.gauges[name].tolist() for name in names), strict=True)
        for labels, row in zip(table.labels, rows, strict=True):
            seen[dict(labels)["instance"], at - at % STEP] = row
    return seen


def replayed(query: QueryConfig, timezone: str, source: PrometheusClient) -> list[Trace]:
    replayer = Replayer.of(query, timezone)
    return [trace(replayer, series, SPAN) for series in Past.fetch(source, query, replayer, SPAN).series()]


def instance_of(one: Trace) -> str:
    return dict(one.labels)["instance"]


def alarmed(traces: list[Trace]) -> set[tuple[str, int]]:
    """The instances and times at which an alarm is on."""
    spans = [(instance_of(one), alarm) for one in traces for alarm in one.alarms]
    return {(instance, time) for instance, alarm in spans for time in range(alarm.start, alarm.end + 1, STEP)}


def gauges(traces: list[Trace], missing: Missing) -> Gauges:
    """What traces would have shown: a step without a score shows nothing, even amid an alarm, but for a flagged gap."""
    on, seen = alarmed(traces), {}
    for one in traces:
        for column, time in enumerate(one.times.tolist()):
            key, score = (instance_of(one), time), float(one.score[column])
            gap = missing is Missing.FLAG and np.isnan(one.values[column]) and key in on
            if gap or not np.isnan(score):
                seen[key] = score, float(key in on), float(one.expected[column])
    return seen


@pytest.fixture
def source(prometheus_server: Callable[..., PrometheusServer]) -> Iterator[PrometheusClient]:
    server = prometheus_server(openmetrics(cpu=cpu(), deploying=deploying()))
    client = PrometheusClient(PrometheusConfig.model_validate({"url": server.url}))
    yield client
    client.close()


@pytest.mark.parametrize("name", QUERIES)
def test_a_backtest_gives_what_the_loop_has_shown(name: str, source: PrometheusClient) -> None:
    settings, timezone = QUERIES[name]
    query = QueryConfig.model_validate(COMMON | settings)
    traces = replayed(query, timezone, source)
    shown, found = live_run(query, timezone, source), gauges(traces, query.missing)
    assert shown.keys() == found.keys()
    assert {instance for instance, _ in shown} >= {"steady", "spiky", "new"}
    for key, row in shown.items():
        assert found[key] == pytest.approx(row, rel=1e-9, nan_ok=True), key
    assert {flag for _, flag, _ in shown.values()} == {0, 1}
    if query.missing is not Missing.LAST:
        scored = {key for key, (score, _, _) in shown.items() if not np.isnan(score)}
        assert alarmed(traces) - scored, "no alarm has gone on without samples"


def test_a_file_with_the_samples_of_a_series_without_labels_gives_the_same(source: PrometheusClient) -> None:
    query = QueryConfig.model_validate(COMMON | {"expr": 'sum(cpu{instance="spiky"})'})
    [one] = replayed(query, "UTC", source)
    samples = source.query_range(query.expr, END - 8 * DAY, END, STEP).frame
    rows = [f"{at},{value!r}" for at, value in zip(samples.times.tolist(), samples.values[0].tolist(), strict=True)]
    answers = Answerer(query, band=False).answer(
        "\n".join(["timestamp,value", *rows]).replace("nan", "").encode(), "spiky.csv"
    )
    last = [line.split(",") for line in answers.text.splitlines()[-len(one.times) :]]
    assert [float(cells[0]) for cells in last] == one.times.tolist()
    scores = np.array([float(cells[2] or "nan") for cells in last])
    np.testing.assert_allclose(scores, one.score, rtol=1e-9)
