import dataclasses
import re
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from sidecar.config.schema import WARM_UP_STEPS, Alarm, MinDeviation, QueryConfig, Sharding
from sidecar.config.vocabulary import Missing, Scope
from sidecar.detection.detector import score
from sidecar.detection.fits import FitJob
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import Settings
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.snapshot import QueryResult, State
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.loop.fitting import DEADLINE
from sidecar.loop.telling import Teller
from sidecar.prometheus.coarse import Matrix
from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.prometheus.source import (
    BadAnswerError,
    BadQueryError,
    PrometheusError,
    RangeResult,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    UnfitError,
    UnreachableError,
)
from tests.prometheus.memory_source import MemorySource

STEP = 300
HOUR = 3_600
NOW = 1_700_000_100
QUERY = QueryConfig.model_validate(
    {"name": "cpu", "expr": "cpu", "step": "5m", "fit_window": "2d", "fit_every": "6h", "min_history": "4h"}
)


Samples: TypeAlias = dict[LabelSet, dict[int, float]]


def host(name: str) -> LabelSet:
    return (("instance", name), ("job", "node"))


def noise(seed: int, steps: int = 800, end: int = NOW) -> dict[int, float]:
    """Samples of `steps` steps up to `end`."""
    values = 0.3 + 0.03 * np.random.default_rng(seed).standard_normal(steps)
    return {end - i * STEP: float(value) for i, value in enumerate(values)}


class Bench:
    """An evaluator over samples in memory, with what it publishes and counts."""

    source_type = MemorySource

    def __init__(self, samples: Samples, executor: Executor, **query: object) -> None:
        self.source = self.source_type(samples)
        self.registry = CollectorRegistry()
        self.board = Board()
        self.board.configure(["cpu"], staleness=300)
        config = QUERY.model_copy(update=query)
        around = Surroundings(self.source, executor, self.board, Telemetry(self.registry, "test"), 30)
        self.evaluator = Evaluator(config, 0, "UTC", around)

    def evaluate(self, at: float) -> QueryResult:
        self.evaluator.evaluate(at)
        return self.board.snapshot.results["cpu"]

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"anomaly_sidecar_{name}", {"anomaly_name": "cpu", **labels})


def warm(samples: Samples, **query: object) -> Bench:
    """A bench whose models have been fitted and are in use at NOW."""
    bench = Bench(samples, LocalExecutor(), **query)
    for at in (NOW, NOW + 1, NOW + 2):
        bench.evaluate(at)
    return bench


def gauge(result: QueryResult, name: str) -> dict[str, float]:
    values = result.series.gauges[name].tolist()
    return {dict(labels)["instance"]: value for labels, value in zip(result.series.labels, values, strict=True)}


def test_the_first_evaluation_has_no_models_yet_and_shows_nothing() -> None:
    result = Bench({host("a"): noise(1)}, LocalExecutor()).evaluate(NOW)
    assert result.series.labels == ()
    assert result.states[State.WARMING] == 1


def test_a_series_is_scored_with_the_labels_of_its_source_and_the_name_of_the_query() -> None:
    result = warm({host("a"): noise(1)}).evaluate(NOW + 30)
    assert result.series.labels == ((("anomaly_name", "cpu"), *host("a")),)
    assert gauge(result, "anomaly_flag") == {"a": 0}
    assert 0 < gauge(result, "anomaly_score")["a"] < 1
    assert result.states[State.OK] == 1
    assert result.sample_time == NOW


def test_the_series_that_goes_wrong_is_flagged_counted_and_logged() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2)}
    bench = warm(samples)
    samples[host("a")][NOW + STEP] = 0.3
    samples[host("b")][NOW + STEP] = 9.0
    with capture_logs() as logs:
        result = bench.evaluate(NOW + STEP)
    assert gauge(result, "anomaly_flag") == {"a": 0, "b": 1}
    assert gauge(result, "anomaly_start_timestamp_seconds")["b"] == NOW + STEP
    assert np.isnan(gauge(result, "anomaly_start_timestamp_seconds")["a"])
    assert bench.counted("alarms_total") == 1
    [line] = [line for line in logs if line["event"] == "anomaly"]
    assert (line["instance"], line["value"], line["anomaly_name"]) == ("b", 9.0, "cpu")
    assert line["score"] >= 1
    assert line["changed"]
    assert line["one_in"] > 100


