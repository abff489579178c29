from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.backtest.replay import Judgement, Replayer, Series, Tape, joined, with_onset
from sidecar.config.schema import QueryConfig
from sidecar.detection.alarm import Policy
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings
from sidecar.detection.watch import Verdicts, Watch
from sidecar.loop.terms import exact_steps_of
from sidecar.prometheus.frame import Frame
from sidecar.prometheus.history import History
from tests.prometheus.memory_source import MemorySource

HOUR, DAY = 3_600, 86_400
START = 1_699_999_200
LABELS = (("instance", "a"),)
LONG = QueryConfig.model_validate({"name": "cpu", "expr": "cpu", "step": "1h", "fit_window": "8d"})
SHORT = QueryConfig.model_validate({"name": "cpu", "expr": "cpu", "step": "1h", "fit_window": "3d"})


def replayer(query: QueryConfig) -> Replayer:
    return Replayer.of(query, "UTC")


def series(values: NDArray[np.float64], step: int = HOUR) -> Series:
    known = ~np.isnan(values)
    return Series(LABELS, (START + step * np.arange(len(values)))[known], values[known])


def cpu(steps: int, *spikes: int, gaps: Sequence[slice] = ()) -> NDArray[np.float64]:
    values = 0.3 + 0.03 * np.random.default_rng(5).standard_normal(steps)
    values[list(spikes)] = 3.0
    for gap in gaps:
        values[gap] = np.nan
    return values


def step_by_step(values: NDArray[np.float64], plan: Replayer) -> Verdicts:
    """The verdicts of a watch that is called at every step, as the loop does it, without forgetting."""
    watch, length = Watch(plan.schedule, plan.policy), plan.schedule.lookback_steps
    tape = np.concatenate([np.full(length - 1, np.nan), values])[None]
    labels, parts = (LABELS,), []
    for column in range(len(values)):
        start = START + (column - length + 1) * plan.step
        frame = Frame(labels, start, plan.step, tape[:, column : column + length])
        watch.follow(frame)
        jobs = watch.due(frame)
        was_on = bool(watch.series.flagged[0])
        verdicts = with_onset(watch.advance(frame), was_on=was_on)
        parts.append(Judgement.unbound(verdicts))
        for job in jobs:
            watch.install(job, job.run())
    return joined(parts, plan.schedule.settings).verdicts


def by_the_history(values: NDArray[np.float64], plan: Replayer, first: int) -> Verdicts:
    """The verdicts of a watch from the step `first` on, on what the history of the loop holds."""
    samples = {START + column * plan.step: float(value) for column, value in enumerate(values)}
    schedule, parts = plan.schedule, []
    exact = exact_steps_of(schedule, plan.missing)
    history = History(MemorySource({LABELS: samples}), "cpu", plan.step, schedule.lookback_steps, 9, exact=exact)
    watch = Watch(schedule, plan.policy)
    for column in range(first, len(values)):
        frame = history.advance(START + column * plan.step).frame
        watch.follow(frame)
        while jobs := watch.due(frame):
            for job in jobs:
                watch.install(job, job.run())
        was_on = bool(watch.series.flagged[0])
        verdicts = with_onset(watch.advance(frame), was_on=was_on)
        parts.append(Judgement.unbound(replace(verdicts, values=verdicts.values.copy())))
    return joined(parts, schedule.settings).verdicts


def assert_equal(found: Verdicts, expected: Verdicts) -> None:
    np.testing.assert_array_equal(found.times, expected.times)
    np.testing.assert_allclose(found.scores.score, expected.scores.score, rtol=1e-9)
    np.testing.assert_allclose(found.scores.expected, expected.scores.expected, rtol=1e-9)
    for name in ("flag", "state", "reason", "since"):
        np.testing.assert_array_equal(getattr(found.outcome, name), getattr(expected.outcome, name))
    np.testing.assert_allclose(found.outcome.detection, expected.outcome.detection, rtol=1e-9)


@pytest.mark.parametrize("query", [LONG, SHORT], ids=["8d", "3d"])
def test_a_replay_gives_what_a_watch_gives_that_is_called_at_every_step(query: QueryConfig) -> None:
    plan = replayer(query)
    values = cpu(260, 120, 121, 200, gaps=[slice(60, 62), slice(220, 230)])
    found = joined(plan.replay(series(values), START, START + 259 * HOUR), plan.schedule.settings).verdicts
    assert_equal(found, step_by_step(values, plan))
    assert found.outcome.flag[0, 120]


