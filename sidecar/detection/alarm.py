"""From scores to alarms: a state machine per series, advanced column by column for all series at once.

    idle -- some of N scores reach 1 --> pending -- M of N, above the recent peak --> firing
    firing -- below the exit threshold --> recovering -- at or above it --> firing
    recovering -- for longer than the hold --> idle

An alarm that has ended starts again within the re-arm time only when a score exceeds the highest of late: one incident,
one alarm. The flag is 1 while firing or recovering, so it does not flicker within an episode. Time is sample time.

Where a score may not raise an alarm, by the direction of the sample say, windows hold what it was about for a while,
and scores stay high. In this aftermath an alarm starts only at a sample that is odd in itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.detection.arrays import NEVER, Bools, Floats, Times
from sidecar.detection.features import NAMES
from sidecar.detection.models import Scores
from sidecar.detection.rows import Rows

Codes = NDArray[np.int8]

RESIDUAL = NAMES.index("residual")
ODD = 1.3
"""The rarity of the residual from which on a sample is odd in itself, or those it is averaged with are: one in twenty,
which is believed 3.4 robust standard deviations from the middle."""


class State(IntEnum):
    """What the alarm of a series is doing."""

    IDLE = 0
    PENDING = 1
    FIRING = 2
    RECOVERING = 3


class Reason(IntEnum):
    """Why the alarm is in its state."""

    CALM = 0
    NOT_SCORED = 1
    EXCEEDED = 2
    UNCONFIRMED = 3
    BELOW_PEAK = 4
    HELD = 5
    WRONG_DIRECTION = 6
    SMALL_DEVIATION = 7
    INVALID_VALUE = 8
    SUPPRESSED = 9
    VANISHED = 10
    ENDED = 11


@dataclass(frozen=True, slots=True)
class Policy:
    """When a score becomes an alarm; times in seconds of sample time.

    Without scores an alarm goes on for as long as a peak is remembered, or the incident could not raise it again: but
    not where a series that vanished has a flag of its own.

    Attributes:
        confirm: (M, N): of the last N scores, M must reach 1.
        exit: the alarm goes on at scores from here on.
        hold: how long scores must stay below `exit` for the alarm to end.
        rearm: how long a peak is remembered, that a new alarm has to exceed.
        direction: which side of the expected value counts: `above`, `below` or `both`.
        min_deviation: least distance from the expected value that counts, in the series' unit.
        min_relative_deviation: the same, as a share of the expected value.
        valid_range: least and largest value that counts.
        flag_vanished: whether the flag is on for as long as `hold` after the last score of a series without a sample.
        averaged: over how long samples are averaged: none is odd in itself so soon after a score that may not count.
        aftermath: how long windows hold what such a score was about.
    """

    confirm: tuple[int, int] = (1, 1)
    exit: float = 0.8
    hold: int = 1_200
    rearm: int = 14_400
    direction: str = "both"
    min_deviation: float = 0.0
    min_relative_deviation: float = 0.0
    valid_range: tuple[float, float] = (-np.inf, np.inf)
    flag_vanished: bool = False
    averaged: int = 300
    aftermath: int = 12_000

    @property
    def unscored(self) -> int:
        """How long an alarm goes on after the last score."""
        return self.hold if self.flag_vanished else max(self.hold, self.rearm)


@dataclass(frozen=True, slots=True)
class Alarms(Rows):
    """The state of each series' alarm, shape (S,) but for `recent`; times in unix seconds of sample time.

    Attributes:
        since: when the alarm that is on (firing or recovering) started, NEVER where none is.
        active: time of the last score at or above the exit threshold.
        peak: the highest score of late that was confirmed: one that was not must not keep those after it from starting.
        peaked: time at which a score last came near it.
        second: the highest such score since.
        recent: (S, N) the newest scores, newest last.
        scored: time of the last score.
        held_back: time of the last score of 1 or more that might not raise an alarm, but for those of an aftermath.
        held_by: why not, a `Reason`.
    """

    since: Times
    active: Times
    peak: Floats
    peaked: Times
    second: Floats
    recent: Floats
    scored: Times
    held_back: Times
    held_by: Codes

    @classmethod
    def idle(cls, series: int, policy: Policy) -> "Alarms":
        """The state before the first column."""
        since, active, peaked, scored, held_back = np.full((5, series), NEVER, dtype=np.int64)
        peak, second = np.zeros((2, series))
        recent, held_by = np.zeros((series, policy.confirm[1])), np.zeros(series, dtype=np.int8)
        return cls(since, active, peak, peaked, second, recent, scored, held_back, held_by)

    @property
    def firing(self) -> Bools:
        """Whether the alarm of each series is on."""
        return np.asarray(self.since != NEVER)


@dataclass(frozen=True, slots=True)
class Outcome(Rows):
    """What the alarms did in each column; shape (S, n).

    Attributes:
        flag: whether an alarm is on.
        state: a `State`.
        reason: a `Reason`.
        detection: the highest threshold at which an alarm would start here, 0 if none; where none may, the score at
            which one would start but for that, and without regard to `confirm`.
        since: when the alarm that is on started, unix seconds, NEVER where none is.
    """

    flag: Bools
    state: Codes
    reason: Codes
    detection: Floats
    since: Times

    @classmethod
    def blank(cls, series: int, columns: int) -> "Outcome":
        """No alarm anywhere, and nothing scored."""
        shape = (series, columns)
        state, reason = np.full(shape, State.IDLE, dtype=np.int8), np.full(shape, Reason.NOT_SCORED, dtype=np.int8)
        return cls(np.zeros(shape, dtype=np.bool_), state, reason, np.zeros(shape), np.full(shape, NEVER))

    def columns(self, which: slice) -> "Outcome":
        """Some columns."""
        return Outcome(*(part[:, which] for part in self.parts()))


@dataclass(frozen=True, slots=True)
class Heights:
    """The scores as the alarms see them; arrays of shape (S, n).

    Attributes:
        scored: whether there is a score.
        now: the scores, 0 where there is none.
        odd: whether the sample is odd in itself.
        blocked: why a score may not raise an alarm, a `Reason`; 0 where it may.
        aftermath: whether there may be one in any of them: mostly there is none, and it need not be looked for.
    """

    scored: Bools
    now: Floats
    odd: Bools
    blocked: Codes
    aftermath: bool = False

    @classmethod
    def of(cls, scores: Scores, blocked: Codes, *, aftermath: bool) -> "Heights":
        """Of scores of which some are `blocked` (S, n)."""
        scored, odd = ~np.isnan(scores.score), scores.rarity[:, RESIDUAL] >= ODD
        return cls(scored, np.where(scored, scores.score, 0.0), odd, blocked, aftermath)


@dataclass(frozen=True, slots=True)
class Course(Rows):
    """What the alarms did in a column, (S,) each, or in some, (S, n).

    Attributes:
        since: when the alarm that is on started, NEVER where none is.
        active: time of the last score that kept it on.
        pending: whether a score of 1 or more waits to be confirmed, or was lower than the peak.
        detection: the highest threshold at which an alarm would start.
        peak: the highest score of late, before.
        blocked: why the score might not raise one, a `Reason`; 0 where it might.
    """

    since: Times
    active: Times
    pending: Bools
    detection: Floats
    peak: Floats
    blocked: Codes

    @classmethod
    def of(cls, columns: Sequence["Course"]) -> "Course":
        """The columns side by side."""
        return cls(*(np.stack(part, axis=1) for part in zip(*(column.parts() for column in columns), strict=True)))


def advance(
    alarms: Alarms, scores: Scores, values: Floats, times: Times, policy: Policy, *, suppressed: Bools | None = None
) -> tuple[Alarms, Outcome]:
    """Move the alarms on over the columns of `scores` (S, n), at `times` (n,), in sample time.

    `suppressed` is (S, n) or (n,). Advancing column by column or all at once gives the same.
    """
    shape = scores.score.shape
    if not len(times):
        return alarms, Outcome.blank(*shape)
    blocked = immaterial(values, scores.expected, policy)
    if suppressed is not None:
        blocked = np.where(np.broadcast_to(suppressed, shape), np.int8(Reason.SUPPRESSED), blocked)
    aftermath = blocked.any() or (times[0] - alarms.held_back <= policy.aftermath).any()
    heights, columns = Heights.of(scores, blocked, aftermath=bool(aftermath)), []
    scored_before, on_before = alarms.scored, alarms.firing
    for i, time in enumerate(times.tolist()):
        alarms, column = step(alarms, heights, i, time, policy)
        columns.append(column)
    outcome = outcome_of(Course.of(columns), heights, times, on_before)
    if policy.flag_vanished:
        last = np.maximum.accumulate(np.where(heights.scored, times, scored_before[:, None]), axis=1)
        vanished = np.isnan(values) & (last != NEVER) & (times - last <= policy.hold)
        unwanted = blocked == Reason.SUPPRESSED
        outcome.reason[vanished & unwanted] = Reason.SUPPRESSED
        flag_vanished(outcome, vanished & ~unwanted, last)
    return alarms, outcome


def outcome_of(course: Course, heights: Heights, times: Times, on_before: Bools) -> Outcome:
    """What a course over some columns comes to; `on_before` (S,) says which alarms were on before them."""
    flag = course.since != NEVER
    on = np.where(course.active == times, State.FIRING, State.RECOVERING)
    state = np.where(flag, on, np.where(course.pending, State.PENDING, State.IDLE)).astype(np.int8)
    ended = np.column_stack([on_before, flag[:, :-1]]) & ~flag
    return Outcome(flag, state, reasons(state, heights, course, ended), course.detection, course.since)


def flag_vanished(outcome: Outcome, vanished: Bools, last: Times) -> None:
    """Raises the flag, in place, where series are `vanished` (S, n) whose `last` scores were at such times."""
    outcome.since[:] = np.where(vanished & ~outcome.flag, last, outcome.since)
    outcome.flag[vanished] = True
    outcome.state[vanished] = State.FIRING
    outcome.reason[vanished] = Reason.VANISHED


def immaterial(values: Floats, expected: Floats, policy: Policy) -> Codes:
    """Why a value may not raise an alarm, whatever its score: a `Reason`, 0 where it may; shapes (S, n)."""
    above = values - np.where(np.isnan(expected), values, expected)
    least = np.maximum(policy.min_deviation, policy.min_relative_deviation * np.abs(np.nan_to_num(expected)))
    wrong_way = (above < 0) if policy.direction == "above" else (above > 0)
    checks = [
        ((values < policy.valid_range[0]) | (values > policy.valid_range[1]), Reason.INVALID_VALUE),
        (wrong_way & (policy.direction != "both"), Reason.WRONG_DIRECTION),
        (np.abs(above) < least, Reason.SMALL_DEVIATION),
    ]
    found = np.select([which for which, _ in checks], [reason for _, reason in checks], 0)
    return np.asarray(found, dtype=np.int8)


def step(alarms: Alarms, heights: Heights, i: int, time: int, policy: Policy) -> tuple[Alarms, Course]:
    """Column `i`: the alarms after it, and what they did."""
    now, scored, on = heights.now[:, i], heights.scored[:, i], alarms.firing
    blocked = held_back(alarms, heights, i, time, policy)
    free, high = blocked == 0, (heights.blocked[:, i] != 0) & (now >= 1)
    counted = np.where(free, now, 0.0)
    recent = np.concatenate([alarms.recent[:, 1:], counted[:, None]], axis=1)
    enough = np.sort(recent, axis=1)[:, -policy.confirm[0]]
    confirmed, height = np.minimum(now, enough), np.minimum(counted, enough)
    active = np.where(on & (counted >= policy.exit), time, alarms.active)
    unknown = ~scored & (time - alarms.scored <= policy.unscored)  # a gap is no recovery
    going_on = on & ((time - active <= policy.hold) | unknown)
    expired = time - alarms.peaked > policy.rearm
    peak, second = np.where(expired, alarms.second, alarms.peak), np.where(expired, 0.0, alarms.second)
    peaked = np.where(expired, time, alarms.peaked)
    detection = np.where(~going_on & (now > peak), np.where(free, confirmed, now), 0.0)
    starting = free & (detection >= 1)
    near = counted >= policy.exit * peak
    following = Alarms(
        since=np.where(starting, time, np.where(going_on, alarms.since, NEVER)),
        active=np.where(starting, time, active),
        peak=np.maximum(peak, height),
        peaked=np.where(near, time, peaked),
        second=np.where(near, 0.0, np.maximum(second, height)),
        recent=recent,
        scored=np.where(scored, time, alarms.scored),
        held_back=np.where(high, time, alarms.held_back),
        held_by=np.where(high, blocked, alarms.held_by),
    )
    pending = np.asarray((recent >= 1).any(axis=1))
    return following, Course(following.since, following.active, pending, detection, peak, blocked)


def held_back(alarms: Alarms, heights: Heights, i: int, time: int, policy: Policy) -> Codes:
    """Why a score in column `i` may not raise an alarm, a `Reason` (S,), 0 where it may.

    In an aftermath it is what led to that; but an alarm that is on goes on.
    """
    blocked, since = heights.blocked[:, i], time - alarms.held_back
    if not heights.aftermath:
        return blocked
    odd = heights.odd[:, i] & (since >= policy.averaged)
    aftermath = ~odd & ~alarms.firing & (since <= policy.aftermath)
    return np.where(aftermath & (blocked == 0), alarms.held_by, blocked)


def reasons(state: Codes, heights: Heights, course: Course, ended: Bools) -> Codes:
    """Why each alarm is in its `state`; shapes (S, n).

    What held a score back is told also of the column at which an alarm ended: it is counted.
    """
    high = heights.now >= 1
    conditions = [
        state == State.FIRING,
        state == State.RECOVERING,
        high & (course.blocked > 0),
        ended,
        ~heights.scored,
        high & (heights.now <= course.peak),
        state == State.PENDING,
    ]
    choices: list[Any] = [
        Reason.EXCEEDED,
        Reason.HELD,
        course.blocked,
        Reason.ENDED,
        Reason.NOT_SCORED,
        Reason.BELOW_PEAK,
        Reason.UNCONFIRMED,
    ]
    return np.asarray(np.select(conditions, choices, Reason.CALM), dtype=np.int8)