def test_a_flag_that_a_new_model_raises_is_told_however_long_ago_its_alarm_began() -> None:
    calm = warm({host("a"): dict.fromkeys(noise(1), 0.3) | noise(1, steps=3)}).evaluator._watch
    bench = warm({host("a"): noise(1, end=NOW + 60 * STEP)})
    watch = bench.evaluator._watch
    watch.install(FitJob(watch.labels, NOW + STEP, np.empty((1, 0)), watch.settings), calm.series.models)
    with capture_logs() as logs:
        before, result = bench.evaluate(NOW), bench.evaluate(NOW + STEP + watch.schedule.lead)
    assert (gauge(before, "anomaly_flag"), gauge(result, "anomaly_flag")) == ({"a": 0}, {"a": 1})
    assert gauge(result, "anomaly_start_timestamp_seconds")["a"] < NOW
    assert bench.counted("alarms_total") == 1
    assert [line["instance"] for line in logs if line["event"] == "anomaly"] == ["a"]


def test_a_start_in_an_alarm_flags_it_and_tells_nothing() -> None:
    samples = {host("a"): noise(1)}
    samples[host("a")] |= {NOW - i * STEP: 9.0 for i in range(4)}
    bench = Bench(samples, LocalExecutor())
    with capture_logs() as logs:
        results = [bench.evaluate(at) for at in (NOW, NOW + 1, NOW + 2)]
    assert gauge(results[-1], "anomaly_flag") == {"a": 1}
    assert not bench.counted("alarms_total")
    assert not [line for line in logs if line["event"] == "anomaly"]


def test_labels_with_the_names_of_facts_do_no_harm() -> None:
    odd: LabelSet = (("event", "x"), ("instance", "a"), ("level", "x"), ("score", "x"))
    samples = {odd: noise(1)}
    bench = warm(samples)
    samples[odd][NOW + STEP] = 9.0
    with capture_logs() as logs:
        result = bench.evaluate(NOW + STEP)

    assert gauge(result, "anomaly_flag") == {"a": 1}
    [line] = [line for line in logs if line["event"] == "anomaly"]
    assert line["score"] > 1


def test_a_flood_of_anomalies_is_logged_in_few_lines() -> None:
    samples = {host(f"h{i:02}"): noise(i) for i in range(25)}
    bench = warm(samples)
    for points in samples.values():
        points[NOW + STEP] = 9.0
    with capture_logs() as logs:
        bench.evaluate(NOW + STEP)
    alarms = bench.counted("alarms_total")
    assert alarms is not None
    assert alarms > 20
    assert [line["event"] for line in logs].count("anomaly") == 20
    assert (logs[-1]["event"], logs[-1]["series"]) == ("further anomalies", alarms - 20)


def test_without_a_new_step_prometheus_is_not_asked_and_the_result_is_fresh() -> None:
    bench = warm({host("a"): noise(1)})
    asked = len(bench.source.asked)
    before, after = bench.evaluate(NOW + 30), bench.evaluate(NOW + 60)
    assert len(bench.source.asked) == asked
    assert after.at == NOW + 60
    assert after.series is before.series


def test_a_tick_fetches_the_new_step_and_nothing_else() -> None:
    bench = warm({host("a"): noise(1, end=NOW + 2 * STEP)})
    bench.evaluate(NOW + STEP)
    assert bench.source.asked[-1] == (NOW + STEP, NOW + STEP)


def test_a_new_series_is_warming_until_it_has_its_history_and_a_vanished_one_leaves() -> None:
    samples = {host("old"): noise(1, end=NOW + 50 * STEP)}
    bench = warm(samples, min_history=WARM_UP_STEPS * STEP)
    samples[host("new")] = noise(3, steps=40, end=NOW + 40 * STEP)
    at, warming = NOW, 0
    while at < NOW + 40 * STEP:
        at += STEP
        result = bench.evaluate(at)
        if result.states[State.WARMING]:
            warming += 1
            assert set(gauge(result, "anomaly_flag")) == {"old"}
    assert WARM_UP_STEPS <= warming <= WARM_UP_STEPS + 2
    assert set(gauge(result, "anomaly_flag")) == {"old", "new"}
    assert set(gauge(bench.evaluate(at + STEP), "anomaly_flag")) == {"old"}


def test_an_offset_keeps_a_distance_from_now() -> None:
    bench = warm({host("a"): noise(1)})
    bench.evaluator._offset = STEP
    assert Bench({host("a"): noise(1)}, LocalExecutor()).evaluate(NOW + STEP - 1).sample_time == NOW


