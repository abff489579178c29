"""What is kept of each series under watch, and how a series is told apart: a row each."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.alarm import Alarms, Policy
from sidecar.detection.arrays import NEVER, Bools, Floats, Hashes, Times
from sidecar.detection.models import Models
from sidecar.detection.rows import Rows
from sidecar.detection.schedule import Schedule
from sidecar.prometheus.frame import LabelSet, hash_of


def group_of(labels: LabelSet, schedule: Schedule) -> int:
    """The hash of a series' group: of the labels to group by, which siblings have in common; or of all its labels."""
    if schedule.group_by is None:
        return hash_of(labels)
    return hash_of(tuple((name, value) for name, value in labels if name in schedule.group_by and value))


@dataclass(frozen=True, slots=True)
class Watched(Rows):
    """What is kept of each series, a row each.

    Attributes:
        hashes: uint64, of the labels.
        groups: uint64, the same for siblings; decides when a series is fitted.
        asked: int64, the last fit instant that was asked for.
        instant: int64, the fit instant of the model in use.
        models: the models in use.
        failed: bool, whether a fit has failed since the model in use came into use.
        alarms: their alarms after the newest step.
        flagged: bool, whether the flag is on after the newest step.
        told_at: int64, the step at which a change was last told to be taken for normal, unix seconds.
        lower: float64, lower end of the band, NaN where it was not found yet.
        upper: float64, upper end of the band.
        band_step: int64, the step at which the band was found, unix seconds.
    """

    hashes: Hashes
    groups: Hashes
    asked: Times
    instant: Times
    models: Models
    failed: Bools
    alarms: Alarms
    flagged: Bools
    told_at: Times
    lower: Floats
    upper: Floats
    band_step: Times

    @classmethod
    def new(cls, labels: tuple[LabelSet, ...], schedule: Schedule, policy: Policy) -> "Watched":
        """Series that have nothing yet."""
        n = len(labels)
        hashes = np.fromiter((hash_of(label_set) for label_set in labels), np.uint64, n)
        groups = np.fromiter((group_of(label_set, schedule) for label_set in labels), np.uint64, n)
        asked, instant, told_at, band_step = np.full((4, n), NEVER)
        failed, flagged = np.zeros((2, n), bool)
        lower, upper = np.full((2, n), np.nan)
        models, alarms = Models.empty(n, schedule.settings), Alarms.idle(n, policy)
        return cls(hashes, groups, asked, instant, models, failed, alarms, flagged, told_at, lower, upper, band_step)
