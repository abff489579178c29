"""The series of one query under watch: which models they have, which are due, what their newest steps mean."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.adoption import stays
from sidecar.detection.alarm import Alarms, Policy, advance
from sidecar.detection.arrays import NEVER, Bools, Floats, Hashes, Ints, Times
from sidecar.detection.band import band
from sidecar.detection.detector import score
from sidecar.detection.fits import FitJob, jobs_of
from sidecar.detection.models import Models, Scores
from sidecar.detection.outcome import Outcome
from sidecar.detection.schedule import Schedule, first_samples
from sidecar.detection.settings import DAY, Settings
from sidecar.detection.watched import Watched
from sidecar.prometheus.frame import LabelSet, View

BLOCK_STEPS = 16_384
"""About how many steps are replayed at once, of all series together: it bounds the memory of a change of models."""

MOST_COPIED = 1_024
"""Series whose lookback is copied at once, for the same reason."""

BAND_SERIES = 128
"""Series whose bands are sought at once: it bounds the memory of the search."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Models that wait for their time to come into use.

    Attributes:
        labels: the series.
        instant: the fit instant, unix seconds.
        models: a row per series.
    """

    labels: tuple[LabelSet, ...]
    instant: int
    models: Models


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the newest steps of a query mean, shape (series, steps).

    Attributes:
        times: the steps, unix seconds.
        values: the samples.
        scores: their scores.
        outcome: what their alarms did.
    """

    times: Times
    values: Floats
    scores: Scores
    outcome: Outcome

    @classmethod
    def blank(cls, frame: View, last: int, settings: Settings) -> "Verdicts":
        """Nothing scored and nothing flagged in the last columns of a frame."""
        values = frame.values[:, frame.values.shape[1] - last :]
        scores = Scores.blank(len(values), values.shape[1], settings)
        return cls(frame.times[len(frame.times) - last :], values, scores, Outcome.blank(*values.shape))

    @property
    def flags(self) -> Bools:
        """Whether the alarm is on."""
        return self.outcome.flag

    def newest(self) -> "Verdicts":
        """The newest step alone."""
        newest = slice(-1, None)
        return Verdicts(self.times[-1:], self.values[:, -1:], self.scores.columns(newest), self.outcome.columns(newest))


def places(labels: tuple[LabelSet, ...], others: tuple[LabelSet, ...]) -> tuple[Ints, Ints]:
    """Rows of the label sets that stand in both, in the first and in the second."""
    there = {label_set: row for row, label_set in enumerate(others)}
    pairs = [(row, there[label_set]) for row, label_set in enumerate(labels) if label_set in there]
    rows, of = np.array(pairs, np.intp).reshape(-1, 2).T
    return rows, of


