"""From scores to alarms: a state machine per series, advanced column by column for all series at once.

    idle -- some of N scores reach 1 --> pending -- M of N, above the recent peak --> firing
    firing -- no longer kept on --> recovering -- kept on again --> firing
    recovering -- for longer than the hold --> idle

An alarm that has ended starts again within the re-arm time only when a score exceeds the highest of late, and soon
after its end only by a quarter: one incident, one alarm. The flag is 1 while firing or recovering, so it does not
flicker within an episode. Time is sample time.

Windows hold what an alarm was about for a while, and scores fall slowly. So a score that is below 1, or has faded,
keeps an alarm on only at a sample that is odd in itself: where samples are as expected again, the alarm ends.

Where a score may not raise an alarm, by the direction of the sample say, scores stay high for a while likewise. In this
aftermath an alarm starts only at a sample that is odd in itself.
"""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import NEVER, Bools, Codes, Floats, Times
from sidecar.detection.features import NAMES
from sidecar.detection.models import Scores
from sidecar.detection.outcome import Course, Outcome, Reason, flag_vanished, outcome_of
from sidecar.detection.rows import Rows
from sidecar.detection.settings import HOUR

RESIDUAL = NAMES.index("residual")
ODD = 1.3
"""The rarity of the residual from which on a sample is odd in itself, or those it is averaged with are: one in twenty,
which is believed 3.4 robust standard deviations from the middle."""
FADED = 0.6
"""The share of the highest score of late below which a score has faded."""
WORSE, SOON = 1.25, HOUR
"""How many times the highest score of late another one must be to raise an alarm again so soon after its end."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a score becomes an alarm; times in seconds of sample time.

    Without scores an alarm goes on while its peak is remembered: were it ended sooner, the same incident, at a lower
    score than that peak, could not raise it again. Where a series that vanished has a flag of its own, only for `hold`.

    Attributes:
        confirm: (M, N): of the last N scores, M must reach 1.
        exit: the alarm goes on at scores from here on where the sample is odd in itself, elsewhere at those from 1 on
            that have not faded.
        hold: how long there must be no such score for the alarm to end.
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
        active: time of the last score that kept the alarm on.
        peak: the highest score of late that was confirmed: one that was not must not keep those after it from starting.
        peaked: time at which a score last came near it.
        second: the highest such score since.
        recent: (S, N) the newest scores, newest last.
        scored: time of the last score.
        blocked_at: time of the last score of 1 or more that might not raise an alarm, but for those of an aftermath.
        blocked_by: why it might not, a `Reason`.
    """

    since: Times
    active: Times
    peak: Floats
    peaked: Times
    second: Floats
    recent: Floats
    scored: Times
    blocked_at: Times
    blocked_by: Codes

    @classmethod
    def idle(cls, series: int, policy: Policy) -> "Alarms":
        """The state before the first column."""
        since, active, peaked, scored, blocked_at = np.full((5, series), NEVER, dtype=np.int64)
        peak, second = np.zeros((2, series))
        recent, blocked_by = np.zeros((series, policy.confirm[1])), np.zeros(series, dtype=np.int8)
        return cls(since, active, peak, peaked, second, recent, scored, blocked_at, blocked_by)

    @property
    def firing(self) -> Bools:
        """Whether the alarm of each series is on."""
        return np.asarray(self.since != NEVER)


