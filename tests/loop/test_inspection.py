import threading

import numpy as np
import pytest

from sidecar.detection.review import review
from sidecar.execution.local import LocalExecutor
from sidecar.export.snapshot import QueryResult
from sidecar.loop.inspection import LettingGo
from sidecar.prometheus.frame import LabelSet
from sidecar.prometheus.source import RangeResult, StoppedError, UnreachableError
from tests.loop.test_evaluator import NOW, STEP, Bench, Samples, gauge, host, noise, warm
from tests.prometheus.memory_source import MemorySource


def exported(name: str) -> LabelSet:
    return (("anomaly_name", "cpu"), *host(name))


def published(result: QueryResult) -> list[float]:
    return [gauge(result, name)["a"] for name in ("anomaly_score", "anomaly_flag", "anomaly_expected")]


def test_a_review_is_what_the_loop_has_published_since_the_model_came_into_use() -> None:
    samples = {host("a"): noise(1), host("b"): noise(2)}
    bench = warm(samples)
    told = [published(bench.evaluate(NOW))]
    for i in range(1, 25):
        samples[host("a")][NOW + i * STEP] = 0.9 if 12 < i < 18 else 0.3
        told.append(published(bench.evaluate(NOW + i * STEP)))
    case = bench.evaluator.case(exported("a"))
    assert case is not None
    verdicts = review(case)
    since = case.instant + case.schedule.lead
    steps = int((verdicts.times >= since).sum())

    assert verdicts.times[-1] == NOW + 24 * STEP
    assert 12 < steps < 25
    scores, flags, expected = np.array(told[-steps:]).T
    assert 0 < flags.sum() < steps
    np.testing.assert_allclose(verdicts.scores.score[0, -steps:], scores)
    np.testing.assert_allclose(verdicts.scores.expected[0, -steps:], expected)
    np.testing.assert_array_equal(verdicts.outcome.flag[0, -steps:], flags)


def test_a_review_knows_where_flags_were_not_wanted() -> None:
    samples = {host("a"): noise(1)}
    bench = Bench(samples, LocalExecutor(), suppress_when="deploy")
    assert bench.evaluator._suppression is not None
    deploys = MemorySource({(("job", "node"),): {NOW + STEP: 1.0}})
    bench.evaluator._suppression.history._source = deploys
    for at in (NOW, NOW + 1, NOW + 2):
        bench.evaluate(at)
    for i in (1, 2):
        samples[host("a")][NOW + i * STEP] = 9.0
        bench.evaluate(NOW + i * STEP)
    case = bench.evaluator.case(exported("a"))
    assert case is not None

    assert review(case).outcome.flag[0, -2:].tolist() == [False, True]


def test_what_was_suppressed_goes_with_the_series_also_while_the_condition_cannot_be_had() -> None:
    samples = {host("b"): noise(1)}
    bench = Bench(samples, LocalExecutor(), suppress_when="deploy")
    assert bench.evaluator._suppression is not None
    deploys = MemorySource({(("instance", "b"),): {NOW: 1.0}})
    bench.evaluator._suppression.history._source = deploys
    bench.evaluate(NOW)
    deploys.failures = [UnreachableError("away")]
    samples |= {host("a"): noise(2, end=NOW + STEP), host("b"): noise(1) | {NOW + STEP: 0.3}}
    bench.evaluate(NOW + STEP)
    case = bench.evaluator.case(exported("b"))
    assert case is not None
    assert case.suppressed is not None
    assert case.suppressed[0, -2:].tolist() == [False, True]
    assert bench.evaluator.case(exported("a")) is None


def test_a_query_that_is_given_up_takes_no_answer_any_more() -> None:
    lock = threading.Lock()
    source = LettingGo(MemorySource({}), lock)
    with lock:
        source.query_range("up", 0, 0, 1)
        source.closed = True
        with pytest.raises(StoppedError):
            source.query_range("up", 0, 0, 1)
        assert lock.locked()


def test_a_series_without_a_model_is_reviewed_without_scores() -> None:
    bench = Bench({host("a"): noise(1, steps=10)}, LocalExecutor())
    bench.evaluate(NOW)
    case = bench.evaluator.case(exported("a"))
    assert case is not None
    verdicts = review(case)

    assert np.isnan(verdicts.scores.score).all()
    assert np.isfinite(verdicts.values[0, -10:]).all()


def test_what_is_not_watched_has_no_case() -> None:
    bench = Bench({host("a"): noise(1)}, LocalExecutor())
    assert bench.evaluator.case(exported("a")) is None

    bench.evaluate(NOW)

    assert bench.evaluator.case(exported("b")) is None
    assert bench.evaluator.case(host("a")) is None


def test_series_that_cannot_be_exported_have_no_case() -> None:
    twins: Samples = {(("a", "x"), ("b.c", name)): noise(1) for name in "12"}
    twins |= {(("a", "x"), ("b-c", name)): noise(1) for name in "12"}
    bench = Bench(twins, LocalExecutor())
    bench.evaluator.evaluate(NOW)

    assert bench.evaluator.case((("anomaly_name", "cpu"),)) is None


def test_a_case_is_a_copy() -> None:
    bench = warm({host("a"): noise(1)})
    case = bench.evaluator.case(exported("a"))
    assert case is not None
    before = case.frame.values.copy()
    for i in range(1, 40):
        bench.evaluate(NOW + i * STEP)

    np.testing.assert_array_equal(case.frame.values, before)


def test_one_can_look_while_the_loop_waits_for_prometheus() -> None:
    bench = warm({host("a"): noise(1)})
    asked, answer = threading.Event(), threading.Event()
    ask = bench.source.query_range

    def slow(expr: str, start: int, end: int, step: int) -> RangeResult:
        asked.set()
        assert answer.wait(10)
        return ask(expr, start, end, step)

    bench.source.query_range = slow  # type: ignore[method-assign]
    evaluation = threading.Thread(target=bench.evaluate, args=(NOW + STEP,))
    evaluation.start()
    try:
        assert asked.wait(10)
        case = bench.evaluator.case(exported("a"))
    finally:
        answer.set()
        evaluation.join(10)

    assert case is not None
    assert case.frame.end == NOW


def test_the_lock_is_taken_again_where_no_answer_comes() -> None:
    lock, source = threading.Lock(), MemorySource({})
    source.failures.append(UnreachableError("away"))
    with lock:
        with pytest.raises(UnreachableError):
            LettingGo(source, lock).query_range("up", 0, 0, 1)
        assert lock.locked()
