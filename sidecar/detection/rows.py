"""Records of arrays that all have a row per series."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Rows:
    """A frozen dataclass whose fields are arrays with a leading axis of series, or further `Rows`."""

    def parts(self) -> list[Any]:
        """The fields' values, in order."""
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]

    def arrays(self) -> list[NDArray[Any]]:
        """All arrays, those of further records in their place."""
        return [array for part in self.parts() for array in (part.arrays() if isinstance(part, Rows) else [part])]

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        """Some rows, in that order: a copy, or a view where a slice is asked for."""
        return type(self)(*(part.take(rows) if isinstance(part, Rows) else part[rows] for part in self.parts()))

    def put(self, rows: NDArray[np.intp] | slice, other: Self) -> None:
        """Overwrites some rows, in place, with those of another record."""
        for mine, theirs in zip(self.parts(), other.parts(), strict=True):
            if isinstance(mine, Rows):
                mine.put(rows, theirs)
            else:
                mine[rows] = theirs

    @classmethod
    def concatenate(cls, records: Sequence[Self]) -> Self:
        """All rows of some records."""
        columns = zip(*(record.parts() for record in records), strict=True)
        return cls(*(type(of[0]).concatenate(of) if isinstance(of[0], Rows) else np.concatenate(of) for of in columns))