@pytest.mark.parametrize(
    ("error", "up"),
    [
        (UnreachableError("connection refused"), 0.0),
        (UnavailableError("HTTP 503: 'starting'"), 0.0),
        (TooSlowError("HTTP 503: timeout: query timed out"), 1.0),
        (BadQueryError('parse error: unexpected "}"'), 1.0),
        (UnfitError("two series with the labels {}"), 1.0),
        (TooLargeError("the answer has more than 1000 bytes"), 1.0),
        (BadAnswerError("not the JSON of the Prometheus API"), 0.0),
    ],
)
def test_a_failure_is_counted_logged_and_shown_and_the_last_result_stays(error: PrometheusError, up: float) -> None:
    bench = warm({host("a"): noise(1)})
    before = bench.board.snapshot.results["cpu"]
    bench.source.failures = [error]
    with capture_logs() as logs:
        result = bench.evaluate(NOW + STEP)
    assert result is before
    assert bench.board.snapshot.failures["cpu"].reason == str(error)
    assert bench.counted("evaluation_failures_total") == 1
    assert bench.registry.get_sample_value("anomaly_sidecar_prometheus_up") == up
    assert logs == [{"event": "evaluation failed", "error": str(error), "log_level": "error", "anomaly_name": "cpu"}]


def test_a_prometheus_that_refuses_every_expression_is_up_all_the_same() -> None:
    bench = Bench({host("a"): noise(1)}, LocalExecutor())
    bench.source.failures = [BadQueryError('parse error: unexpected "}"')]
    bench.evaluator.evaluate(NOW)
    assert bench.counted("evaluation_failures_total") == 1
    assert bench.registry.get_sample_value("anomaly_sidecar_prometheus_up") == 1


def test_after_a_failure_nothing_old_is_shown_anew() -> None:
    samples = {host("a"): noise(1)}
    bench = warm(samples, labels={"team": "infra"})
    before = bench.board.snapshot.results["cpu"]
    samples[host("a")][NOW + STEP] = 9.0
    samples[(*host("b"), ("team", "other"))] = {NOW + STEP: 1.0}
    for late in (0, 30, 60, 90):
        assert bench.evaluate(NOW + STEP + late) is before
        assert "cpu" in bench.board.snapshot.failures


@pytest.mark.parametrize("name", ["self", "method_name", "event", "service name", 'a="b"'])
def test_an_anomaly_is_told_whatever_its_labels_are_called(name: str) -> None:
    labels = (*host("a"), (name, "x"))
    samples = {labels: noise(1)}
    bench = warm(samples)
    samples[labels][NOW + STEP] = 9.0
    with capture_logs() as logs:
        bench.evaluate(NOW + STEP)
    assert bench.board.snapshot.failures == {}
    [line] = [line for line in logs if line["event"] == "anomaly"]
    assert "x" in line.values()
    assert "anomaly" in structlog.processors.LogfmtRenderer()(None, "warning", line)


def test_after_a_long_outage_the_state_is_that_of_a_start_and_little_memory_was_needed() -> None:
    late = NOW + 400 * STEP
    samples = {host("a"): noise(1, steps=1400, end=late), host("b"): noise(2, steps=1400, end=late)}
    samples[host("b")] |= dict.fromkeys(range(late - 5 * STEP, late + STEP, STEP), 9.0)
    bench, started = warm(samples), Bench(samples, LocalExecutor())
    for at in (late, late + 1, late + 2):
        shown, anew = bench.evaluate(at), started.evaluate(at)
    assert gauge(shown, "anomaly_flag") == gauge(anew, "anomaly_flag") == {"a": 0, "b": 1}
    assert gauge(shown, "anomaly_score") == gauge(anew, "anomaly_score")
    since = gauge(anew, "anomaly_start_timestamp_seconds")["b"]
    assert gauge(shown, "anomaly_start_timestamp_seconds")["b"] == since == late - 5 * STEP
    assert bench.board.snapshot.failures == {}


def test_after_an_outage_no_more_is_replayed_than_there_is_after_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    late = NOW + 4_000 * STEP
    bench, judged = warm({host("a"): noise(1, steps=5_000, end=late)}), []

    def counted(models: Models, values: Matrix, end: int, settings: Settings, last: int) -> Scores:
        judged.append((len(values), last))
        return score(models, values, end, settings, last)

    monkeypatch.setattr("sidecar.detection.watch.score", counted)
    assert gauge(bench.evaluate(late), "anomaly_flag") == {"a": 0}
    assert judged == [(1, bench.evaluator._watch.schedule.judged_steps)]


