"""What alarms did in some columns, as it is told: flags, states, and a reason for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from sidecar.detection.arrays import NEVER, Bools, Codes, Floats, Times
from sidecar.detection.rows import Rows


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
class Course(Rows):
    """What the alarms did in a column, (S,) each, or in some, (S, n).

    Attributes:
        since: when the alarm that is on started, NEVER where none is.
        active: time of the last score that kept it on.
        pending: whether a score of 1 or more waits to be confirmed, or was not high enough.
        detection: the highest threshold at which an alarm would start.
        least: the score that had to be exceeded for an alarm to start.
        blocked: why the score might not raise one, a `Reason`; 0 where it might.
    """

    since: Times
    active: Times
    pending: Bools
    detection: Floats
    least: Floats
    blocked: Codes

    @classmethod
    def of(cls, columns: Sequence["Course"]) -> "Course":
        """The columns side by side."""
        return cls(*(np.stack(part, axis=1) for part in zip(*(column.parts() for column in columns), strict=True)))


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


def outcome_of(course: Course, score: Floats, times: Times, on_before: Bools) -> Outcome:
    """What a course over columns with scores (S, n) comes to; `on_before` (S,) says which alarms were on before."""
    flag = course.since != NEVER
    on = np.where(course.active == times, State.FIRING, State.RECOVERING)
    state = np.where(flag, on, np.where(course.pending, State.PENDING, State.IDLE)).astype(np.int8)
    ended = np.column_stack([on_before, flag[:, :-1]]) & ~flag
    return Outcome(flag, state, reasons(state, course, score, ended), course.detection, course.since)


def reasons(state: Codes, course: Course, score: Floats, ended: Bools) -> Codes:
    """Why each alarm is in its `state`; shapes (S, n).

    What held a score back is told also of the column at which an alarm ended: it is counted.
    """
    high = score >= 1
    conditions = [
        state == State.FIRING,
        state == State.RECOVERING,
        high & (course.blocked > 0),
        ended,
        np.isnan(score),
        high & (score <= course.least),
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


def flag_vanished(outcome: Outcome, vanished: Bools, last: Times) -> None:
    """Raises the flag, in place, where series are `vanished` (S, n) whose `last` scores were at such times."""
    outcome.since[:] = np.where(vanished & ~outcome.flag, last, outcome.since)
    outcome.flag[vanished] = True
    outcome.state[vanished] = State.FIRING
    outcome.reason[vanished] = Reason.VANISHED
