"""The band of values that would not be flagged: found by asking the detector, not by a model of its own.

Everything stays as it is but the value of a column, which is moved outward from the expected value until the score
reaches the threshold: first in steps that double, then by bisection.
"""

import numpy as np

from sidecar.detection.arrays import Bools, Floats
from sidecar.detection.columns import TINY, Panel
from sidecar.detection.detector import answer
from sidecar.detection.features import Past
from sidecar.detection.models import Models
from sidecar.detection.settings import Settings
from sidecar.detection.tables import Lookup
from sidecar.prometheus.coarse import Matrix

DOUBLINGS = 16
"""Steps outward, at most, each of which ends twice as far out as the one before: what lies past them is infinite."""
BISECTIONS = 12
"""How often the stretch is halved between the last step that is not flagged and the first that is."""
FIRST = 1 / 8
"""The first step outward, in ordinary spreads of the series."""

AT_ONCE = 2_048
"""About how many columns, of all series together, are searched at once: it bounds the memory."""


def band(
    models: Models, values: Matrix, expected: Floats, end: int, settings: Settings, *, threshold: float = 1.0
) -> tuple[Floats, Floats]:
    """Lower and upper limit (S, n) for the last n columns of `values` (S, T), of which the last lies at `end`.

    Going outward from `expected` (S, n), the first value whose score reaches `threshold`; infinite where none does, NaN
    where a column has no value or nothing was expected.
    """
    n, at_once = expected.shape[1], max(AT_ONCE // max(len(values), 1), 1)
    limits = np.full((2, *expected.shape), np.nan)
    for first in range(0, n, at_once) if len(values) else ():
        block, after = slice(first, first + at_once), max(n - first - at_once, 0)
        until = values[:, : values.shape[1] - after] if after else values
        search = Search(models, until, expected[:, block], end - after * settings.step, settings)
        limits[:, :, block] = search.first_flagged(threshold)
    known = np.isfinite(expected) & np.isfinite(values[:, values.shape[1] - n :])
    lower, upper = np.where(known, limits, np.nan)
    return lower, upper


class Search:
    """Asks what the scores would be, were the values of the last columns others, the past being what it was.

    Each column stands here twice: once for the values below the start, once for those above.
    """

    def __init__(self, models: Models, values: Matrix, start: Floats, end: int, settings: Settings) -> None:
        n = start.shape[1]
        panel = Panel.behind(values, end, settings, n)
        at = np.arange(panel.width - n, panel.width)
        self.models, self.settings = models, settings
        self.lookup = Lookup.of(models.tables)
        self.past = Past.of(models.basis, panel, np.concatenate([at, at]))
        self.start = np.concatenate([start, start], axis=1)
        self.outward = np.repeat([-1.0, 1.0], n) * np.maximum(models.basis.unit, TINY)[:, None]

    def flagged(self, reach: Floats | float, threshold: float) -> Bools:
        """Whether each column would reach the threshold, were its value so many spreads away from the start."""
        score, _ = answer(self.models, self.lookup, self.past, self.start + reach * self.outward, self.settings)
        return np.asarray(score >= threshold)

    def first_flagged(self, threshold: float) -> Floats:
        """The first values (2, S, n) below and above the start that would be flagged."""
        inner = np.zeros(self.start.shape)
        outer = np.where(self.flagged(0.0, threshold), 0.0, np.inf)
        for reach in FIRST * np.exp2(np.arange(DOUBLINGS)):
            searching = np.isinf(outer)
            if not searching.any():
                break
            hit = self.flagged(reach, threshold)
            outer = np.where(searching & hit, reach, outer)
            inner = np.where(searching & ~hit, reach, inner)
        for _ in range(BISECTIONS):
            middle = np.where(np.isinf(outer), 0.0, (inner + outer) / 2)
            hit = self.flagged(middle, threshold)
            inner, outer = np.where(hit, inner, middle), np.where(hit, middle, outer)
        return np.stack(np.split(self.start + outer * self.outward, 2, axis=1))
