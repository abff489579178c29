import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import NEVER
from sidecar.detection.schedule import Schedule, first_samples
from sidecar.detection.settings import Settings
from sidecar.detection.watch import Watch, places
from sidecar.prometheus.frame import Frame, LabelSet

STEP = 300
SCHEDULE = Schedule(Settings(step=STEP, fit_window=2 * 86400, min_history=4 * 3600), fit_every=6 * 3600)
T = SCHEDULE.lookback_steps
BEGIN = 1_700_000_100


def names(*hosts: str) -> tuple[LabelSet, ...]:
    return tuple((("instance", host),) for host in hosts)


HOSTS = names("a", "b", "c")


@pytest.fixture(scope="module")
def values() -> NDArray[np.float64]:
    """Noise on three hosts; `b` goes wrong at column T + 30."""
    noise = 0.4 + 0.05 * np.random.default_rng(1).standard_normal((3, T + 80))
    noise[1, T + 30 :] = 2.0
    return noise


def frame(values: NDArray[np.float64], stop: int, labels: tuple[LabelSet, ...] = HOSTS) -> Frame:
    """The lookback that ends before column `stop`."""
    first = stop - T
    rows = np.full((len(values), T), np.nan)
    rows[:, max(-first, 0) :] = values[:, max(first, 0) : stop]
    return Frame(labels, BEGIN + first * STEP, STEP, rows)


def fit_all(watch: Watch, at: Frame) -> int:
    """Does the fits that are due, until none is left; how many series were fitted."""
    fitted = 0
    while jobs := watch.due(at):
        for job in jobs:
            watch.install(job, job.run())
            fitted += len(job.labels)
    return fitted


def watched_to(values: NDArray[np.float64], start: int, stop: int) -> Watch:
    watch = Watch(SCHEDULE, Policy())
    for column in range(start, stop + 1):
        at = frame(values, column)
        watch.follow(at)
        fit_all(watch, at)
        watch.advance(at)
    return watch


def test_the_series_that_goes_wrong_is_flagged_from_its_first_step_and_no_other(values: NDArray[np.float64]) -> None:
    watch = watched_to(values, T + 20, T + 33)
    assert watch.series.alarms.firing.tolist() == [False, True, False]
    assert watch.series.alarms.since[1] == BEGIN + (T + 30) * STEP


def test_a_restart_comes_to_the_same_scores_and_alarms(values: NDArray[np.float64]) -> None:
    long, short = watched_to(values, T, T + 60), watched_to(values, T + 60, T + 60)
    assert long.verdicts is not None
    assert short.verdicts is not None
    np.testing.assert_array_equal(long.verdicts.scores.score[:, -1], short.verdicts.scores.score[:, -1])
    np.testing.assert_array_equal(long.series.alarms.since, short.series.alarms.since)


def test_missed_steps_are_made_up_for_in_one_pass(values: NDArray[np.float64]) -> None:
    steady, late = watched_to(values, T + 25, T + 40), watched_to(values, T + 25, T + 26)
    at = frame(values, T + 40)
    fit_all(late, at)
    verdicts = late.advance(at)
    assert verdicts.scores.score.shape == (3, 14)
    np.testing.assert_array_equal(late.series.alarms.since, steady.series.alarms.since)


def test_without_models_nothing_is_scored(values: NDArray[np.float64]) -> None:
    watch = Watch(SCHEDULE, Policy())
    at = frame(values, T + 40)
    watch.follow(at)
    assert np.isnan(watch.advance(at).scores.score).all()
    assert not watch.series.alarms.firing.any()


def test_models_that_come_between_two_steps_score_the_newest_at_once(values: NDArray[np.float64]) -> None:
    watch = Watch(SCHEDULE, Policy())
    at = frame(values, T + 40)
    watch.follow(at)
    watch.advance(at)
    assert not watch.has_news(at)
    fit_all(watch, at)
    assert watch.has_news(at)
    assert np.isfinite(watch.advance(at).scores.score).all()
    assert watch.series.alarms.firing.tolist() == [False, True, False]


def test_nothing_changes_without_a_new_step(values: NDArray[np.float64]) -> None:
    watch = watched_to(values, T + 30, T + 32)
    before = watch.verdicts
    at = frame(values, T + 32)
    assert not watch.has_news(at)
    again = watch.advance(at)
    assert before is not None
    np.testing.assert_array_equal(again.scores.score, before.scores.score)


def test_a_fit_is_asked_for_once_and_again_after_it_failed(values: NDArray[np.float64]) -> None:
    watch = Watch(SCHEDULE, Policy())
    at = frame(values, T)
    watch.follow(at)
    jobs = watch.due(at)
    asked = {labels for job in jobs for labels in job.labels}
    assert asked == set(HOSTS)
    upcoming = watch.due(at)
    watch.abandon(jobs[0])
    assert watch.series.failed.tolist() == [labels in jobs[0].labels for labels in HOSTS]
    again = {labels for job in watch.due(at) for labels in job.labels}
    assert again == set(jobs[0].labels)
    assert all(job.instant > jobs[0].instant for job in upcoming)


