"""Mistakes in a query that only its series show: told once, as what is meant is for the user to know."""

import numpy as np

from sidecar.detection.arrays import Bools, Floats
from sidecar.prometheus.frame import LabelSet, View

LOOKED_AT = 100
"""The newest steps by which a counter is known."""
RISES = 0.5
"""The share of them at which it has risen: what hardly ever moves may be anything."""
RESET = 0.1
"""A counter that falls begins anew: it is below this share of what it was."""


def without_groups(labels: tuple[LabelSet, ...], wanted: tuple[str, ...]) -> bool:
    """Whether no series has any of the labels that are to tell groups apart: all would be siblings."""
    return not any(name in wanted for label_set in labels for name, _ in label_set)


def counters(frame: View) -> int:
    """How many series only ever grow, by their newest steps: their growth may be meant, and not their value."""
    return int(np.count_nonzero(only_grows(frame.values[:, -LOOKED_AT:])))


def only_grows(values: Floats) -> Bools:
    """Whether each series of `values` (S, n) never falls but to begin anew, and mostly rises; NaN is no sample."""
    before, after = values[:, :-1], values[:, 1:]
    falls = ((after < before) & (after > RESET * before)).any(axis=1)
    rises = np.count_nonzero(after > before, axis=1) >= RISES * LOOKED_AT
    return np.asarray(rises & ~falls & ~(values < 0).any(axis=1))
