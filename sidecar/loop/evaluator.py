"""One pass of one query at one instant: fetch, fit what is due, score, publish."""

import dataclasses
import threading
import time
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import structlog

from sidecar.allocator import give_back_freed
from sidecar.config.promql import PLACEHOLDER
from sidecar.config.schema import QueryConfig
from sidecar.detection.arrays import NEVER, Bools
from sidecar.detection.missing import filled
from sidecar.detection.review import Case
from sidecar.detection.schedule import Schedule
from sidecar.detection.watch import Verdicts, Watch
from sidecar.export.board import Board
from sidecar.export.labels import Exporter, ExportError
from sidecar.export.snapshot import Failure, QueryResult
from sidecar.export.telemetry import Telemetry
from sidecar.loop.bands import BandTurns
from sidecar.loop.fitting import FitDesk
from sidecar.loop.inspection import LettingGo, case_of
from sidecar.loop.mistakes import counters, without_groups
from sidecar.loop.results import newly_flagged, rows_by_state, series_table, unscored
from sidecar.loop.suppression import Suppression
from sidecar.loop.telling import Teller
from sidecar.loop.terms import exact_steps_of, policy_of, schedule_of
from sidecar.prometheus.frame import LabelSet, View
from sidecar.prometheus.history import Advance, History
from sidecar.prometheus.shard import ListingSource, NoSource, Shard, ShardSource
from sidecar.prometheus.source import (
    BadAnswerError,
    BadQueryError,
    PrometheusError,
    RangeSource,
    RefusedError,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    UnreachableError,
)

ANSWERED = (BadQueryError, TooSlowError, TooLargeError)
"""Failures that a Prometheus that can be used has answered. Looked for before `UNUSABLE`: one is a bad answer too."""

UNUSABLE = (UnreachableError, UnavailableError, RefusedError, BadAnswerError)
"""Other failures that say that Prometheus cannot be used."""

SLIGHT = 60
"""Seconds by which a clock may be set back, or a step where that is longer, before what it has led to is forgotten."""

MOST_MISSED = 60
"""Steps that are judged one after the other when they come late, after an outage: more would take too much memory."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the evaluators of all queries share.

    Attributes:
        source: answers the range queries, and lists the values of labels.
        executor: runs the fits.
        board: takes the results.
        telemetry: counts what happens.
        interval: seconds between evaluations.
    """

    source: ListingSource
    executor: Executor
    board: Board
    telemetry: Telemetry
    interval: int


