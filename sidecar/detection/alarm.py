"""From scores to flags: the alarm of each series as a state machine over its steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.detection.rows import Rows

EXIT = 0.7
"""Score below which an alarm ends: lower than its threshold, so that flags do not flicker within an episode."""

NEVER = -1


@dataclass(frozen=True, slots=True)
class Alarms(Rows):
    """The alarm of each series.

    Attributes:
        since: int64 of shape (series,), when the alarm began, unix seconds; NEVER where there is none.
    """

    since: NDArray[np.int64]

    @classmethod
    def idle(cls, series: int) -> "Alarms":
        """No alarm anywhere."""
        return cls(np.full(series, NEVER, np.int64))

    @property
    def firing(self) -> NDArray[np.bool_]:
        """Whether the alarm of each series is on."""
        firing: NDArray[np.bool_] = self.since != NEVER
        return firing


def advance(
    alarms: Alarms, scores: NDArray[np.float64], material: NDArray[np.bool_], times: NDArray[np.int64]
) -> tuple[Alarms, NDArray[np.bool_]]:
    """Runs the alarms over some steps.

    Args:
        alarms: as they were before the first of the steps.
        scores: shape (series, steps); a step that is not scored changes nothing.
        material: shape (series, steps), whether the step may begin an alarm.
        times: shape (steps,), unix seconds.

    Returns:
        The alarms after the last step, and the flags, bool of shape (series, steps).
    """
    since = alarms.since.copy()
    flags = np.zeros(scores.shape, bool)
    for column, time in enumerate(times):
        score = scores[:, column]
        since[(since != NEVER) & (score < EXIT)] = NEVER
        since[(since == NEVER) & (score >= 1) & material[:, column]] = time
        flags[:, column] = since != NEVER
    return Alarms(since), flags
