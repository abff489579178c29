"""Samples that are late, missing, reset or of other series: scores are a function of what the source holds."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from sidecar.export.snapshot import State
from sidecar.prometheus.frame import LabelSet
from tests.faults.bench import HOSTS, NOW, STEP, host, noise, same, warm
from tests.prometheus.memory_source import MemorySource

HOUR = 3600
END = NOW + 60 * STEP

Samples = dict[LabelSet, dict[int, float]]


def samples() -> Samples:
    return {host(name): noise(name, END, steps=860) for name in HOSTS}


def times(first: int, count: int) -> Iterator[int]:
    return iter(range(NOW + first * STEP, NOW + (first + count) * STEP, STEP))


def undisturbed_from(source: MemorySource, at: int) -> dict[LabelSet, dict[str, float]]:
    """What a sidecar shows at a time that was started an hour before, with the source as it is."""
    fresh = warm(MemorySource(source.samples))
    for tick in range(at - HOUR, at + 1, STEP):
        fresh.tick(tick)
    return fresh.shown


def without(points: Mapping[int, float], first: int, count: int) -> dict[int, float]:
    return {at: value for at, value in points.items() if not NOW + first * STEP <= at < NOW + (first + count) * STEP}


def test_a_gap_of_an_hour_shows_nothing_and_leaves_nothing() -> None:
    source = MemorySource({labels: without(points, 1, 12) for labels, points in samples().items()})
    bench = warm(source)
    for at in times(1, 12):
        assert bench.tick(at) == {}
        assert "anomaly_flag{" not in bench.exposition
    shown = bench.ticks(times(13, 15))
    assert len(shown[NOW + 27 * STEP]) == len(HOSTS)
    assert same(shown[NOW + 27 * STEP], undisturbed_from(source, NOW + 27 * STEP))


def test_a_staleness_marker_takes_the_series_away_for_its_step_alone() -> None:
    """A range query answers a marker with no sample at its step."""
    held = samples()
    held[host("b")] = without(held[host("b")], 2, 1)
    bench = warm(MemorySource(held))
    names = [{dict(labels)["instance"] for labels in shown} for shown in bench.ticks(times(1, 4)).values()]
    assert names == [set("abcd"), set("acd"), set("abcd"), set("abcd")]
    assert same(bench.shown, undisturbed_from(MemorySource(held), NOW + 4 * STEP))


def test_series_that_all_change_between_two_ticks_and_change_back() -> None:
    source = MemorySource(samples())
    bench = warm(source)
    ours = source.samples
    source.samples = {host(f"other-{name}"): noise(name, END, steps=100) for name in HOSTS}
    others = bench.tick(NOW + STEP)
    assert others == {}
    assert bench.states == {State.WARMING: len(HOSTS)}
    source.samples = {labels: without(points, 1, 1) for labels, points in ours.items()}
    shown = bench.ticks(times(2, 30))
    assert all(len(series) == len(HOSTS) for series in shown.values())
    assert same(shown[NOW + 31 * STEP], undisturbed_from(source, NOW + 31 * STEP))


def test_a_sample_that_is_late_by_less_than_the_offset_is_not_missed() -> None:
    held = samples()
    source = MemorySource({labels: without(points, 1, 1) for labels, points in held.items()})
    late, punctual = warm(source, offset=60), warm(MemorySource(held), offset=60)
    assert same(late.tick(NOW + STEP + 30), punctual.tick(NOW + STEP + 30))  # not looked at yet
    source.samples = held
    for i in range(1, 5):
        assert same(late.tick(NOW + i * STEP + 60), punctual.tick(NOW + i * STEP + 60))


def test_samples_that_are_later_are_taken_up_by_a_restart() -> None:
    held = samples()
    source = MemorySource({labels: without(points, 1, 3) for labels, points in held.items()})
    bench = warm(source)
    assert list(bench.ticks(times(1, 3)).values()) == [{}, {}, {}]
    source.samples = held
    assert len(bench.tick(NOW + 4 * STEP)) == len(HOSTS)
    assert same(undisturbed_from(source, NOW + 16 * STEP), undisturbed_from(MemorySource(held), NOW + 16 * STEP))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_is_an_hour_off_and_set_right(jump: int) -> None:
    """What the wrong clock showed is gone at once, and scores are those of a clock that was never wrong."""
    held = samples() if jump < 0 else {labels: without(points, 3, 60) for labels, points in samples().items()}
    source = MemorySource(held)
    bench = warm(source)
    right = bench.tick(NOW + STEP)
    for i in range(3):
        wrong = bench.tick(NOW + 2 * STEP + jump + i)
        # Set back, the models are of a time that has not come: they are fitted anew, as after a restart.
        assert len(wrong) == (0 if jump > 0 or i == 0 else len(HOSTS))
        assert bench.board.snapshot.results["cpu"].sample_time == NOW + 2 * STEP + jump
    source.samples = samples()
    bench.ticks((NOW + STEP, NOW + STEP + 1))
    assert same(bench.shown, right)
    for at in times(2, 14):
        bench.tick(at)
        assert len(bench.shown) == len(HOSTS)
    assert same(bench.shown, undisturbed_from(source, NOW + 15 * STEP))


def test_parts_of_the_data_that_were_missing_with_a_warning_are_fetched_when_they_are_there() -> None:
    held = samples()
    source = MemorySource({labels: points for labels, points in held.items() if labels != host("b")})
    source.samples = {**source.samples, host("b"): without(held[host("b")], 1, 2)}
    bench = warm(source)
    source.warnings = ("a store did not answer",)
    counted = bench.counted("prometheus_warnings_total")
    for at in times(1, 2):
        assert host("b")[0] not in {pair for labels in bench.tick(at) for pair in labels}
    assert bench.counted("prometheus_warnings_total") >= counted + 2
    source.samples, source.warnings = held, ()
    bench.ticks(times(3, 13))
    assert same(bench.shown, undisturbed_from(MemorySource(held), NOW + 15 * STEP))


def test_values_that_are_no_numbers_are_no_samples() -> None:
    held = samples()
    held[host("d")] |= {NOW + STEP: float("nan")}
    bench = warm(MemorySource(held))
    assert len(bench.tick(NOW + STEP)) == len(HOSTS) - 1
    assert bench.states == {State.OK: 3, State.NO_DATA: 1}
    assert len(bench.tick(NOW + 2 * STEP)) == len(HOSTS)
    assert not any(np.isnan(gauges["anomaly_score"]) for gauges in bench.shown.values())
