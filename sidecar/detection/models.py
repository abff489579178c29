"""What is known of series, and what is said of their columns: the rows that go between fitting, scoring and showing."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Bools, Floats
from sidecar.detection.combination import Grounds
from sidecar.detection.features import Basis, names
from sidecar.detection.rows import Rows
from sidecar.detection.settings import Settings
from sidecar.detection.tables import Tables


@dataclass(frozen=True, slots=True)
class Models(Rows):
    """What is usual for each series: a row per series.

    Attributes:
        tables: how rare which value of a feature is.
        basis: what the features are measured with.
        age: (S,) buckets since the first sample that the model knows.
        habit: (S,) by how many decades the series' bars are higher than those of others.
        recurrence: (S,) how many times higher they are.
        median_ratio: (S,) the median of the ratios to the threshold, as before `on_scale`, in the later half of the
            series' own past.
        fitted: (S,) False where a row has had too little history, and is not scored.
    """

    tables: Tables
    basis: Basis
    age: Floats
    habit: Floats
    recurrence: Floats
    median_ratio: Floats
    fitted: Bools

    @classmethod
    def empty(cls, rows: int, settings: Settings) -> "Models":
        """Models of series that were never fitted."""
        tables, (age, habit, median_ratio) = Tables.empty(rows, len(names(settings))), np.zeros((3, rows))
        return cls(tables, Basis.empty(rows), age, habit, np.ones(rows), median_ratio, np.zeros(rows, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.fitted)

    @property
    def grounds(self) -> Grounds:
        """What their answers rest on."""
        return Grounds(self.tables.known, self.age, self.habit, self.recurrence)


@dataclass(frozen=True, slots=True)
class Scores(Rows):
    """What the detector says of the last n columns; NaN where it says nothing.

    Attributes:
        score: (S, n) 1 is the threshold, higher is rarer, 0.5 the middle of a series' ordinary columns.
        expected: (S, n) the value that was to be expected.
        rarity: (S, F, n) of each feature, in the order of `features.names`.
    """

    score: Floats
    expected: Floats
    rarity: Floats

    @classmethod
    def blank(cls, series: int, columns: int, settings: Settings) -> "Scores":
        """Nothing scored."""
        unknown = np.full((series, columns), np.nan)
        return cls(unknown, unknown.copy(), np.zeros((series, len(names(settings)), columns)))

    def columns(self, which: slice) -> "Scores":
        """Some columns."""
        return Scores(*(part[..., which] for part in self.parts()))
