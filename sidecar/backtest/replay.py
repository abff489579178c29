"""Runs the past of a series through the watch of the loop, and gets the verdict that each step had when it was new."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.config.schema import QueryConfig
from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import NEVER
from sidecar.detection.band import band
from sidecar.detection.missing import filled
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings
from sidecar.detection.watch import Verdicts, Watch
from sidecar.detection.watched import group_of
from sidecar.loop.terms import exact_steps_of, policy_of, schedule_of
from sidecar.prometheus.coarse import border, coarsened
from sidecar.prometheus.frame import Frame, LabelSet, View
from sidecar.prometheus.history import FORGET

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one series.

    Attributes:
        labels: its labels.
        times: (n,) ascending, multiples of the step, unix seconds.
        values: (n,) none of them NaN.
        suppressed: the steps at which no alarm must begin.
    """

    labels: LabelSet
    times: Times
    values: NDArray[np.float64]
    suppressed: Times = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of the steps of a series.

    Attributes:
        verdicts: of its only row.
        lower: (1, steps), lower end of the band; NaN where it was not searched, or there is no score.
        upper: (1, steps), the upper end.
    """

    verdicts: Verdicts
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def unbound(cls, verdicts: Verdicts) -> "Judgement":
        """Verdicts for whose steps the band was not searched."""
        return cls(verdicts, *np.full((2, 1, len(verdicts.times)), np.nan))

    @classmethod
    def found(cls, verdicts: Verdicts, watch: Watch, frame: View) -> "Judgement":
        """Verdicts of a watch on the newest steps of a frame, with the band at each."""
        expected = verdicts.scores.expected
        return cls(verdicts, *band(watch.series.models, frame.values, expected, frame.end, watch.settings))


@dataclass(frozen=True, slots=True)
class Replayer:
    """The settings under which a past is replayed.

    Attributes:
        schedule: what scores depend on, and when models are fitted.
        policy: when scores become alarms.
        missing: what stands for a sample that is missing.
        band: whether to search the band of values that would not be flagged, at every step.
    """

    schedule: Schedule
    policy: Policy
    missing: str = "ignore"
    band: bool = False

    @classmethod
    def of(cls, query: QueryConfig, timezone: str, *, band: bool = False) -> "Replayer":
        """Those of a query."""
        return cls(schedule_of(query, timezone), policy_of(query), query.missing.value, band)

    @property
    def step(self) -> int:
        """Seconds between two steps."""
        return self.schedule.settings.step

    def replay(self, series: Series, begin: int, end: int) -> list[Judgement]:
        """The verdicts on the steps from `begin` to `end`, both included, in spans that end where it is forgotten.

        Each step has the verdict that a loop that was started at `begin` gave it when it was new.
        """
        parts: list[Judgement] = []
        for first, stop in self._lives(series.times, begin, end):
            if stop > begin:
                parts += self._live(series, max(first, begin), min(stop, end + self.step))
        return parts

    def _lives(self, times: Times, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """From when to when (exclusive) the history holds a series: a gap may be too long, for what is known of it.

        As `History` lets go of series: after `FORGET` steps without a sample, but not before fewer than `min_samples`
        are left in the lookback.
        """
        columns = np.append(times, end + self.step) // self.step
        lookback, least = self.schedule.lookback_steps, max(self.schedule.settings.min_steps, 1)
        first = 0
        for last in np.flatnonzero(np.diff(columns) > FORGET):
            oldest = last - least + 1  # with it, just enough samples are in the lookback
            age = max(FORGET, lookback - int(columns[last] - columns[oldest])) if oldest >= 0 else FORGET
            gone = max(int(times[last]) + age * self.step, begin)
            if gone < columns[last + 1] * self.step:
                yield int(times[first]), gone
                first = int(last) + 1
        if first < len(times):
            yield int(times[first]), end + self.step

    def _live(self, series: Series, begin: int, stop: int) -> Iterator[Judgement]:
        """The verdicts from `begin` to before `stop`, within one life of a series."""
        tape = Tape.of(series, begin, stop, self.schedule, exact_steps_of(self.schedule, self.missing))
        watch = Watch(self.schedule, self.policy)
        for column, following in tape.epochs():
            live = filled(tape.window(column, column + 1), self.missing)
            watch.follow(live)
            while jobs := watch.due(live):
                for job in jobs:
                    watch.install(job, job.run())
            frame = filled(tape.window(column, following), self.missing)
            was_on = bool(watch.series.flagged[0])
            verdicts = with_onset(watch.advance(frame, np.isin(frame.times, series.suppressed)[None]), was_on=was_on)
            # A copy, as a view of the values would keep the whole lookback for as long as the verdicts are.
            verdicts = replace(verdicts, values=verdicts.values.copy())
            yield Judgement.found(verdicts, watch, frame) if self.band else Judgement.unbound(verdicts)


def with_onset(verdicts: Verdicts, *, was_on: bool) -> Verdicts:
    """Makes `detection` say, in place, that an alert starts where the flag turns on at a change of models.

    The new model may have raised an alarm at an earlier step, on which none was; and one that was on does not start.
    """
    flag, detection = verdicts.outcome.flag[0, 0], verdicts.outcome.detection
    if flag and (detection[0, 0] >= 1) == was_on:
        detection[0, 0] = 0.0 if was_on else 1.0
    return verdicts


@dataclass(frozen=True, slots=True)
class Tape:
    """Samples of a series, on the grid, with the lookback of the first step to be judged before it.

    Attributes:
        labels: of the only row.
        begin: time of the first step to be judged.
        values: (1, lookback - 1 + steps), NaN where there is no sample.
        coarse: the same as they are held for long.
        schedule: when models are fitted and come into use.
        exact: how many of the newest steps the loop holds as they came.
    """

    labels: tuple[LabelSet, ...]
    begin: int
    values: NDArray[np.float64]
    coarse: NDArray[np.float64]
    schedule: Schedule
    exact: int

    @classmethod
    def of(cls, series: Series, begin: int, stop: int, schedule: Schedule, exact: int) -> "Tape":
        """The steps from `begin` to before `stop`."""
        step, past = schedule.settings.step, schedule.lookback_steps - 1
        start = begin - past * step
        known = slice(*np.searchsorted(series.times, (start, stop)))
        values = np.full((1, (stop - start) // step), np.nan)
        values[0, (series.times[known] - start) // step] = series.values[known]
        coarse = coarsened(values, stop // step - 1, 0)
        return cls((series.labels,), begin, values, coarse, schedule, exact)

    def window(self, column: int, following: int) -> Frame:
        """What the loop sees at a step to be judged, and the steps after it until before `following`."""
        settings, lookback = self.schedule.settings, self.schedule.lookback_steps
        start = self.begin + (column - lookback + 1) * settings.step
        newest = self.begin // settings.step + column
        border_at = max(border(newest, self.exact) - newest + lookback - 1, 0)
        values = self.values[:, column : following + lookback - 1].copy()
        values[:, :border_at] = self.coarse[:, column : column + border_at]
        return Frame(self.labels, start, settings.step, values)

    def epochs(self) -> Iterator[tuple[int, int]]:
        """Spans of steps, begin and end (exclusive), within which no model is due and none comes into use.

        They are judged at once. The first step is a span of its own: of it alone a new watch speaks.
        """
        steps = self.values.shape[1] - self.schedule.lookback_steps + 1
        bounds = np.unique([0, 1, *self._changes(steps), steps]).tolist()
        yield from pairwise(bounds)

    def _changes(self, steps: int) -> NDArray[np.intp]:
        """The steps at which a model may be due or come into use."""
        step = self.schedule.settings.step
        times = self.begin + step * np.arange(steps, dtype=np.int64)
        first = self._first_samples(times)
        groups = np.full(steps, group_of(self.labels[0], self.schedule), np.uint64)
        newest = self.schedule.newest(times, first, groups)
        in_effect = self.schedule.in_effect(times, first, groups)
        changes = (np.diff(newest) != 0) | (np.diff(in_effect) != 0)
        instants = np.unique(newest[newest != NEVER])
        effects = (instants + self.schedule.lead - self.begin) // step
        return np.concatenate([np.flatnonzero(changes) + 1, effects[(effects > 0) & (effects < steps)]])

    def _first_samples(self, times: Times) -> Times:
        """Time of the first sample of the lookback of each step, as `schedule.first_samples`."""
        step = self.schedule.settings.step
        width = self.values.shape[1]
        columns = np.where(np.isnan(self.values[0]), width, np.arange(width))
        following = np.minimum.accumulate(columns[::-1])[::-1]
        oldest = np.arange(len(times))
        first = following[oldest]
        newest = oldest + self.schedule.lookback_steps - 1
        known = np.where(first > newest, times + step, self.begin + (first - self.schedule.lookback_steps + 1) * step)
        return np.where(first == oldest, NEVER, known)


def joined(parts: list[Judgement], settings: Settings) -> Judgement:
    """Judgements on spans that follow each other, as one; of no step where there is none."""
    if not parts:
        verdicts = Verdicts.blank(Frame(((),), 0, settings.step, np.empty((1, 0))), 0, settings)
        return Judgement.unbound(verdicts)
    whole: Judgement = _joined(parts)
    return whole


def _joined(parts: Sequence[Any]) -> Any:  # noqa: ANN401 any record of arrays that have the steps last
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts, axis=-1)
    return type(first)(*(_joined([getattr(part, name.name) for part in parts]) for name in fields(first)))
