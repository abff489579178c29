"""When flags are not wanted: during deploys, maintenance and the like, as a PromQL expression tells."""

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import LabelSet, View
from sidecar.prometheus.history import History


class Suppression:
    """The steps at which a condition holds, for each series it concerns.

    A sample of the condition that is not 0 concerns every series that has all of its labels; one without labels
    concerns all of them.

    Attributes:
        history: the samples of the condition.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._concerned: NDArray[np.bool_] = np.zeros((0, 0), bool)
        self._known: tuple[tuple[LabelSet, ...], tuple[LabelSet, ...]] = ((), ())

    def mask(self, frame: View, condition: View) -> NDArray[np.bool_]:
        """Whether the condition holds, for each series of the frame and each of its steps, by its own samples."""
        if self._known != (frame.labels, condition.labels):
            self._known = (frame.labels, condition.labels)
            self._concerned = concerned(frame.labels, condition.labels)
        holds = np.nan_to_num(condition.values[:, :]) != 0
        mask = np.zeros(frame.values.shape, bool)
        width = min(len(frame.times), len(condition.times))
        # In numbers, whose products a library makes: those of bools are a hundred times slower.
        any_holds = self._concerned.astype(np.float32) @ holds[:, len(condition.times) - width :].astype(np.float32)
        mask[:, len(frame.times) - width :] = any_holds > 0
        return mask


def concerned(series: tuple[LabelSet, ...], conditions: tuple[LabelSet, ...]) -> NDArray[np.bool_]:
    """Whether each series, a row, has all labels of each condition, a column."""
    wanted = [set(labels) for labels in conditions]
    found = [[labels <= own for labels in wanted] for own in map(set, series)]
    return np.array(found, bool).reshape(len(series), len(conditions))