def test_steps_that_come_late_are_judged_one_by_one_but_not_a_whole_outage() -> None:
    samples = {host("a"): noise(1, steps=1000, end=NOW + 100 * STEP)}
    bench = warm(samples)
    bench.evaluate(NOW + 61 * STEP)
    verdicts = bench.evaluator._watch.verdicts
    assert verdicts is not None
    assert len(verdicts.times) == 61
    bench = warm(samples)
    bench.evaluate(NOW + 62 * STEP)
    verdicts = bench.evaluator._watch.verdicts
    assert verdicts is not None
    assert len(verdicts.times) == 1
    assert np.isfinite(verdicts.scores.score).all()


def test_what_is_said_of_the_condition_is_logged_and_counted_too() -> None:
    bench = Bench({host("a"): noise(1)}, LocalExecutor(), suppress_when="deploy", max_series=1)
    assert bench.evaluator._suppression is not None
    deploys = MemorySource({(("instance", name),): {NOW: 1.0} for name in "abc"})
    deploys.warnings = ("one store did not answer",)
    bench.evaluator._suppression.history._source = deploys
    with capture_logs() as logs:
        bench.evaluate(NOW)
    assert [line["left_out"] for line in logs if "left_out" in line] == [2]
    assert [line["warning"] for line in logs if "warning" in line] == ["one store did not answer"]
    assert bench.counted("prometheus_requests_total") == len(bench.source.asked) + len(deploys.asked)


def test_a_shard_lists_its_values_anew_when_the_clock_was_set_back() -> None:
    sharded = {"by": "instance", "count": 1, "index": 0}
    bench = Bench({host("a"): noise(1)}, LocalExecutor(), expr='cpu{instance=~"${shard}"}')
    bench.evaluator._query = QUERY.model_validate(
        {"name": "cpu", "expr": 'cpu{instance=~"${shard}"}', "sharding": sharded}
    )
    bench.evaluator._begin()
    for at in (NOW, NOW - 10 * STEP):
        bench.evaluate(at)
    assert [end for _, _, end in bench.source.listed] == [NOW, NOW - 10 * STEP]


def test_what_the_source_warns_of_is_logged_and_counted() -> None:
    bench = Bench({host("a"): noise(1)}, LocalExecutor())
    bench.source.warnings = ("one store did not answer",)
    with capture_logs() as logs:
        bench.evaluate(NOW)
    told = [line["warning"] for line in logs if "warning" in line]
    assert set(told) == {"one store did not answer"}
    assert bench.counted("prometheus_warnings_total") == len(told)


def test_what_was_fetched_is_counted() -> None:
    bench = warm({host("a"): noise(1), host("b"): noise(2)})
    before = bench.counted("samples_fetched_total")
    assert before is not None
    bench.source.samples = {host("a"): {NOW + STEP: 0.3}, host("b"): {NOW + STEP: 0.3}}
    bench.source.size = 700
    bench.evaluate(NOW + STEP)
    assert bench.counted("prometheus_requests_total") == len(bench.source.asked)
    assert bench.counted("samples_fetched_total") == before + 2
    assert bench.counted("bytes_fetched_total") == 700


def test_a_defect_is_logged_with_its_traceback_and_the_next_evaluation_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = warm({host("a"): noise(1, end=NOW + 5 * STEP)})
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(bench.evaluator._watch, "advance", lambda _frame: 1 / 0)
        bench.evaluate(NOW + STEP)
    assert any(line.get("exc_info") for line in logs)
    assert bench.evaluate(NOW + 2 * STEP).sample_time == NOW + 2 * STEP


def test_series_that_would_collide_are_an_error_of_the_query() -> None:
    samples: Samples = {
        (("__name__", "a"), ("instance", "x")): noise(1),
        (("__name__", "b"), ("instance", "x")): noise(2),
    }
    bench = Bench(samples, LocalExecutor())
    bench.evaluator.evaluate(NOW)
    assert "2 series would all be exported" in bench.board.snapshot.failures["cpu"].reason


