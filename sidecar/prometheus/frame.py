"""The one shape of data in the project: the samples of a query as a matrix of series x steps."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LabelSet: TypeAlias = tuple[tuple[str, str], ...]
"""The labels of a series as (name, value) pairs, sorted by name: hashable, and equal when the series are."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The samples of one query over an aligned range, a row per series and a column per step.

    Attributes:
        labels: one label set per row, in ascending order.
        start: time of the first column, unix seconds, a multiple of `step`.
        step: seconds between columns.
        values: float64, shape (series, steps), NaN where there is no sample.
    """

    labels: tuple[LabelSet, ...]
    start: int
    step: int
    values: NDArray[np.float64]

    @property
    def end(self) -> int:
        """Time of the last column, unix seconds; a step before `start` where there is no column."""
        return self.start + (self.values.shape[1] - 1) * self.step

    @property
    def times(self) -> NDArray[np.int64]:
        """Times of the columns, unix seconds."""
        return self.start + self.step * np.arange(self.values.shape[1], dtype=np.int64)