def test_fits_wait_for_others_but_not_until_their_models_take_effect() -> None:
    schedule = replace(SCHEDULE, fit_every=86400)
    hosts, samples = names(*map(str, range(600))), np.ones((600, schedule.lookback_steps))
    watch = Watch(schedule, Policy())
    watch.follow(Frame(hosts, BEGIN, STEP, samples))
    while watch.due(Frame(hosts, BEGIN, STEP, samples)):
        pass  # the models of a start, for which nothing waits
    ends = [Frame(hosts, BEGIN + step * STEP, STEP, samples) for step in range(1, 86400 // STEP)]
    waited = [[at.end - job.instant for job in jobs] for at in ends if (jobs := watch.due(at))]
    assert {max(errand) for errand in waited} == {schedule.patience}
    assert schedule.patience < schedule.lead
    assert len(waited) < sum(map(len, waited)) / 2


@pytest.mark.parametrize("apart", [STEP, 900, 1800, 2100])
def test_no_fit_is_left_out_for_one_that_is_due_soon_after(apart: int) -> None:
    schedule = replace(SCHEDULE, fit_every=86400)
    watch, hosts = Watch(schedule, Policy()), names("a")
    watch.follow(Frame(hosts, BEGIN, STEP, np.ones((1, 1))))
    regular = int(schedule.newest(BEGIN + 2 * 86400, np.array([NEVER]), watch.series.groups)[0])
    doubled = regular - apart
    first = doubled + schedule.lead - 2 * schedule.settings.min_history
    asked = {}
    for end in range(first, regular + 2 * schedule.lead, STEP):
        samples = np.full((1, schedule.lookback_steps), np.nan)
        samples[0, -((end - first) // STEP + 1) :] = 1.0
        for job in watch.due(Frame(hosts, end - (schedule.lookback_steps - 1) * STEP, STEP, samples)):
            asked[job.instant] = end - job.instant
    assert {doubled, regular} < asked.keys()
    assert max(asked.values()) <= schedule.patience


def test_no_more_fits_are_asked_for_than_there_is_room(values: NDArray[np.float64]) -> None:
    watch, all_at_once = Watch(SCHEDULE, Policy()), Watch(SCHEDULE, Policy())
    at = frame(values, T)
    watch.follow(at)
    all_at_once.follow(at)
    assert watch.due(at, 0) == []
    asked = [[labels for job in watch.due(at, 2) for labels in job.labels] for _ in range(2)]
    assert [len(each) for each in asked] == [2, 1]
    assert set(asked[0] + asked[1]) == {labels for job in all_at_once.due(at) for labels in job.labels}


def test_the_first_sample_is_found_wherever_it_is() -> None:
    samples = np.full((6, 300), np.nan)
    samples[0] = 1.0
    samples[1, 1:] = 1.0
    samples[2, 64::7] = 1.0
    samples[3, 299] = 1.0
    samples[5, [0, 200]] = 1.0
    first = first_samples(Frame(names(*"abcdef"), BEGIN, STEP, samples))
    columns = [1, 64, 299, 300]
    assert first.tolist() == [NEVER, *(BEGIN + column * STEP for column in columns), NEVER]
    assert first_samples(Frame(names("a"), BEGIN, STEP, np.empty((1, 0)))).tolist() == [BEGIN]


def test_looking_for_fits_copies_no_history() -> None:
    watch = Watch(SCHEDULE, Policy())
    samples = np.ones((256, T))
    samples[:, : T // 4] = np.nan
    young = Frame(names(*map(str, range(256))), BEGIN, STEP, samples)
    watch.follow(young)
    watch.due(young)
    tracemalloc.start()
    assert watch.due(young, 0) == []
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < samples.nbytes / 4


def test_series_come_and_go(values: NDArray[np.float64]) -> None:
    watch = watched_to(values, T + 30, T + 33)
    labels = names("b", "d")
    at = frame(values[[1, 0]], T + 34, labels)
    watch.follow(at)
    verdicts = watch.advance(at)
    assert watch.series.alarms.firing.tolist() == [True, False]
    assert np.isnan(verdicts.scores.score[1]).all()
    assert np.isfinite(verdicts.scores.score[0]).all()


def test_models_of_series_that_left_meanwhile_are_dropped(values: NDArray[np.float64]) -> None:
    watch = Watch(SCHEDULE, Policy())
    before = frame(values, T)
    watch.follow(before)
    jobs = watch.due(before)
    after = frame(values[2:], T, HOSTS[2:])
    watch.follow(after)
    for job in jobs:
        watch.install(job, job.run())
    assert np.isfinite(watch.advance(after).scores.score).all()


def test_a_change_that_lasts_is_taken_for_normal_in_the_end_and_that_is_told() -> None:
    lasting = 0.4 + 0.05 * np.random.default_rng(1).standard_normal((3, T + 3 * 288))
    lasting[1, T + 30 :] += 1.6
    lasting[1, T + 200 :] += 1.6
    watch, told, adopted = Watch(SCHEDULE, Policy()), [], set()
    for column in range(T + 20, lasting.shape[1]):
        at = frame(lasting, column)
        watch.follow(at)
        fit_all(watch, at)
        watch.advance(at)
        told += watch.to_be_told.tolist()
        adopted |= {(column, row) for row in watch.adopted.tolist()}
    assert told == [1]
    assert len(adopted) > 1  # it alarms again, and ends again, before it is quiet
    assert {row for _, row in adopted} == {1}
    assert not watch.series.flagged.any()


@pytest.mark.parametrize(("direction", "flagged"), [("above", True), ("below", False), ("both", True)])
def test_only_the_asked_direction_raises_the_flag(
    values: NDArray[np.float64], direction: str, *, flagged: bool
) -> None:
    watch = Watch(SCHEDULE, Policy(direction=direction))
    at = frame(values, T + 31)
    watch.follow(at)
    fit_all(watch, at)
    watch.advance(at)
    assert bool(watch.series.alarms.firing[1]) is flagged


def test_places_are_where_label_sets_stand_in_both() -> None:
    rows, others = places(names("a", "b", "c"), names("c", "x", "a"))
    assert rows.tolist() == [0, 2]
    assert others.tolist() == [2, 0]
