"""Older samples in two bytes each, a quarter of what they take as they come.

In each block of steps of the clock the values are counted in equal parts of their range there: where the values are
counts, or have few digits, in so many that all stay what they are, but for the last bits of a double. Of such the equal
ones matter: how rare a value is depends on them. Where there is no such number up to 65,534 it is in so many: the least
and the greatest stay what they are, and any other moves by less than 1/100,000 of the range. What is equal within a
block stays so, what is missing stays missing. Made coarse twice, values are as if made so once, but for the last bits.
"""

from dataclasses import dataclass
from typing import TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

RowIndex: TypeAlias = NDArray[np.intp] | slice
Columns: TypeAlias = NDArray[np.intp] | NDArray[np.bool_] | slice

Number = TypeVar("Number", np.uint16, np.float64)

BLOCK = 64
"""Steps that have a range in common; the first of them is a multiple of so many since 1970."""
MOST, MISSING = 65_534, 65_535
"""Parts of a range at most, and the code of a sample that is missing."""
SAME = 1e-9
"""Shares of a range that are as close are the same, but for what the arithmetic does."""
SCALES = 3
"""Numbers that go with a block."""
ROUND = 2 - 2**0.5
"""What is added before a code is cut to a whole number: no round value lies halfway between two codes, from where it
might go either way once all of a series is multiplied by a constant."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """Samples of some series in two bytes each.

    Attributes:
        codes: uint16, shape (series, n * BLOCK).
        scales: shape (series, 3 * n), of each block half of the least and of the greatest value, NaN where there is
            none, and the parts that lie between them: halves, as the range could be beyond what a double holds.
    """

    codes: NDArray[np.uint16]
    scales: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Coarse":
        """Of finite values of shape (series, n * BLOCK), NaN where one is missing."""
        halves = values.reshape(len(values), values.shape[1] // BLOCK, BLOCK) / 2
        low, high = (extreme.reduce(halves, axis=2)[:, :, None] for extreme in (np.fmin, np.fmax))
        span = high - low
        share = (halves - low) / np.where(span > 0, span, 1.0)
        parts = parts_of(np.nan_to_num(share))[:, :, None]
        codes = np.where(np.isnan(share), MISSING, np.floor(share * parts + ROUND))
        scales = np.concatenate([low, high, parts], axis=2)
        return cls(codes.reshape(values.shape).astype(np.uint16), scales.reshape(len(values), SCALES * halves.shape[1]))

    def read(self, rows: RowIndex, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """The values at some rows and columns."""
        codes, block = picked(self.codes, rows, columns), SCALES * (columns // BLOCK)
        low, high, parts = (picked(self.scales, rows, block + which) for which in range(SCALES))
        share = np.where(codes == MISSING, np.nan, codes / parts)
        return 2 * np.where(codes == parts, high, low + share * (high - low))


def parts_of(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fewest parts (series, blocks) of a range that its shares (series, blocks, steps) are whole numbers of.

    By their greatest common divisor, one share after the other (Euclid); `MOST` where that is too small.
    """
    divisor = np.ones(shares.shape[:2])
    for step in range(shares.shape[2]):
        rest = np.where(divisor < 1 / MOST, 0.0, shares[:, :, step])
        while (going := rest > SAME).any():
            left = np.fmod(divisor, np.where(going, rest, 1.0))
            left[rest - left < SAME] = 0.0
            divisor, rest = np.where(going, rest, divisor), np.where(going, left, 0.0)
        divisor = 1 / np.rint(1 / divisor)  # the range is a whole number of them, too: what errors there were are gone
    parts = np.minimum(np.rint(1 / divisor), MOST)
    counts = shares * parts[:, :, None]
    whole = (np.abs(counts - np.rint(counts)) < SAME * MOST).all(axis=2)
    return np.where(whole, parts, float(MOST))


@dataclass(frozen=True, slots=True)
class Held:
    """Values of shape (series, steps), the older ones coarse, of which parts are read as of an array.

    Attributes:
        coarse: the older ones.
        before: how many columns of these lie before the first step.
        exact: those that follow, shape (series, n).
    """

    coarse: Coarse
    before: int
    exact: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Series and steps."""
        return len(self.exact), self._border + self.exact.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.coarse.codes.nbytes + self.coarse.scales.nbytes + self.exact.nbytes

    def __len__(self) -> int:
        return len(self.exact)

    @overload
    def __getitem__(self, at: RowIndex) -> "Held": ...

    @overload
    def __getitem__(self, at: tuple[RowIndex, Columns]) -> NDArray[np.float64]: ...

    def __getitem__(self, at: RowIndex | tuple[RowIndex, Columns]) -> "Held | NDArray[np.float64]":
        """Some rows; or the values at some rows and columns, these in ascending order."""
        if not isinstance(at, tuple):
            return Held(Coarse(self.coarse.codes[at], self.coarse.scales[at]), self.before, self.exact[at])
        rows, columns = at[0], np.arange(self.shape[1])[at[1]]
        older = int(np.searchsorted(columns, self._border))
        if not older:
            return picked(self.exact, rows, columns - self._border)
        coarse = self.coarse.read(rows, columns[:older] + self.before)
        if older == len(columns):
            return coarse
        return np.concatenate([coarse, picked(self.exact, rows, columns[older:] - self._border)], axis=1)

    def present(self, rows: RowIndex, begin: int, stop: int) -> NDArray[np.bool_]:
        """As the function."""
        (first, last), (newer, newest) = (
            np.clip((begin, stop), *of) for of in ((0, self._border), (self._border, None))
        )
        codes = self.coarse.codes[:, first + self.before : last + self.before][rows]
        exact = self.exact[:, newer - self._border : newest - self._border][rows]
        return np.concatenate([codes != MISSING, ~np.isnan(exact)], axis=1)

    @property
    def _border(self) -> int:
        """The first column that is exact."""
        return int(self.coarse.codes.shape[1]) - self.before


Matrix: TypeAlias = NDArray[np.float64] | Held
"""Values of shape (series, steps)."""


def picked(cells: NDArray[Number], rows: RowIndex, columns: NDArray[np.intp]) -> NDArray[Number]:
    """The cells at some rows and columns, with no copy of all columns in between."""
    if len(columns) and columns[-1] - columns[0] + 1 == len(columns):
        return cells[:, columns[0] : columns[-1] + 1][rows]
    return cells[rows][:, columns] if isinstance(rows, slice) else cells[rows[:, None], columns]


def present(values: Matrix, rows: RowIndex, begin: int, stop: int) -> NDArray[np.bool_]:
    """Whether there is a sample, of some rows in the columns from `begin` to before `stop`."""
    if isinstance(values, Held):
        return values.present(rows, begin, stop)
    return ~np.isnan(values[rows, begin:stop])


def border(end: int, exact: int) -> int:
    """The first step that is not made coarse, where so many up to the step `end` are to stay exact."""
    return (end - exact + 1) // BLOCK * BLOCK


def coarsened(values: NDArray[np.float64], end: int, exact: int) -> NDArray[np.float64]:
    """Values of shape (series, steps) up to the step `end`, with the older ones as precise as they are held for long.

    Those of whole blocks are, as far as these end before the last `exact` steps.
    """
    start = end - values.shape[1] + 1
    first = -start % BLOCK
    last = max(border(end, exact) - start, first)
    if first >= last:
        return values
    return np.concatenate([values[:, :first], rounded(values[:, first:last]), values[:, last:]], axis=1)


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of values of shape (series, n * BLOCK) once they are coarse."""
    return Coarse.of(values).read(slice(None), np.arange(values.shape[1]))