def test_a_clock_that_is_set_back_a_little_forgets_nothing() -> None:
    bench = warm({host("a"): noise(1, end=NOW + STEP)})
    scored = bench.evaluate(NOW + STEP)
    bench.source.asked.clear()
    with capture_logs() as logs:
        again = bench.evaluate(NOW + STEP - 31)
    assert (again.at, again.sample_time, again.states) == (NOW + STEP - 31, NOW + STEP, scored.states)
    assert gauge(again, "anomaly_score") == gauge(scored, "anomaly_score")
    assert (bench.source.asked, logs) == ([], [])
    with capture_logs() as logs:
        anew = bench.evaluate(NOW - STEP)
    assert (anew.sample_time, anew.states[State.WARMING]) == (NOW - STEP, 1)
    assert [line["event"] for line in logs] == ["the clock was set back, models are fitted anew"]


@pytest.mark.parametrize("back", [31, STEP - 1])
def test_a_clock_that_is_set_back_a_little_after_a_failure_forgets_nothing(back: int) -> None:
    samples = {host("a"): noise(1)}
    bench, deploys = warm(samples, suppress_when="deploy"), MemorySource({})
    bench.evaluator._suppression.history._source = deploys  # type: ignore[union-attr]
    samples[host("a")] |= dict.fromkeys((NOW + STEP, NOW + 2 * STEP, NOW + 3 * STEP), 9.0)
    assert gauge(bench.evaluate(NOW + STEP), "anomaly_flag") == {"a": 1}
    deploys.failures = [UnreachableError("away")]
    bench.evaluator.evaluate(NOW + 2 * STEP)
    assert "suppress_when: away" in bench.board.snapshot.failures["cpu"].reason
    assert gauge(bench.evaluate(NOW + 2 * STEP - back), "anomaly_flag") == {"a": 1}
    assert gauge(bench.evaluate(NOW + 3 * STEP), "anomaly_flag") == {"a": 1}
    assert bench.counted("alarms_total") == 1


def test_a_clock_of_short_steps_may_be_set_back_by_a_minute() -> None:
    samples = {host("a"): {NOW - i * 15: 0.3 + 0.01 * (i % 7) for i in range(-8, 400)}}
    short = {"step": 15, "fit_window": 3_000, "fit_every": 3_000, "min_history": 1_500}
    bench = Bench(samples, LocalExecutor(), **short)
    for at in (NOW, NOW + 1, NOW + 60):
        bench.evaluate(at)
    with capture_logs() as logs:
        assert bench.evaluate(NOW + 1).sample_time == NOW + 60
        assert logs == []
        assert bench.evaluate(NOW - 16).sample_time == NOW - 30
    assert [line["event"] for line in logs] == ["the clock was set back, models are fitted anew"]


def test_series_that_only_ever_grow_are_told_of_once() -> None:
    grown = {NOW - i * STEP: 1_000.0 - i for i in range(-1, 800)}
    bench = Bench({host("a"): grown, host("b"): noise(1, end=NOW + STEP)}, LocalExecutor())
    with capture_logs() as logs:
        bench.evaluate(NOW)
        bench.evaluate(NOW + STEP)
    told = [line for line in logs if line["event"].startswith("series only ever grow")]
    assert [line["series"] for line in told] == [1]


def test_a_label_that_is_renamed_leaves_no_gap() -> None:
    old, new = (("host_name", "a"),), (("host.name", "a"),)
    samples: Samples = {old: noise(1, end=NOW - STEP), new: noise(2)}
    bench = warm(samples)
    result = bench.evaluate(NOW + 30)
    assert bench.board.snapshot.failures == {}
    assert sum(result.states.values()) == 1


class Broken(Executor):
    """Fails every call."""

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        del fn, args, kwargs
        future: Future[Any] = Future()
        future.set_exception(MemoryError("the worker process died"))
        return future


class Gone(Executor):
    """Cancels what it is given, as a cluster does that goes away."""

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        del fn, args, kwargs
        future: Future[Any] = Future()
        future.cancel()
        return future


class Full(Executor):
    """Takes nothing, as where no further thread can be started."""

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        del fn, args, kwargs
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("executor", [Broken(), Gone(), Full()])
def test_a_failed_fit_is_counted_shown_as_error_and_tried_again(executor: Executor) -> None:
    bench = Bench({host("a"): noise(1, end=NOW + STEP)}, executor)
    bench.evaluate(NOW)
    with capture_logs() as logs:
        result = bench.evaluate(NOW + STEP)
    assert result.states[State.ERROR] == 1
    assert bench.counted("fit_failures_total") == 1
    assert bench.counted("fits_total") == 2
    assert [line["event"] for line in logs] == ["fit failed"]


