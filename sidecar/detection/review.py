"""One series looked at again: what the loop has said of its newest steps, computed anew from the same state."""

from dataclasses import dataclass

from sidecar.detection.account import Account, accounts
from sidecar.detection.alarm import Alarms, Policy, advance
from sidecar.detection.arrays import NEVER, Bools, Floats
from sidecar.detection.band import band
from sidecar.detection.detector import score
from sidecar.detection.models import Models
from sidecar.detection.schedule import Schedule
from sidecar.detection.watch import Verdicts
from sidecar.prometheus.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """All that the loop knows of one series, as a copy that nothing changes.

    Attributes:
        frame: its samples up to the newest step that was scored, one row.
        models: its model in use, one row.
        instant: the fit instant of that model, unix seconds; `NEVER` where there is none.
        schedule: the query's.
        policy: the query's.
        suppressed: shape (1, steps), where no alarm may begin; the last column is that of the frame.
    """

    frame: Frame
    models: Models
    instant: int
    schedule: Schedule
    policy: Policy
    suppressed: Bools | None = None


def review(case: Case) -> Verdicts:
    """Score a series' newest steps with its model in use, and replay its alarm over them; shape (1, steps).

    The steps are those from the replay on that the loop begins when it changes to a model. So from that change on
    scores and flags are exactly what the loop has said; those of the replay are what it would have said with this
    model. Where there is no model, nothing is scored.
    """
    frame, width = case.frame, len(case.frame.times)
    in_effect = case.instant + case.schedule.lead if case.instant != NEVER else frame.end
    last = min(max(case.schedule.replay_steps + (frame.end - in_effect) // frame.step + 1, 1), width)
    if case.suppressed is not None:  # when fits are overdue, it is known of fewer steps
        last = min(last, case.schedule.judged_steps)
    verdicts = Verdicts.blank(frame, last, case.schedule.settings)
    if case.instant == NEVER or last == 0:
        return verdicts
    scores = score(case.models, frame.values, frame.end, case.schedule.settings, last)
    suppressed = None if case.suppressed is None else case.suppressed[:, -last:]
    alarms = Alarms.idle(1, case.policy)
    _, outcome = advance(alarms, scores, verdicts.values, verdicts.times, case.policy, suppressed=suppressed)
    return Verdicts(verdicts.times, verdicts.values, scores, outcome)


def account(case: Case, verdicts: Verdicts) -> Account | None:
    """Why the newest step of a review scores what it scores; None where it has no score."""
    if not len(verdicts.times):
        return None
    [why] = accounts(case.models, verdicts.scores, case.schedule.settings)
    return why


def bands(case: Case, verdicts: Verdicts, last: int) -> tuple[Floats, Floats]:
    """Lower and upper end (last,) of the values that would not be flagged, for the newest steps of a review."""
    frame, expected = case.frame, verdicts.scores.expected[:, len(verdicts.times) - last :]
    lower, upper = band(case.models, frame.values, expected, frame.end, case.schedule.settings)
    return lower[0], upper[0]