@dataclass(frozen=True, slots=True)
class Heights:
    """The scores as the alarms see them; arrays of shape (S, n).

    Attributes:
        scored: whether there is a score.
        now: the scores, 0 where there is none.
        odd: whether the sample is odd in itself.
        blocked: why a score may not raise an alarm, a `Reason`; 0 where it may.
    """

    scored: Bools
    now: Floats
    odd: Bools
    blocked: Codes

    @classmethod
    def of(cls, scores: Scores, blocked: Codes) -> "Heights":
        """Of scores of which some are `blocked` (S, n)."""
        scored, odd = ~np.isnan(scores.score), scores.rarity[:, RESIDUAL] >= ODD
        return cls(scored, np.where(scored, scores.score, 0.0), odd, blocked)


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
    heights, columns = Heights.of(scores, blocked), []
    scored_before, on_before = alarms.scored, alarms.firing
    for i, time in enumerate(times.tolist()):
        alarms, column = step(alarms, heights, i, time, policy)
        columns.append(column)
    outcome = outcome_of(Course.of(columns), scores.score, times, on_before)
    if policy.flag_vanished:
        last = np.maximum.accumulate(np.where(heights.scored, times, scored_before[:, None]), axis=1)
        vanished = np.isnan(values) & (last != NEVER) & (times - last <= policy.hold)
        unwanted = blocked == Reason.SUPPRESSED
        outcome.reason[vanished & unwanted] = Reason.SUPPRESSED
        flag_vanished(outcome, vanished & ~unwanted, last)
    return alarms, outcome


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
    blocked = blocked_now(alarms, heights, i, time, policy)
    free, blocked_high = blocked == 0, (heights.blocked[:, i] != 0) & (now >= 1)
    counted = np.where(free, now, 0.0)
    recent = np.concatenate([alarms.recent[:, 1:], counted[:, None]], axis=1)
    enough = np.sort(recent, axis=1)[:, -policy.confirm[0]]
    confirmed, height = np.where(free, np.minimum(now, enough), now), np.minimum(counted, enough)
    active = np.where(on & lasting(counted, alarms.peak, heights.odd[:, i], policy), time, alarms.active)
    unknown = ~scored & (time - alarms.scored <= policy.unscored)  # a gap is no recovery
    going_on = on & ((time - active <= policy.hold) | unknown)
    expired = time - alarms.peaked > policy.rearm
    peak, second = np.where(expired, alarms.second, alarms.peak), np.where(expired, 0.0, alarms.second)
    peaked = np.where(expired, time, alarms.peaked)
    back = ~going_on & (peak >= 1) & (time - alarms.active <= policy.hold + SOON)
    least = np.where(back, WORSE * peak, peak)
    detection = np.where(~going_on & (confirmed > least), confirmed, 0.0)
    starting = free & (detection >= 1)
    near = counted >= policy.exit * peak
    following = Alarms(
        since=np.where(starting, time, np.where(going_on, alarms.since, NEVER)),
        active=np.where(starting, time, active),
        # What gets worse bit by bit is to raise an alarm again in the end.
        peak=np.where(back & ~starting, peak, np.maximum(peak, height)),
        peaked=np.where(near, time, peaked),
        second=np.where(near, 0.0, np.maximum(second, height)),
        recent=recent,
        scored=np.where(scored, time, alarms.scored),
        blocked_at=np.where(blocked_high, time, alarms.blocked_at),
        blocked_by=np.where(blocked_high, blocked, alarms.blocked_by),
    )
    pending = np.asarray((recent >= 1).any(axis=1))
    return following, Course(following.since, following.active, pending, detection, least, blocked)


def lasting(score: Floats, peak: Floats, odd: Bools, policy: Policy) -> Bools:
    """Whether a score keeps an alarm on, where the highest of late is the `peak`; all of shape (S,)."""
    unfaded = score >= np.maximum(FADED * peak, 1.0)
    return np.asarray(unfaded | (odd & (score >= policy.exit)))


def blocked_now(alarms: Alarms, heights: Heights, i: int, time: int, policy: Policy) -> Codes:
    """Why a score in column `i` may not raise an alarm, a `Reason` (S,), 0 where it may.

    In an aftermath it is what led to that; but an alarm that is on goes on.
    """
    blocked, since = heights.blocked[:, i], time - alarms.blocked_at
    odd = heights.odd[:, i] & (since >= policy.averaged)
    aftermath = ~odd & ~alarms.firing & (since <= policy.aftermath)
    return np.where(aftermath & (blocked == 0), alarms.blocked_by, blocked)