class Evaluator:
    """Everything that one query needs, from samples to a published result."""

    def __init__(self, query: QueryConfig, offset: int, timezone: str, around: Surroundings) -> None:
        """Evaluates `query` on samples that are at least `offset` seconds old; days are those of `timezone`."""
        self.name = query.name
        self._query = query
        self._schedule = schedule_of(query, timezone)
        self._step = query.step
        self._offset = offset
        # Held whenever history or watch may change; what is read under it is consistent.
        self._lock = threading.Lock()
        self._all = around.source
        self._missing = query.missing.value
        self._begin()
        self._turns = BandTurns(around.interval)
        self._desk = FitDesk(around.executor, query.name, around.telemetry)
        self._export = Exporter(query.name, query.labels)
        self._board = around.board
        self._telemetry = around.telemetry
        self._teller = Teller(query.name, around.telemetry)
        self._log = structlog.get_logger().bind(anomaly_name=query.name)
        self._publishing = threading.Lock()  # held for a moment only: an end does not wait for an evaluation
        self._closed = False

    def _begin(self) -> None:
        """Begins with nothing known."""
        query, schedule = self._query, self._schedule
        self._source = LettingGo(part_of(self._all, query, schedule), self._lock)
        self._history = History(
            self._source,
            query.expr,
            query.step,
            schedule.lookback_steps,
            query.max_series,
            exact=exact_steps_of(schedule, self._missing),
            min_samples=schedule.settings.min_steps,
        )
        self._suppression = suppression_of(query, schedule, self._source)
        self._suppressed: Bools | None = None
        self._watch = Watch(schedule, policy_of(query))
        self._published: QueryResult | None = None
        self._looked_at = False

    def evaluate(self, at: float) -> None:
        """Evaluates the query as of an instant, unix seconds; a failure is counted, logged and shown, not raised."""
        started = time.perf_counter()
        self._telemetry.evaluations.labels(self.name).inc()
        try:
            with self._lock:
                result = self._evaluate(at)
        except (PrometheusError, ExportError) as error:
            self._fail(at, error)
        except Exception as error:  # noqa: BLE001 the loop must outlive any defect of ours, and tell of it
            self._fail(at, error)
            self._log.exception("defect in an evaluation")
        else:
            with self._publishing:
                if not self._closed:
                    self._board.publish(result)
                    self._published = result
        self._telemetry.evaluation_duration_seconds.labels(self.name).observe(time.perf_counter() - started)
        give_back_freed()

    def case(self, labels: LabelSet) -> Case | None:
        """What is known of a series, by its exported labels, for any thread; None where it is not watched."""
        with self._lock:
            frame, source = self._history.frame, self._export.source_of(labels)
            if frame is None or source not in self._watch.labels:
                return None
            row = self._watch.labels.index(source)
            suppressed = None if self._suppressed is None else self._suppressed[row]
            return case_of(row, frame, self._missing, self._watch, suppressed)

    def close(self) -> None:
        """Publishes nothing more, a failure neither, and drops the fits that have not begun."""
        with self._publishing:
            self._closed = self._source.closed = True
        self._desk.close()

    def _evaluate(self, at: float) -> QueryResult:
        if self._was_set_back(at):
            self._begin_anew()
        end = self._newest_step(at)
        self._desk.collect(self._watch, at)
        advance = self._fetch(self._history, end)
        self._warn_of_mistakes(advance.frame)
        frame = filled(advance.frame, self._missing)
        known = self._watch.verdicts_of(frame)
        # Before the watch moves on: should this fail, its series are still those that `_suppressed` has rows for.
        suppressed = None if known else self._suppressed_in(frame)
        self._watch.follow(frame)
        self._desk.send(self._watch.due(frame, self._desk.room), at)
        verdicts = known or self._judge(frame, suppressed)
        turn = self._turns.rows(verdicts.scores.score[:, -1], self._watch.series.band_step, frame.end)
        self._watch.find_bands(frame, turn)
        if known and self._published and not turn.size:
            return dataclasses.replace(self._published, at=at)
        return self._result(at, advance, verdicts)

    def _was_set_back(self, at: float) -> bool:
        """Whether the clock was, by more than a little."""
        held = self._history.frame
        return held is not None and held.end - self._step_at(at) > max(self._step, SLIGHT)

    def _newest_step(self, at: float) -> int:
        """The step that is newest as of an instant; where a clock was set back a little, the one it had come to."""
        held = self._history.frame
        return self._step_at(at) if held is None else max(self._step_at(at), held.end)

    def _step_at(self, at: float) -> int:
        return int(at - self._offset) // self._step * self._step

    def _warn_of_mistakes(self, frame: View) -> None:
        """Warns, once, of what its series say against the query."""
        if self._looked_at or not frame.labels:
            return
        self._looked_at = True
        wanted = self._schedule.group_by
        if wanted is not None and without_groups(frame.labels, wanted):
            self._log.warning("no series has a label of group_by: all count as one group", group_by=", ".join(wanted))
        if growing := counters(frame):
            self._log.warning("series only ever grow, as counters do: use rate() if they are", series=growing)

    def _suppressed_in(self, frame: View) -> Bools | None:
        if self._suppression is None:
            return None
        try:
            condition = self._fetch(self._suppression.history, frame.end)
        except PrometheusError as error:
            error.args = (f"suppress_when: {error}",)
            raise
        if condition.dropped:
            self._log.warning("suppress_when returns more series than max_series", left_out=condition.dropped)
        return self._suppression.mask(frame, condition.frame)

    def _judge(self, frame: View, suppressed: Bools | None) -> Verdicts:
        self._suppressed = suppressed
        before, judged = self._watch.series.flagged.copy(), self._watch.series.instant != NEVER
        if self._watch.missed(frame) > MOST_MISSED:
            self._watch.resume()
        stepped = frame.end > self._watch.scored_until
        verdicts = self._watch.advance(frame, suppressed)
        if stepped:
            self._teller.count_suppressed(verdicts)
        self._teller.tell_begun(self._watch, verdicts, newly_flagged(verdicts, before, judged, self._step))
        self._teller.tell_ended(self._watch, before & ~self._watch.series.flagged)
        return verdicts

    def _begin_anew(self) -> None:
        """Forgets what was learned under a clock that has been set back: it is of a time that has not come."""
        self._log.warning("the clock was set back, models are fitted anew")
        self._desk.cancel()
        self._begin()

    def _fetch(self, history: History, end: int) -> Advance:
        try:
            advance = history.advance(end)
        except PrometheusError as error:
            self._telemetry.prometheus_requests.labels(self.name).inc(error.requests)
            self._telemetry.prometheus_request_failures.labels(self.name).inc(error.requests)
            raise
        self._telemetry.prometheus_requests.labels(self.name).inc(advance.requests)
        self._telemetry.samples_fetched.labels(self.name).inc(advance.samples)
        self._telemetry.bytes_fetched.labels(self.name).inc(advance.size)
        self._telemetry.prometheus_warnings.labels(self.name).inc(len(advance.warnings))
        for warning in advance.warnings:
            self._log.warning("Prometheus warns about the result", warning=warning)
        if advance.requests:
            self._telemetry.prometheus_up.set(1)
        return advance

    def _result(self, at: float, advance: Advance, verdicts: Verdicts) -> QueryResult:
        rows = rows_by_state(verdicts, advance.present, self._watch.series.failed)
        shown = np.zeros(len(advance.frame.labels), dtype=np.bool_)
        shown[np.concatenate(list(rows.values()))] = True
        labels = self._export(advance.frame.labels, shown)
        return QueryResult(
            name=self.name,
            at=at,
            sample_time=int(verdicts.times[-1]),
            series=series_table(labels, verdicts, self._watch.series),
            states={state: len(which) for state, which in rows.items()},
            dropped={"max_series": advance.dropped},
            unscored=unscored(labels, rows, verdicts),
        )

    def _fail(self, at: float, error: Exception) -> None:
        self._published = None  # or it would be shown anew, as of the next evaluation without news
        if self._closed:  # given up for a reload, which is no failure
            return
        self._telemetry.evaluation_failures.labels(self.name).inc()
        if isinstance(error, ANSWERED):
            self._telemetry.prometheus_up.set(1)
        elif isinstance(error, UNUSABLE):
            self._telemetry.prometheus_up.set(0)
        self._log.error("evaluation failed", error=str(error))
        with self._publishing:
            if not self._closed:
                self._board.fail(self.name, Failure(at, str(error)))


def part_of(source: ListingSource, query: QueryConfig, schedule: Schedule) -> RangeSource:
    """The part of a source that a query is to have here: a query that cannot be split goes to one shard as a whole."""
    if query.sharding is None:
        return source
    shard = Shard(query.sharding.by, query.sharding.count, query.sharding.index)
    if PLACEHOLDER not in query.expr and not shard.owns(query.name):
        return NoSource()
    return ShardSource(source, shard, schedule.lookback_steps * query.step)


def suppression_of(query: QueryConfig, schedule: Schedule, source: RangeSource) -> Suppression | None:
    """The condition under which the flags of a query are not wanted, if it names one."""
    if query.suppress_when is None:
        return None
    return Suppression(History(source, query.suppress_when, query.step, schedule.judged_steps, query.max_series))