def in_blocks(rows: Ints, steps: int) -> list[Ints]:
    """Rows of which so many `steps` are judged, in blocks that bound the memory this takes."""
    if not len(rows):
        return []
    blocks = max(-(-len(rows) * steps // BLOCK_STEPS), -(-len(rows) // MOST_COPIED))
    return np.array_split(rows, min(blocks, len(rows)))


def foremost(due: Bools, groups: Hashes, most: int | None) -> Bools:
    """Those of the `due` that come first by their group, at most so many if that is said."""
    rows = np.flatnonzero(due)
    first = np.zeros_like(due)
    first[rows[np.argsort(groups[rows], kind="stable")][:most]] = True
    return first


class Watch:
    """Models and alarms of the series of one query; rows follow the newest frame.

    The state after a step is a function of the samples in the lookback and of the clock: when a model takes effect,
    the alarm is replayed from idle over the day before, so that nothing older leaves a trace.
    """

    def __init__(self, schedule: Schedule, policy: Policy) -> None:
        self.schedule = schedule
        self.settings = schedule.settings
        self.policy = policy
        self.labels: tuple[LabelSet, ...] = ()
        self.series = Watched.new((), schedule, policy)
        self.fresh: list[Fitted] = []
        self.scored_until: int = NEVER
        self.verdicts: Verdicts | None = None
        self._resuming = False
        self.adopted: Ints = np.empty(0, np.intp)
        """Rows whose alarm has ended although the change stays, or was cut short by a new model: taken for normal."""
        self.to_be_told: Ints = np.empty(0, np.intp)
        """Those of them of which this was not told before."""

    def follow(self, frame: View) -> None:
        """Makes the rows those of a frame: series that left are forgotten, new ones have no model."""
        if frame.labels is self.labels:
            return
        stay, of = places(frame.labels, self.labels)
        series = Watched.new(frame.labels, self.schedule, self.policy)
        series.put(stay, self.series.take(of))
        self.labels, self.series, self.verdicts = frame.labels, series, None

    def due(self, frame: View, most: int | None = None) -> list[FitJob]:
        """The fits to be done now, each asked for once; `install` or `abandon` answers them.

        Empty until one of them has waited for `patience`: done together they cost less. Then of `most` series at most,
        if that is said: jobs hold the samples of theirs. The others are due the next time.
        """
        wanted = self._wanted(frame)
        waiting = wanted > self.series.asked
        late = waiting & (wanted <= frame.end - self.schedule.patience)
        due = foremost(waiting & late.any(), self.series.groups, most)
        self.series.asked[due] = wanted[due]
        instants = np.unique(wanted[due]).tolist()
        siblings = {"groups": self.series.groups, "hashes": self.series.hashes}
        parts = [jobs_of(frame, at, due & (wanted == at), self.schedule, **siblings) for at in instants]
        return [job for part in parts for job in part]

    def _wanted(self, frame: View) -> Times:
        """The fit instant that each series is to ask for next: the one in effect, or else the first not asked for."""
        first, groups, asked = first_samples(frame), self.series.groups, self.series.asked
        in_effect = self.schedule.in_effect(frame.end, first, groups)
        newest = self.schedule.newest(frame.end, first, groups)
        known = newest != NEVER
        before = self.schedule.newest(np.where(known, newest - frame.step, frame.end), first, groups)
        following = np.where(known & (before > asked), before, newest)
        return np.where(asked < in_effect, in_effect, following)

    def install(self, job: FitJob, models: Models) -> None:
        """Takes the models of a job; they come into use when their time has come."""
        self.fresh.append(Fitted(job.labels, job.instant, models))

    def abandon(self, job: FitJob) -> None:
        """Forgets that a job was asked for, so that it is due again; the old models serve on."""
        rows, _ = places(self.labels, job.labels)
        self.series.asked[rows] = self.series.instant[rows]
        self.series.failed[rows] = True

    def has_news(self, frame: View) -> bool:
        """Whether a step is new in the frame or a model comes into use."""
        in_effect = any(fitted.instant + self.schedule.lead <= frame.end for fitted in self.fresh)
        return in_effect or self._new_steps(frame) > 0

    def verdicts_of(self, frame: View) -> Verdicts | None:
        """The verdicts on a frame, where there is nothing in it that they do not know yet."""
        return None if self.has_news(frame) or frame.labels is not self.labels else self.verdicts

    def missed(self, frame: View) -> int:
        """How many steps came between the last one that was judged and the newest."""
        return max(self._new_steps(frame) - 1, 0)

    def resume(self) -> None:
        """Has the next `advance` judge as after a start: the newest step, and a replay for what came before.

        The state is the same as after all steps one by one, but of those between nothing is told.
        """
        self.scored_until, self.verdicts, self._resuming = NEVER, None, True

    def advance(self, frame: View, suppressed: Bools | None = None) -> Verdicts:
        """Scores the steps that are new in a frame, and moves the alarms over them.

        `suppressed`, of the frame's shape, says where an alarm must not begin. Without a new step only series whose
        model has just come into use are scored, at the newest one.
        """
        new = self._new_steps(frame)
        was_on, began = self.series.flagged.copy(), self.series.alarms.since.copy()
        active = self.series.alarms.active
        was_firing = was_on & (active != NEVER) & (active == self.scored_until)
        renewed = self._change_models(frame.end)
        changed = renewed | (self._resuming & (self.series.instant != NEVER))
        self._resuming = False
        kept = None if new else self.verdicts
        verdicts = kept.newest() if kept else Verdicts.blank(frame, max(new, 1), self.settings)
        if new:
            steady = in_blocks(np.flatnonzero(~changed), new) if changed.any() else [slice(None)]
            for rows in steady:
                self._judge(frame, suppressed, rows, verdicts, new)
        self._replay(frame, suppressed, changed, verdicts)
        self.series.flagged[:] = verdicts.outcome.flag[:, -1]
        ended = was_on & ~self.series.flagged
        self._adopt(frame, np.flatnonzero(ended), began, cut_short=renewed & was_firing)
        self.scored_until, self.verdicts = frame.end, verdicts
        return verdicts

    def _replay(self, frame: View, suppressed: Bools | None, changed: Bools, verdicts: Verdicts) -> None:
        """Moves the alarms of the rows whose model has changed on from idle, over the time before it took effect."""
        for instant in np.unique(self.series.instant[changed]):
            rows = np.flatnonzero(changed & (self.series.instant == instant))
            self.series.alarms.put(rows, Alarms.idle(len(rows), self.policy))
            since = (frame.end - int(instant) - self.schedule.lead) // frame.step
            # After an outage a model can be older than any that is in effect otherwise.
            last = min(self.schedule.replay_steps + since + 1, self.schedule.judged_steps)
            for block in in_blocks(rows, last):
                self._judge(frame, suppressed, block, verdicts, last)

    def find_bands(self, frame: View, rows: Ints) -> None:
        """Finds the bands of some series at the newest step."""
        if self.verdicts is None:
            return
        expected = self.verdicts.scores.expected[:, -1:]
        for block in np.array_split(rows, -(-len(rows) // BAND_SERIES)) if len(rows) else ():
            models, values = self.series.models.take(block), frame.values[block]
            lower, upper = band(models, values, expected[block], frame.end, self.settings)
            self.series.lower[block], self.series.upper[block] = lower[:, 0], upper[:, 0]
        self.series.band_step[rows] = frame.end

    def _adopt(self, frame: View, ended: Ints, began: Times, *, cut_short: Bools) -> None:
        """Finds which rows are adopted: the alarm `ended` though the change stays, or a new model cut it short.

        The latter where it knows of no alarm of late: one that it would have raised, too, is over by its own lights. An
        alarm that began within a day of the last such row belongs to the same change, which is told once.
        """
        basis = self.series.models.basis.take(ended)
        left = stays(frame.values[ended], frame.end, began[ended], basis, self.settings)
        unknown = self.series.alarms.peak[ended] < 1
        self.adopted = rows = ended[left | (cut_short[ended] & unknown)]
        self.to_be_told = anew = rows[began[rows] > self.series.told_at[rows] + DAY]
        self.series.told_at[anew] = frame.end

    def _new_steps(self, frame: View) -> int:
        if self.scored_until == NEVER:
            return 1
        return min((frame.end - self.scored_until) // frame.step, len(frame.times))

    def _change_models(self, at: int) -> Bools:
        changed = np.zeros(len(self.labels), bool)
        waiting = []
        for fitted in self.fresh:
            if fitted.instant + self.schedule.lead > at:
                waiting.append(fitted)
                continue
            rows, of = places(self.labels, fitted.labels)
            newer = self.series.instant[rows] < fitted.instant
            rows, of = rows[newer], of[newer]
            self.series.models.put(rows, fitted.models.take(of))
            self.series.instant[rows] = fitted.instant
            self.series.failed[rows] = False
            self.series.band_step[rows] = NEVER
            changed[rows] = True
        self.fresh = waiting
        return changed

    def _judge(self, frame: View, suppressed: Bools | None, rows: Ints | slice, verdicts: Verdicts, last: int) -> None:
        """Scores the last columns of some rows, moves their alarms on, and enters what is new into the verdicts."""
        last = min(last, frame.values.shape[1])
        values = frame.values[rows]
        scores = score(self.series.models.take(rows), values, frame.end, self.settings, last)
        alarms, outcome = advance(
            self.series.alarms.take(rows),
            scores,
            values[:, -last:],
            frame.times[-last:],
            self.policy,
            suppressed=None if suppressed is None else suppressed[rows, -last:],
        )
        self.series.alarms.put(rows, alarms)
        new = slice(-len(verdicts.times), None)
        verdicts.scores.put(rows, scores.columns(new))
        verdicts.outcome.put(rows, outcome.columns(new))