def test_a_replay_gives_what_the_loop_gives_whose_older_samples_are_coarse() -> None:
    query = LONG.model_copy(update={"step": 1_800, "fit_window": 28 * DAY})
    plan, first, steps = replayer(query), 29 * 48, 34 * 48
    days = 1 + 0.3 * np.sin(np.arange(steps) / 48 * 2 * np.pi)
    values = days + 0.1 * np.random.default_rng(2).standard_normal(steps)
    span = START + first * 1_800, START + (steps - 1) * 1_800
    found = joined(plan.replay(series(values, 1_800), *span), plan.schedule.settings).verdicts
    assert_equal(found, by_the_history(values, plan, first))
    as_they_came = replace(plan, missing="zero").replay(series(values, 1_800), *span)
    apart = np.abs(joined(as_they_came, plan.schedule.settings).verdicts.scores.score - found.scores.score)
    assert 0 < np.nanmax(apart) < 1e-3


def test_steps_between_two_changes_of_the_models_are_taken_at_once() -> None:
    plan, past = replayer(LONG), series(cpu(500))
    spans = list(Tape.of(past, START, START + 500 * HOUR, plan.schedule, plan.schedule.exact_steps).epochs())
    assert (spans[0], spans[-1][1]) == ((0, 1), 500)
    assert all(stop == begin for (_, stop), (begin, _) in pairwise(spans))
    assert len(spans) < 200


def test_a_replay_of_the_end_alone_gives_the_verdicts_of_the_whole() -> None:
    plan, values = replayer(LONG), cpu(400, 350, 380)
    end = START + 399 * HOUR
    whole = joined(plan.replay(series(values), START, end), plan.schedule.settings).verdicts
    begin = START + 320 * HOUR
    part = joined(plan.replay(series(values), begin, end), plan.schedule.settings).verdicts
    np.testing.assert_allclose(part.scores.score, whole.scores.score[:, 320:], rtol=1e-9)
    np.testing.assert_array_equal(part.flags, whole.flags[:, 320:])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 60)), min_size=1, max_size=6), st.integers(0, 40))
@example([(1, 12), (4, 12), (1, 1)], 0)
def test_a_series_is_held_and_known_as_by_the_history_of_the_loop(runs: list[tuple[int, int]], rest: int) -> None:
    schedule = Schedule(Settings(60, 1_200, 300), 60)
    columns: list[int] = []
    at = 0
    for present, gap in runs:
        columns += range(at, at + present)
        at += present + gap
    end = START + (columns[-1] + rest) * 60
    samples = {START + column * 60: float(column) for column in columns}
    past = Series(LABELS, np.array(list(samples)), np.array(list(samples.values())))
    known: dict[int, NDArray[np.float64]] = {}
    for first, stop in Replayer(schedule, Policy())._lives(past.times, START, end):
        tape = Tape.of(past, first, stop, schedule, schedule.exact_steps)
        known |= {time: tape.window(k, k + 1).values for k, time in enumerate(range(first, stop, 60))}
    history = History(
        MemorySource({LABELS: samples}), "cpu", 60, schedule.lookback_steps, 9, min_samples=schedule.settings.min_steps
    )
    frames = ((time, history.advance(time).frame) for time in range(START, end + 60, 60))
    held = {time: frame.whole().values.copy() for time, frame in frames if frame.labels}
    assert known.keys() == held.keys()
    for time, values in held.items():
        np.testing.assert_array_equal(known[time], values)


def test_a_series_that_was_forgotten_starts_anew() -> None:
    plan = replayer(LONG)
    values = cpu(560, gaps=[slice(150, 500)])
    found = joined(plan.replay(series(values), START, START + 559 * HOUR), plan.schedule.settings).verdicts
    again = found.times >= START + 500 * HOUR
    assert found.times[~again].max() < START + (150 + plan.schedule.lookback_steps) * HOUR
    fresh = joined(plan.replay(series(values[500:]), START, START + 59 * HOUR), plan.schedule.settings).verdicts
    assert np.isnan(found.scores.score[0, again][:20]).all()
    assert np.isfinite(fresh.scores.score).any()


def test_nothing_known_gives_nothing() -> None:
    nothing = np.empty(0)
    assert replayer(LONG).replay(Series(LABELS, nothing.astype(np.int64), nothing), START, START + DAY) == []
    assert joined([], replayer(LONG).schedule.settings).verdicts.scores.score.shape == (1, 0)


@pytest.mark.parametrize(
    ("was_on", "on", "before", "after"),
    [
        (False, True, 0.0, 1.0),
        (False, True, 2.0, 2.0),
        (True, True, 2.0, 0.0),
        (True, True, 0.0, 0.0),
        (True, False, 0.5, 0.5),
        (False, False, 0.5, 0.5),
    ],
)
def test_an_alert_starts_where_the_flag_turns_on(was_on: bool, on: bool, before: float, after: float) -> None:  # noqa: FBT001
    verdicts = Verdicts.blank(Frame((LABELS,), START, HOUR, np.ones((1, 2))), 2, Settings(HOUR))
    verdicts.outcome.flag[0, 0], verdicts.outcome.detection[0, 0] = on, before
    assert with_onset(verdicts, was_on=was_on).outcome.detection.tolist() == [[after, 0.0]]
