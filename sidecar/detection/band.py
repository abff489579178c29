"""The band of values that would not be flagged: found by asking the detector, not by a model of its own.

Everything stays as it is but the newest value of a series, which is moved outward from the expected value until the
score reaches 1: first in steps that double, then by bisection.
"""

import numpy as np

from sidecar.detection.arrays import Bools, Floats
from sidecar.detection.detector import Models, context_steps, score
from sidecar.detection.settings import Settings

DOUBLINGS = 16
BISECTIONS = 12
FIRST = 1 / 8
"""The first step outward, in ordinary spreads of the series."""


def band(models: Models, values: Floats, expected: Floats, end: int, settings: Settings) -> tuple[Floats, Floats]:
    """Lower and upper limit (S,) for the newest column of `values` (S, T), which lies at `end`.

    Going outward from `expected` (S,), the first value whose score reaches 1; infinite where none does, NaN where the
    newest column is not scored.
    """
    recent = values[:, max(values.shape[1] - context_steps(settings) - 1, 0) :]
    asked = np.concatenate([np.arange(len(values))] * 2)
    side = np.repeat([-1.0, 1.0], len(values))
    search = Search(models.take(asked), recent[asked], np.concatenate([expected, expected]), end, settings)
    limit = search.first_flagged(side)
    known = np.isfinite(expected) & np.isfinite(values[:, -1])
    lower, upper = np.where(known, limit.reshape(2, -1), np.nan)
    return lower, upper


class Search:
    """Asks what the score would be, were the newest value another one."""

    def __init__(self, models: Models, recent: Floats, start: Floats, end: int, settings: Settings) -> None:
        self.models, self.recent, self.start = models, recent.copy(), start
        self.end, self.settings = end, settings
        self.unit = np.maximum(models.unit, np.finfo(np.float64).tiny)

    def flagged(self, newest: Floats) -> Bools:
        """Whether each series would score 1 or more with the `newest` value (S,)."""
        self.recent[:, -1] = newest
        return np.asarray(score(self.models, self.recent, self.end, self.settings, 1).score[:, 0] >= 1)

    def first_flagged(self, side: Floats) -> Floats:
        """The first value (S,) on a `side` (S,), -1 or 1, of the start that would be flagged."""
        inner = np.zeros(len(side))
        outer = np.where(self.flagged(self.start), 0.0, np.nan)
        for power in range(DOUBLINGS):
            reach = FIRST * 2.0**power
            hit = self.flagged(self.start + side * reach * self.unit)
            searching = np.isnan(outer)
            outer = np.where(searching & hit, reach, outer)
            inner = np.where(searching & ~hit, reach, inner)
        for _ in range(BISECTIONS):
            middle = (inner + outer) / 2
            hit = self.flagged(self.start + side * np.nan_to_num(middle) * self.unit)
            inner, outer = np.where(hit, inner, middle), np.where(hit, middle, outer)
        return np.where(np.isnan(outer), side * np.inf, self.start + side * outer * self.unit)