class Hanging(LocalExecutor):
    """Does its work at once, until it hangs: then calls are kept, and have begun."""

    def __init__(self) -> None:
        self.hangs = False
        self.kept: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        if not self.hangs:
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.kept.append((future, partial(fn, *args, **kwargs)))
        return future

    def answer(self, call: int) -> None:
        future, work = self.kept[call]
        future.set_result(work())


def test_a_fit_that_never_ends_is_given_up_and_asked_for_anew() -> None:
    executor = Hanging()
    bench = Bench({host("a"): noise(1, end=NOW + 12 * HOUR)}, executor)
    for at in (NOW, NOW + 1, NOW + 2):
        bench.evaluate(at)
    executor.hangs = True
    sent = NOW
    while not executor.kept:
        sent += STEP
        bench.evaluate(sent)
    bench.evaluate(sent + DEADLINE - 1)
    assert len(executor.kept) == 1
    assert bench.counted("fit_failures_total") is None

    with capture_logs() as logs:
        result = bench.evaluate(sent + DEADLINE)
    assert len(executor.kept) == 2
    assert bench.counted("fit_failures_total") == 1
    assert [(line["event"], line["error"]) for line in logs] == [("fit failed", f"no answer within {DEADLINE} s")]
    assert result.states[State.OK] == 1
    assert 0 < gauge(result, "anomaly_score")["a"] < 1


def test_the_late_answer_of_a_fit_that_was_given_up_is_not_heard() -> None:
    executor = Hanging()
    executor.hangs = True
    bench = Bench({host("a"): noise(1, end=NOW + 12 * HOUR)}, executor)
    bench.evaluate(NOW)
    bench.evaluate(NOW + DEADLINE)
    executor.answer(0)
    assert bench.evaluate(NOW + DEADLINE + 1).states[State.OK] == 0
    assert bench.counted("last_fit_timestamp_seconds") is None
    executor.answer(1)
    assert bench.evaluate(NOW + DEADLINE + 2).states[State.OK] == 1
    assert bench.counted("last_fit_timestamp_seconds") == NOW + DEADLINE + 2
    assert bench.counted("fit_failures_total") == 1


def test_nothing_is_published_after_the_end() -> None:
    bench = warm({host("a"): noise(1)})
    before = bench.board.snapshot
    bench.evaluator.close()
    bench.evaluator.evaluate(NOW + 30)
    assert bench.board.snapshot is before


@pytest.mark.parametrize(("group_by", "warnings"), [(("namspace",), 1), (("namspace", "instance"), 0)])
def test_groups_that_no_label_tells_apart_are_warned_of_once(group_by: tuple[str, ...], warnings: int) -> None:
    with capture_logs() as logs:
        warm({host("a"): noise(1), host("b"): noise(2)}, scope=Scope.GROUP, group_by=group_by)
    told = [line for line in logs if line["event"].startswith("no series has a label of group_by")]
    assert [line["group_by"] for line in told] == ["namspace"] * warnings


def test_a_condition_that_fails_says_that_it_is_the_condition() -> None:
    bench = Bench({host("a"): noise(1)}, LocalExecutor(), suppress_when="deploy")
    assert bench.evaluator._suppression is not None
    conditions = MemorySource({})
    conditions.failures = [BadQueryError("bad_data: 1:8: parse error")]
    bench.evaluator._suppression.history._source = conditions
    bench.evaluator.evaluate(NOW)
    assert bench.board.snapshot.failures["cpu"].reason == "suppress_when: bad_data: 1:8: parse error"


def test_flags_are_not_raised_while_the_condition_to_suppress_them_holds() -> None:
    samples: Samples = {host("a"): noise(1)}
    bench = Bench(samples, LocalExecutor(), suppress_when="deploy")
    deploys = MemorySource({(("job", "node"),): {NOW + STEP: 1.0}})
    assert bench.evaluator._suppression is not None
    bench.evaluator._suppression.history._source = deploys
    for at in (NOW, NOW + 1, NOW + 2):
        bench.evaluate(at)
    for i in (1, 2):
        samples[host("a")][NOW + i * STEP] = 9.0
        flags = gauge(bench.evaluate(NOW + i * STEP), "anomaly_flag")
        assert flags == {"a": i - 1}
    assert bench.counted("flags_suppressed_total", reason="suppress_when") == 1


