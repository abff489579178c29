"""What the past of a model makes of its bars, for many choices of bars: only what comes near them is looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.series import Floats
from sidecar.detection.arrays import Ints
from sidecar.detection.habit import ALARM, SPAN, SPANS, decades, often
from sidecar.detection.lesson import later

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Past:
    """How near its bar each of P parts came in the columns that a model was fitted on.

    Attributes:
        answers: (P, n) of the columns with something to learn, those with the highest answers first.
        place: (n,) which of all columns each of these is.
        later: (P, k) of the later half of all columns.
        columns: how many there are in all.
        every: seconds from one to the next.
    """

    answers: Singles
    place: Ints
    later: Singles
    columns: int
    every: float

    @classmethod
    def of(cls, answers: NDArray[np.float16], every: float) -> "Past":
        """Of the answers (P, N) of all columns, NaN where there is nothing to learn."""
        whole = answers.astype(np.float64)
        known = ~np.isnan(whole.max(axis=0))
        place = np.flatnonzero(known)
        place = place[np.argsort(-whole[:, place].max(axis=0), kind="stable")]
        half = later(np.where(known, whole, np.nan))
        half = half[:, ~np.isnan(half[0])]
        return cls(whole[:, place].astype(np.float32), place, half.astype(np.float32), len(known), every)

    def habit(self, factors: Floats, budget: float) -> float:
        """As the product's, with the bars times `factors` (P,) and a `budget` of so many alarms per second."""
        place, answer = self._above(ALARM.exit, factors)
        incident = np.cumsum(np.diff(place, prepend=-np.inf) * self.every > ALARM.rearm)
        alarms = np.array(len(np.unique(incident[answer >= 1])))
        return float(decades(alarms, np.maximum(budget * self.every * len(self.place), 1.0)))

    def recurrence(self, factors: Floats) -> float:
        """As the product's, with the bars times `factors` (P,)."""
        place, answer = self._above(1.0, factors)
        span = (self.columns - 1 - place) * self.every // SPAN
        return float(often([answer[span == number].max(initial=0.0) for number in range(SPANS)]))

    def usual(self, own: Floats) -> float:
        """The usual ratio, with the answers times `own` (P,); 0 where nothing was learnt."""
        ratio = (self.later * own[:, None].astype(np.float32)).max(axis=0)
        return float(np.median(ratio)) if len(ratio) else 0.0

    def _above(self, least: float, factors: Floats) -> tuple[Ints, Singles]:
        """The places, in their order, and the answers of the columns that come so near to bars times `factors` (P,)."""
        highest = self.answers.max(axis=0)
        some = slice(0, int(np.searchsorted(-highest, -least * factors.min(), side="right")))
        answer = (self.answers[:, some] / factors[:, None].astype(np.float32)).max(axis=0, initial=0.0)
        order = np.argsort(self.place[some])
        order = order[answer[order] >= least]
        return self.place[some][order], answer[order]
