"""Fits to be done: which series on which samples, put together where the samples are and done anywhere.

What runs them, a process of its own say, imports this module and what it needs: little, so that it begins soon.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Bools, Floats, Hashes
from sidecar.detection.detector import fit
from sidecar.detection.models import Models
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings, days_reach
from sidecar.detection.siblings import Siblings, teachers
from sidecar.prometheus.coarse import BLOCK, coarsened, present
from sidecar.prometheus.frame import LabelSet, View

JOB_SERIES = 256
"""The most series of one fit, so that the first models arrive while the others are still fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class FitJob:
    """Series whose models are due, and the samples to fit them on.

    Attributes:
        labels: the series.
        instant: time of the last column, unix seconds.
        values: shape (rows, steps), the fit window of the series and, behind them, of siblings that only teach. It
            begins earlier, with a block: what becomes coarse does so in whole ones.
        settings: the query's.
        siblings: which rows belong together; None where each stands for itself.
    """

    labels: tuple[LabelSet, ...]
    instant: int
    values: Floats
    settings: Settings
    siblings: Siblings | None = None

    def run(self) -> Models:
        """Fits the models, a row per series."""
        settings = self.settings
        values = coarsened(self.values, self.instant // settings.step, days_reach(settings))
        models = fit(values[:, -settings.fit_steps :], self.instant, settings, self.siblings)
        return models.take(slice(len(self.labels)))


def run(jobs: Sequence[FitJob]) -> list[Models]:
    """Does the fits one after the other."""
    return [job.run() for job in jobs]


def jobs_of(
    frame: View, instant: int, due: Bools, schedule: Schedule, *, groups: Hashes, hashes: Hashes
) -> Iterator[FitJob]:
    """The fits of the rows of a frame that are `due` at an instant; siblings follow each other.

    `hashes` (rows,) are those of the labels, `groups` those of the labels that siblings have in common.
    """
    settings, alone = schedule.settings, schedule.group_by is None
    stop = max((instant - frame.start) // frame.step + 1, 0)
    window = max(stop - settings.fit_steps, 0), stop
    begin = max(window[0] - (frame.start // frame.step + window[0]) % BLOCK, 0)
    if alone:
        teaches = due
    else:
        samples = np.count_nonzero(present(frame.values, slice(None), *window), axis=1)
        teaches = teachers(groups, hashes, np.asarray(samples), settings.min_steps)
    rows = np.flatnonzero(due)
    rows = rows[np.argsort(groups[rows], kind="stable")]
    for fitted in (rows[i : i + JOB_SERIES] for i in range(0, len(rows), JOB_SERIES)):
        others = np.setdiff1d(np.flatnonzero(teaches & np.isin(groups, groups[fitted])), fitted)
        whole = np.concatenate([fitted, others])
        siblings = None if alone else Siblings.of(groups[whole], teaches[whole])
        labels = tuple(frame.labels[row] for row in fitted)
        yield FitJob(labels, instant, frame.values[whole, begin:stop], settings, siblings)