def test_a_series_that_vanishes_in_a_deploy_is_not_flagged() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2, end=NOW + 40 * STEP)}
    bench = Bench(samples, LocalExecutor(), suppress_when="deploy", missing=Missing.FLAG, alarm=Alarm(hold=2 * STEP))
    deploys = MemorySource({(("job", "node"),): {NOW + STEP: 1.0}})
    assert bench.evaluator._suppression is not None
    bench.evaluator._suppression.history._source = deploys
    for at in (NOW, NOW + 1, NOW + 2):
        bench.evaluate(at)
    assert gauge(bench.evaluate(NOW + STEP), "anomaly_flag") == {"b": 0}
    assert bench.counted("flags_suppressed_total", reason="suppress_when") == 1
    assert bench.counted("alarms_total") == 0


def test_small_deviations_are_scored_and_not_flagged() -> None:
    samples = {host("a"): noise(1)}
    bench = warm(samples, min_deviation=MinDeviation(absolute=20.0))
    samples[host("a")][NOW + STEP] = 9.0
    result = bench.evaluate(NOW + STEP)
    assert gauge(result, "anomaly_score")["a"] >= 1
    assert gauge(result, "anomaly_flag") == {"a": 0}
    assert bench.counted("flags_suppressed_total", reason="min_deviation") == 1
    watch = bench.evaluator._watch
    watch.install(FitJob(watch.labels, NOW, np.empty((1, 0)), watch.settings), watch.series.models)
    bench.evaluate(NOW + STEP + 30)
    assert bench.counted("flags_suppressed_total", reason="min_deviation") == 1


def test_a_gap_can_count_as_zero() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2, end=NOW + STEP)}
    bench = warm(samples, missing=Missing.ZERO)
    assert gauge(bench.evaluate(NOW + STEP), "anomaly_value")["a"] == 0


def test_a_series_that_vanished_can_be_flagged_for_a_while() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2, end=NOW + 40 * STEP)}
    bench = warm(samples, missing=Missing.FLAG, alarm=Alarm(hold=2 * STEP))
    with capture_logs() as logs:
        result = bench.evaluate(NOW + STEP)
    assert gauge(result, "anomaly_flag") == {"a": 1, "b": 0}
    assert (result.states[State.OK], result.states[State.NO_DATA]) == (1, 1)
    for name in ("anomaly_score", "anomaly_value", "anomaly_expected", "anomaly_lower", "anomaly_upper"):
        shown = gauge(result, name)
        assert [series for series, value in shown.items() if not np.isnan(value)] == ["b"]
    assert gauge(result, "anomaly_start_timestamp_seconds")["a"] == NOW
    [line] = [line for line in logs if line["event"] == "anomaly"]
    assert (line["instance"], line["changed"], line["since"]) == ("a", "vanished", NOW)
    assert not {"score", "value", "expected"} & set(line)  # it has none
    assert gauge(bench.evaluate(NOW + 2 * STEP), "anomaly_flag") == {"a": 1, "b": 0}
    assert bench.counted("alarms_total") == 1
    assert gauge(bench.evaluate(NOW + 3 * STEP), "anomaly_flag") == {"b": 0}


def test_an_alarm_shows_nothing_while_its_series_has_no_sample_and_goes_on_after() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2, end=NOW + 3 * STEP)}
    bench = warm(samples)
    samples[host("a")] |= {NOW + STEP: 9.0, NOW + 3 * STEP: 0.3}
    shown = [gauge(bench.evaluate(NOW + step * STEP), "anomaly_flag") for step in (1, 2, 3)]
    assert [flags.get("a") for flags in shown] == [1, None, 1]
    assert bench.counted("alarms_total") == 1


def test_the_band_is_where_the_flag_would_begin() -> None:
    samples = {host("a"): noise(1)}
    bench = warm(samples)
    result = bench.evaluate(NOW + 30)
    lower, upper = gauge(result, "anomaly_lower")["a"], gauge(result, "anomaly_upper")["a"]
    assert lower < gauge(result, "anomaly_expected")["a"] < upper
    for value, flag in ((upper + 1e-3, 1), (upper - 1e-3, 0), (lower + 1e-3, 0), (lower - 1e-3, 1)):
        again = {host("a"): {**samples[host("a")], NOW: value}}
        assert (gauge(warm(again).evaluate(NOW + 30), "anomaly_score")["a"] >= 1) == flag


def shard(index: int, count: int = 3) -> Sharding:
    return Sharding(by="instance", count=count, index=index)


SPLIT = 'cpu{instance=~"${shard}"}'


