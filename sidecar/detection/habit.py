"""How much higher the bars of a series are for its own past: it came over them too often, or again and again."""

from collections.abc import Sequence

import numpy as np

from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.settings import DAY, Settings

ALARM = Policy()
"""What counts as one alarm, whatever a query has made of it: a model does not depend on that."""
HABITUAL, MOST_HABIT = 0.4, 0.25
"""The share of the decades beyond the budget that is laid to the series, and not to incidents in its past; and the most
decades, so that no past silences a series."""
SPANS, OFTEN, SPAN = 5, 4, 4 * DAY
MOST_RECURRENCE = 2.0
"""What comes in four of the last five spans of so many seconds is no news; and how many times higher it may make bars.
"""


def habit_of(past: Floats, every: Floats, settings: Settings) -> Floats:
    """Decades (S,) by which the bars rise: HABITUAL * log10(alarms / allowed), from 0 to MOST_HABIT.

    `past` (S, n) is how near the threshold each training column came, NaN where unknown; `every` (S,) the seconds
    between columns.
    """
    places, near = np.arange(past.shape[1]), past >= ALARM.exit
    apart = (places - before(np.where(near, places, -np.inf))) * every[:, None]
    incident = np.cumsum(near & (apart > ALARM.rearm), axis=1)
    alarms = np.count_nonzero((past >= 1) & (incident > before(np.where(past >= 1, incident, 0))), axis=1)
    allowed = np.maximum(settings.alarm_budget * every * np.count_nonzero(~np.isnan(past), axis=1), 1.0)
    return decades(alarms, allowed)


def decades(alarms: Ints, allowed: Floats) -> Floats:
    """What so many alarms of a past raise the bars by, where so many are allowed; any shape."""
    return np.asarray(np.minimum(HABITUAL * np.log10(np.maximum(alarms / allowed, 1.0)), MOST_HABIT))


def recurrence_of(past: Floats, every: Floats) -> Floats:
    """Factor (S,) on the bars, from 1 to MOST_RECURRENCE.

    It is the highest ratio that was reached in at least OFTEN of the last SPANS spans: 1 where the past has fewer.
    `past` (S, n) and `every` (S,) are those of `habit_of`.
    """
    span = np.arange(past.shape[1])[::-1] * every[:, None] // SPAN
    known = np.nan_to_num(past)
    return often([np.where(span == number, known, 0.0).max(axis=1, initial=0.0) for number in range(SPANS)])


def often(highest: Sequence[Floats]) -> Floats:
    """The factor that the highest ratio of each of the SPANS spans comes to; any shape."""
    return np.asarray(np.clip(np.sort(highest, axis=0)[SPANS - OFTEN], 1.0, MOST_RECURRENCE))


def before(values: Floats | Ints) -> Floats:
    """The greatest of all values (S, n) before each column, minus infinity for the first."""
    greatest = np.maximum.accumulate(values, axis=1)
    return np.concatenate([np.full((len(values), 1), -np.inf), greatest[:, :-1]], axis=1)
