"""The lookback: what it asks for, what it holds and how, and that going on equals starting anew."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.prometheus.coarse import BLOCK, coarsened
from sidecar.prometheus.frame import LabelSet, View
from sidecar.prometheus.history import Advance, History
from sidecar.prometheus.source import BadQueryError, RangeResult, TooLargeError, TooSlowError, UnreachableError
from tests.prometheus.memory_source import MemorySource

STEP = 60
T0 = 1_700_000_040  # a multiple of STEP
assert T0 % STEP == 0


def series(name: str) -> LabelSet:
    return (("instance", name),)


def always(*names: str, steps: int = 200) -> dict[LabelSet, dict[int, float]]:
    return {series(name): {T0 + k * STEP: k + ord(name[0]) / 1000 for k in range(-steps, steps)} for name in names}


def history(source: MemorySource, length: int = 10, max_series: int = 100, **limits: int) -> History:
    return History(source, "up", STEP, length, max_series, **limits)


def at(step: int) -> int:
    return T0 + step * STEP


def assert_same(left: View, right: View) -> None:
    assert (left.labels, left.start, left.step) == (right.labels, right.start, right.step)
    np.testing.assert_array_equal(left.values[:, :], right.values[:, :])


def test_first_advance_fills_the_whole_lookback() -> None:
    advance = history(MemorySource(always("a", "b"))).advance(at(0) + 59)
    assert advance.frame.labels == (series("a"), series("b"))
    assert (advance.frame.start, advance.frame.end) == (at(-9), at(0))
    np.testing.assert_array_equal(advance.frame.values, [np.arange(-9, 1) + 0.097, np.arange(-9, 1) + 0.098])
    assert advance.samples == 20


def test_only_missing_steps_are_asked_for() -> None:
    source = MemorySource(always("a", "b"))
    held = history(source)
    labels = held.advance(at(0)).frame.labels
    source.asked.clear()
    same = held.advance(at(0) + 30)
    assert (same.requests, source.asked) == (0, [])
    one = held.advance(at(1))
    assert source.asked == [(at(1), at(1))]
    assert one.frame.labels is labels
    assert one.frame.end == at(1)


def test_gap_after_failures_is_filled() -> None:
    source = MemorySource(always("a"))
    held = history(source)
    held.advance(at(0))
    error = UnreachableError("away")
    error.requests = 4
    source.failures = [error]
    with pytest.raises(UnreachableError) as raised:
        held.advance(at(1))
    assert raised.value.requests == 4
    source.asked.clear()
    after = held.advance(at(3))
    assert source.asked == [(at(1), at(3))]
    assert_same(after.frame, history(source).advance(at(3)).frame)


def test_first_fill_goes_on_where_it_failed() -> None:
    source = MemorySource(always("a"))
    held = history(source, samples_per_request=3, fewest_steps=1)
    first = MemorySource(source.samples)
    source.failures = []
    calls = source.query_range

    def fails_third(expr: str, start: int, end: int, step: int) -> object:
        if len(source.asked) == 2:
            source.failures = [UnreachableError("away")]
        return calls(expr, start, end, step)

    source.query_range = fails_third  # type: ignore[method-assign, assignment]
    with pytest.raises(UnreachableError) as raised:
        held.advance(at(0))
    assert raised.value.requests == 2
    after = held.advance(at(0))
    assert source.asked == [
        (at(0), at(0)),
        (at(-9), at(-7)),
        (at(-6), at(-4)),
        (at(-6), at(-4)),
        (at(-3), at(-1)),
        (at(0), at(0)),
    ]
    assert_same(after.frame, history(first).advance(at(0)).frame)


@pytest.mark.parametrize("step", [-1, -100, 10, 150])
def test_time_that_jumps_fills_anew(step: int) -> None:
    source = MemorySource(always("a"))
    held = history(source)
    held.advance(at(0))
    source.asked.clear()
    after = held.advance(at(step))
    assert sorted(source.asked) == [(at(step - 9), at(step - 1)), (at(step), at(step))]
    assert_same(after.frame, history(source).advance(at(step)).frame)


def test_failed_refill_changes_nothing() -> None:
    source = MemorySource(always("a"))
    held = history(source)
    before = held.advance(at(0))
    source.failures = [BadQueryError("no")]
    with pytest.raises(BadQueryError):
        held.advance(at(100))
    source.asked.clear()
    assert_same(held.advance(at(0)).frame, before.frame)
    assert source.asked == []


def test_series_come_and_go() -> None:
    samples = always("b") | {series("a"): {at(1): 1.0, at(2): 2.0}}
    held = history(MemorySource(samples), length=4)
    assert held.advance(at(0)).frame.labels == (series("b"),)
    frame = held.advance(at(2)).frame.whole()
    assert frame.labels == (series("a"), series("b"))
    np.testing.assert_array_equal(frame.values[0], [np.nan, np.nan, 1.0, 2.0])
    assert held.advance(at(5)).frame.labels == (series("a"), series("b"))
    assert held.advance(at(6)).frame.labels == (series("b"),)


def test_short_lived_series_are_forgotten() -> None:
    samples = always("a") | {series("pod"): {at(1): 1.0, at(2): 2.0}}
    held = history(MemorySource(samples), length=50, forget=3, min_samples=3)
    held.advance(at(2))
    assert len(held.advance(at(4)).frame.labels) == 2
    assert held.advance(at(5)).frame.labels == (series("a"),)


def test_short_lived_series_that_come_back_have_their_past() -> None:
    samples = always("a") | {series("pod"): {at(k): float(k) for k in (1, 2, 9, 12)}}
    held = history(MemorySource(samples), length=10, forget=3, min_samples=4)
    assert advanced(held, range(9)).frame.labels == (series("a"),)
    for step, past in ((9, [1, 2, 9]), (12, [9, 12])):
        later = range(step, step + 1) if step == 9 else range(10, 13)
        frame = advanced(held, later).frame.whole()
        [row] = frame.values[[frame.labels.index(series("pod"))]]
        assert row[np.isfinite(row)].tolist() == past


def test_series_with_only_nan_is_held_while_it_is_answered() -> None:
    samples = always("a") | {series("n"): {at(k): np.nan for k in range(3)}}
    held = history(MemorySource(samples))
    assert held.advance(at(0)).frame.labels == (series("a"), series("n"))
    assert held.advance(at(2)).frame.labels == (series("a"), series("n"))
    assert held.advance(at(3)).frame.labels == (series("a"),)


def test_max_series_is_a_stable_choice() -> None:
    names = [f"{k:02}" for k in range(20)]
    source = MemorySource(always(*names))
    held = history(source, max_series=5)
    first = held.advance(at(0))
    assert len(first.frame.labels) == 5
    assert first.dropped == 15
    later = held.advance(at(1))
    assert later.frame.labels is first.frame.labels
    assert later.dropped == 15
    assert history(source, max_series=5).advance(at(7)).frame.labels == first.frame.labels


def test_series_left_out_are_counted_beside_a_repair_too() -> None:
    source = MemorySource(always(*[f"{k:02}" for k in range(20)]))
    source.warnings = ("store b is away",)
    held = history(source, max_series=5)
    assert held.advance(at(0)).dropped == 15
    source.warnings = ()
    assert held.advance(at(1)).dropped == 15


def test_vanished_series_are_capped_the_longest_gone_first() -> None:
    samples = always("a") | {series(f"p{k}"): {at(k): 1.0} for k in range(6)}
    held = history(MemorySource(samples), length=50, max_series=2)
    for step in range(7):
        advance = held.advance(at(step))
    assert advance.frame.labels == (series("a"), series("p4"), series("p5"))
    assert advance.dropped == 0


def test_all_that_have_gone_can_be_kept() -> None:
    samples = always("a", "b", "c") | {series(f"p{k}"): {at(k): 1.0} for k in range(6)}
    held = history(MemorySource(samples), length=50, max_series=2, max_gone=100)
    advance = held.advance(at(6))
    assert len(advance.frame.labels) == 2 + 6
    assert advance.dropped == 1


def test_a_first_fill_is_split_by_its_number_of_series() -> None:
    source = MemorySource(always(*"abcde"))
    held = history(source, samples_per_request=15, fewest_steps=1)
    assert held.advance(at(0)).requests == 4
    assert source.asked == [(at(0), at(0)), (at(-9), at(-7)), (at(-6), at(-4)), (at(-3), at(-1))]


def test_requests_of_a_first_fill_ask_for_a_few_steps_at_least() -> None:
    source = MemorySource(always(*"abcde"))
    history(source, samples_per_request=15, fewest_steps=4).advance(at(0))
    assert source.asked == [(at(0), at(0)), (at(-9), at(-6)), (at(-5), at(-2)), (at(-1), at(-1))]


def test_a_young_server_does_not_make_the_split_coarser() -> None:
    source = MemorySource({series(name): {at(k): 1.0 for k in range(-2, 1)} for name in "abcde"})
    history(source, samples_per_request=15, fewest_steps=1).advance(at(0))
    assert source.asked == [(at(0), at(0)), (at(-9), at(-7)), (at(-6), at(-4)), (at(-3), at(-1))]


def test_too_large_an_answer_is_asked_for_in_halves() -> None:
    source = MemorySource(always("a"))
    source.failures = [TooLargeError("much")]
    held = history(source)
    with pytest.raises(TooLargeError):
        held.advance(at(0))
    held.advance(at(0))
    source.asked.clear()
    source.failures = [TooLargeError("much"), TooLargeError("much")]
    assert held.advance(at(5)).frame.end == at(5)
    singly = [(at(step), at(step)) for step in range(1, 6)]
    assert source.asked == [(at(1), at(5)), (at(1), at(2)), *singly]


def test_every_request_and_every_sample_is_counted_though_some_fail() -> None:
    source = MemorySource(always("a"))
    held = history(source)
    failing = TooLargeError("much")
    failing.requests = 1
    held.advance(at(0))
    source.failures = [failing]
    asked = len(source.asked)
    assert held.advance(at(5)).requests == len(source.asked) - asked == 4


def test_what_came_before_a_failure_is_told_by_the_next_advance() -> None:
    source = MemorySource(always("a"))
    source.warnings = ("store b is away",)
    held, query_range = history(source, samples_per_request=3, fewest_steps=1), source.query_range
    failing = UnreachableError("reset")
    failing.requests = 4

    def third_fails(*asked: Any) -> RangeResult:  # noqa: ANN401 those of the source
        if len(source.asked) == 2:
            source.failures = [failing]
        return query_range(*asked)

    source.query_range = third_fails  # type: ignore[method-assign,assignment]
    with pytest.raises(UnreachableError) as raised:
        held.advance(at(0))
    assert raised.value.requests == 2 + 4
    source.warnings = ()
    after = held.advance(at(1))
    held_samples = int(np.count_nonzero(~np.isnan(after.frame.whole().values)))
    assert (after.samples >= held_samples, after.warnings) == (True, ("store b is away",))
    assert held.advance(at(2)).warnings == ()


def test_too_large_an_answer_of_one_step_is_an_error() -> None:
    source = MemorySource(always("a"))
    held = history(source)
    held.advance(at(0))
    source.failures = [TooLargeError("much"), TooLargeError("much")]
    with pytest.raises(TooLargeError):
        held.advance(at(2))


def test_partial_answers_are_asked_for_again() -> None:
    whole = always("a", "b")
    part = {labels: points for labels, points in whole.items() if labels == series("a")}
    source = MemorySource(part)
    source.warnings = ("store b is away", "PromQL info: not a counter")
    held = history(source)
    assert held.advance(at(0)).warnings == source.warnings
    held.advance(at(1))
    source.samples, source.warnings = whole, ("PromQL warning: mixed",)
    source.asked.clear()
    after = held.advance(at(2))
    assert source.asked == [(at(2), at(2)), (at(-7), at(1))]
    assert_same(after.frame, history(source).advance(at(2)).frame)
    source.asked.clear()
    held.advance(at(3))
    assert source.asked == [(at(3), at(3))]


def test_repair_that_is_partial_is_made_again() -> None:
    source = MemorySource(always("a"))
    source.warnings = ("store b is away",)
    held = history(source)
    held.advance(at(0))
    source.warnings = ()
    calls = source.query_range

    def away_for_the_past(expr: str, start: int, end: int, step: int) -> RangeResult:
        result = calls(expr, start, end, step)
        return replace(result, warnings=("store b is away",)) if start < at(0) and len(source.asked) < 5 else result

    source.query_range = away_for_the_past  # type: ignore[method-assign]
    source.asked.clear()
    held.advance(at(1))
    source.asked.extend([(0, 0)] * 5)
    held.advance(at(2))
    held.advance(at(3))
    assert [question for question in source.asked if question != (0, 0)] == [
        (at(1), at(1)),
        (at(-8), at(0)),
        (at(2), at(2)),
        (at(-7), at(1)),
        (at(3), at(3)),
    ]


def test_partial_answers_that_go_on_cost_no_more() -> None:
    source = MemorySource(always("a"))
    source.warnings = ("store b is away",)
    held = history(source)
    held.advance(at(0))
    source.asked.clear()
    held.advance(at(1))
    held.advance(at(2))
    assert source.asked == [(at(1), at(1)), (at(2), at(2))]


def test_repair_of_a_past_that_stays_partial_is_tried_ever_more_seldom() -> None:
    source = MemorySource(always("a"))
    calls, away = source.query_range, True

    def away_for_the_past(expr: str, start: int, end: int, step: int) -> RangeResult:
        result = calls(expr, start, end, step)
        return replace(result, warnings=("store b is away",)) if away and start < at(0) else result

    source.query_range = away_for_the_past  # type: ignore[method-assign]
    held = history(source, length=100)
    held.advance(at(0))
    source.asked.clear()
    for step in range(1, 21):
        held.advance(at(step))
    assert [end - at(0) for start, end in source.asked if start < at(0)] == [STEP * step for step in (0, 1, 3, 7, 15)]
    away = False
    source.asked.clear()
    for step in range(21, 35):
        held.advance(at(step))
    assert [question for question in source.asked if question[0] < at(0)] == [(at(-67), at(31))]


def test_a_past_that_is_partial_for_long_is_asked_for_once_a_day() -> None:
    source = MemorySource({series("a"): {T0 + hour * 3_600: 1.0 for hour in range(-400, 400)}})
    calls = source.query_range

    def away_for_the_past(expr: str, start: int, end: int, step: int) -> RangeResult:
        result = calls(expr, start, end, step)
        return replace(result, warnings=("store b is away",)) if start < T0 else result

    source.query_range = away_for_the_past  # type: ignore[method-assign]
    held = History(source, "up", 3_600, 400, 10)
    at_hour = T0 - T0 % 3_600
    asked = []
    for hour in range(120):
        source.asked.clear()
        held.advance(at_hour + hour * 3_600)
        asked += [hour for start, _ in source.asked if hour and start < T0]
    assert asked == [1, 2, 4, 8, 16, 32, 56, 80, 104]


def test_repair_that_fails_fails_ever_fewer_advances() -> None:
    source = MemorySource(always("a"))
    source.warnings = ("store b is away",)
    held = history(source, length=100)
    held.advance(at(0))
    source.warnings = ()
    calls = source.query_range

    def fails_for_the_past(expr: str, start: int, end: int, step: int) -> RangeResult:
        if start < at(0):
            raise TooSlowError("store b does not answer")
        return calls(expr, start, end, step)

    source.query_range = fails_for_the_past  # type: ignore[method-assign]
    failed = []
    for step in range(1, 21):
        try:
            held.advance(at(step))
        except TooSlowError:
            failed.append(step)
    assert failed == [1, 2, 4, 8, 16]


def test_news_that_are_partial_are_repaired_at_once_beside_a_past_that_stays_so() -> None:
    source = MemorySource(always("a"))
    calls, away = source.query_range, {at(-8)}

    def away_at_times(expr: str, start: int, end: int, step: int) -> RangeResult:
        result = calls(expr, start, end, step)
        return replace(result, warnings=("store b is away",)) if any(start <= t <= end for t in away) else result

    source.query_range = away_at_times  # type: ignore[method-assign]
    held = history(source, length=100, samples_per_request=10, fewest_steps=1)
    for step in range(10):
        held.advance(at(step))
    away.add(at(10))
    source.samples = always("b")
    held.advance(at(10))
    away.remove(at(10))
    source.samples = always("a")
    held.advance(at(11))
    values = held.advance(at(12)).frame.whole()
    row = values.labels.index(series("a"))
    assert not np.isnan(values.values[row]).any()


def test_empty_answer_is_a_frame_without_rows() -> None:
    source = MemorySource({})
    held = history(source)
    assert held.advance(at(0)).frame.values.shape == (0, 10)
    assert held.advance(at(1)).frame.values.shape == (0, 10)
    source.samples = always("a")
    assert held.advance(at(2)).frame.values.shape == (1, 10)


def test_frame_cannot_be_written_to() -> None:
    frame = history(MemorySource(always("a"))).advance(at(0)).frame.whole()
    with pytest.raises(ValueError, match="read-only"):
        frame.values[0, 0] = 1.0


FIRST, LAST = -30, 60


def sampled(present: int, missing: int) -> dict[int, float]:
    """Samples at the steps whose bit is set in `present`; those also set in `missing` are NaN."""
    steps = [step for step in range(FIRST, LAST + 1) if present >> (step - FIRST) & 1]
    return {at(step): np.nan if missing >> (step - FIRST) & 1 else step / 7 for step in steps}


bits = st.integers(0, 2 ** (LAST + 1 - FIRST) - 1)
names = st.text("abcdefgh", min_size=1, max_size=2).map(series)
moments = st.lists(st.integers(0, LAST), min_size=1, max_size=12).map(sorted)


def advanced(held: History, steps: Iterable[int]) -> Advance:
    for step in steps:
        advance = held.advance(at(step))
    return advance


@given(
    st.dictionaries(names, st.builds(sampled, bits, bits), max_size=6),
    moments,
    st.integers(1, 20),
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(1, 6),
)
def test_going_on_equals_a_fresh_fill(  # noqa: PLR0917 whatever may differ between the two
    samples: dict[LabelSet, dict[int, float]], steps: list[int], length: int, budget: int, forget: int, least: int
) -> None:
    source = MemorySource(samples)
    limits = {"forget": forget, "min_samples": least}
    on = advanced(history(source, length, samples_per_request=budget, fewest_steps=1, **limits), steps).frame
    fresh = history(source, length, **limits).advance(at(steps[-1])).frame
    assert with_samples(on)[0] == with_samples(fresh)[0]
    np.testing.assert_array_equal(with_samples(on)[1], with_samples(fresh)[1])
    assert list(on.labels) == sorted(on.labels)


def with_samples(view: View) -> tuple[list[LabelSet], NDArray[np.float64]]:
    frame = view.whole()
    found = np.isfinite(frame.values).any(axis=1)
    return [frame.labels[row] for row in np.flatnonzero(found)], frame.values[found]


def test_series_that_all_come_back_at_once_are_held_as_far_as_the_limit_goes() -> None:
    back = {series(name): {at(-19): 1.0, at(0): 2.0} for name in "abd"}
    source = MemorySource(back | {series("c"): {at(-1): 1.0, at(0): 2.0}})
    advance = history(source, 20, 3, forget=40).advance(at(0))
    assert len(advance.frame.labels) == 3
    assert advance.dropped == 1


@given(st.dictionaries(names, st.builds(sampled, bits, st.just(0)), min_size=6, max_size=12), moments)
def test_limits_hold(samples: dict[LabelSet, dict[int, float]], steps: list[int]) -> None:
    held = history(MemorySource(samples), 20, 3, forget=4, min_samples=2)
    advance = advanced(held, steps)
    answered = sum(at(steps[-1]) in found for found in samples.values())
    present = sum(at(steps[-1]) in samples[labels] for labels in advance.frame.labels)
    assert present <= 3
    assert len(advance.frame.labels) <= 6
    assert present + advance.dropped == answered


def rough(name: str, steps: Iterable[int]) -> dict[LabelSet, dict[int, float]]:
    """Samples that are not what they were once they are coarse."""
    rng = np.random.default_rng(ord(name[0]))
    return {series(name): {at(step): float(rng.standard_normal()) for step in steps}}


def as_held(samples: dict[LabelSet, dict[int, float]], end: int, length: int, exact: int) -> NDArray[np.float64]:
    """The window of series as it is to be, from samples that reach back further: its first block is whole."""
    newest = at(end) // STEP
    numbers = range(newest - length - 4 * BLOCK, newest + 1)
    raw = np.array([[points.get(number * STEP, np.nan) for number in numbers] for points in samples.values()])
    return coarsened(raw, newest, exact)[:, -length:]


def whole_blocks(end: int, length: int) -> int:
    """The first column of a window whose block begins within it."""
    return -(at(end) // STEP - length + 1) % BLOCK


@settings(max_examples=30)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12).map(sorted), st.integers(20, 400), st.integers(64, 150))
def test_what_is_older_is_coarse_however_it_came(steps: list[int], budget: int, exact: int) -> None:
    samples = rough("a", range(-300, 400)) | rough("b", range(-100, 40)) | rough("c", range(150, 400))
    source = MemorySource(samples)
    limits = {"exact": exact, "samples_per_request": budget, "fewest_steps": 1}
    view = advanced(history(source, 230, **limits), steps).frame
    first, rows = whole_blocks(steps[-1], 230), [[series(name) for name in "abc"].index(key) for key in view.labels]
    expected = as_held(samples, steps[-1], 230, exact)[rows]
    np.testing.assert_array_equal(view.whole().values[:, first:], expected[:, first:])
    np.testing.assert_array_equal(np.isnan(view.whole().values), np.isnan(expected))


def test_a_part_that_came_late_is_put_where_samples_are_coarse_by_now() -> None:
    samples = rough("a", range(-300, 100)) | rough("b", range(-300, 100))
    source = MemorySource({series("a"): samples[series("a")]})
    source.warnings = ("store b is away",)
    held = history(source, 230, exact=64)
    held.advance(at(0))
    source.samples, source.warnings = samples, ()
    advanced(held, (1, 40))
    first = whole_blocks(40, 230)
    values = held.advance(at(40)).frame.whole().values
    np.testing.assert_array_equal(values[:, first:], as_held(samples, 40, 230, 64)[:, first:])


def test_a_series_that_comes_back_has_its_coarse_past() -> None:
    samples = rough("a", range(-300, 300)) | rough("b", [*range(3), 140])
    held = history(MemorySource(samples), 230, exact=64, forget=3, min_samples=5)
    assert advanced(held, range(120)).frame.labels == (series("a"),)
    values = advanced(held, range(120, 141)).frame.whole().values
    first = whole_blocks(140, 230)
    np.testing.assert_array_equal(values[:, first:], as_held(samples, 140, 230, 64)[:, first:])


def test_without_a_series_there_is_nothing_to_make_coarse() -> None:
    none = history(MemorySource({}), 400, exact=64)
    assert advanced(none, range(0, 300, 30)).frame.values.shape == (0, 400)
    young = history(MemorySource(rough("a", range(-50, 200))), 400, exact=64, samples_per_request=100)
    values = advanced(young, range(0, 150, 50)).frame.whole().values
    first = whole_blocks(100, 400)
    expected = as_held(rough("a", range(-50, 200)), 100, 400, 64)
    np.testing.assert_array_equal(values[:, first:], expected[:, first:])
    gone = history(MemorySource(rough("a", range(-300, 1))), 400, exact=64, forget=3, min_samples=500)
    assert advanced(gone, range(200)).frame.values.shape == (0, 400)


def test_what_is_coarse_takes_a_quarter() -> None:
    held = history(MemorySource(rough("a", range(-2_000, 10))), 2_000, exact=200)
    values = held.advance(at(0)).frame.values
    assert 200 * 8 + 1_800 * 2 <= values.nbytes < 264 * 8 + 1_864 * 2.3