class SplitSource(MemorySource):
    """Answers with the instances that the expression names."""

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        result = super().query_range(expr, start, end, step)
        named = re.findall(r"h\d", expr)
        rows = [row for row, labels in enumerate(result.frame.labels) if dict(labels)["instance"] in named]
        labels = tuple(result.frame.labels[row] for row in rows)
        return dataclasses.replace(result, frame=Frame(labels, start, step, result.frame.values[rows]))


class SplitBench(Bench):
    source_type = SplitSource


def test_each_series_is_scored_by_one_shard_as_it_would_be_by_all_in_one() -> None:
    samples = {host(f"h{i}"): noise(i) for i in range(6)}
    whole = gauge(warm(samples).evaluate(NOW + 30), "anomaly_score")
    parts: list[tuple[str, float]] = []
    for index in range(3):
        bench = SplitBench(samples, LocalExecutor(), expr=SPLIT, sharding=shard(index))
        for at in (NOW, NOW + 1, NOW + 2):
            result = bench.evaluate(at)
        parts += gauge(result, "anomaly_score").items()
    assert len(parts) == 6
    assert dict(parts) == whole


def test_an_anomaly_is_logged_once_when_it_is_over() -> None:
    samples = {host("a"): noise(1, end=NOW + 30 * STEP)}
    samples[host("a")][NOW + STEP] = 9.0
    bench = warm(samples, alarm=Alarm(hold=STEP))
    flags, over = [], []
    for step in range(1, 31):
        with capture_logs() as logs:
            flags.append(gauge(bench.evaluate(NOW + step * STEP), "anomaly_flag")["a"])
        over.append([line["instance"] for line in logs if line["event"] == "the anomaly is over"])
    ended = flags.index(0)
    assert flags == [1] * ended + [0] * (30 - ended)
    assert over == [["a"] if step == ended else [] for step in range(30)]
    assert ended > 0


def test_an_alarm_is_not_over_where_the_change_stays() -> None:
    watch = warm({host(f"h{i}"): noise(i) for i in range(3)}).evaluator._watch
    watch.adopted = np.array([1])
    with capture_logs() as logs:
        Teller("cpu", Telemetry(CollectorRegistry(), "test")).tell_ended(watch, np.ones(3, dtype=bool))
    assert [line["instance"] for line in logs] == ["h0", "h2"]


def test_changes_that_are_taken_for_normal_are_counted_and_logged() -> None:
    bench = warm({host(f"h{i}"): noise(i) for i in range(22)})
    watch = bench.evaluator._watch
    watch.to_be_told = np.arange(22)
    with capture_logs() as logs:
        bench.evaluator._teller.tell_ended(watch, np.zeros(22, dtype=bool))
    assert bench.counted("normal_adopted_total") == 22
    assert len(logs) == 21
    assert (logs[0]["instance"], logs[20]["series"]) == ("h0", 2)


def test_an_empty_shard_is_evaluated_and_shows_nothing() -> None:
    bench = Bench({}, LocalExecutor(), expr=SPLIT, sharding=shard(0))
    result = bench.evaluate(NOW)
    assert result.series.labels == ()
    assert bench.source.exprs == []
    assert bench.board.snapshot.failures == {}
    assert bench.counted("prometheus_requests_total") == 1


def test_a_query_that_is_not_split_is_evaluated_by_one_shard() -> None:
    benches = [Bench({host("a"): noise(1)}, LocalExecutor(), sharding=shard(index)) for index in range(3)]
    for bench in benches:
        bench.evaluate(NOW)
    assert sorted(len(bench.source.asked) > 0 for bench in benches) == [False, False, True]


def test_siblings_share_what_is_rare_and_the_one_that_goes_wrong_is_flagged() -> None:
    samples = {host(name): noise(seed) for seed, name in enumerate("abcd")}
    bench = warm(samples, scope=Scope.GROUP, group_by=("job",))
    curves = bench.evaluator._watch.series.models.tables.curves.tolist()
    assert {id(one) for one in curves} == {id(curves[0])}
    for name in "abcd":
        samples[host(name)][NOW + STEP] = 9.0 if name == "c" else 0.3
    assert gauge(bench.evaluate(NOW + STEP), "anomaly_flag") == {"a": 0, "b": 0, "c": 1, "d": 0}


def test_a_series_by_itself_is_no_sibling_of_another() -> None:
    bench = warm({host(name): noise(seed) for seed, name in enumerate("ab")}, group_by=("job",))
    one, other = bench.evaluator._watch.series.models.tables.curves.tolist()
    assert one is not other
