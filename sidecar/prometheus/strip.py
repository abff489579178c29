"""Matrices whose columns move on, without being copied for every step, and whose rows come and go."""

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.coarse import BLOCK, MISSING, SCALES, Coarse, RowIndex

Number = TypeVar("Number", np.float64, np.uint16)

_MOVED = 64  # rows or columns moved at once: no second matrix is ever held
_SLACK = 128  # one column in so many is room to move on


class Strip(Generic[Number]):
    """The `length` newest columns of some rows, none at first; `blank` is what new cells hold."""

    def __init__(self, length: int, blank: Number) -> None:
        self.length = length
        self._blank: Number = blank
        self._rows = self._left = 0
        width = length + min(length, max(16, length // _SLACK))
        self._buffer: NDArray[Number] = np.empty((0, width), blank.dtype)

    @property
    def cells(self) -> NDArray[Number]:
        """All of them, shape (rows, length), to be read and written until the strip moves on."""
        cells: NDArray[Number] = self._buffer[: self._rows, self._left : self._left + self.length]
        return cells

    def slide(self, columns: int) -> None:
        """Let so many columns go on the left; as many new ones come on the right."""
        columns = min(columns, self.length)
        self._left += columns
        if self._left + self.length > self._buffer.shape[1]:
            self._compact(self.length - columns)
        self.cells[:, self.length - columns :] = self._blank

    def arrange(self, rows: NDArray[np.int64]) -> None:
        """Make these the rows: -1 stands for a new one, those not named go."""
        held = self.cells
        buffer, left = self._room(len(rows))
        target = buffer[: len(rows), left : left + self.length]
        for first in range(0, self.length, _MOVED):
            moved = taken(held[:, first : first + _MOVED], rows)
            moved[rows < 0] = self._blank
            target[:, first : first + _MOVED] = moved
        self._buffer, self._left, self._rows = buffer, left, len(rows)

    def _room(self, rows: int) -> tuple[NDArray[Number], int]:
        """Return the buffer and the left edge of the window, or new ones where it has too few or far too many rows."""
        capacity, width = self._buffer.shape
        if capacity // 2 <= rows <= capacity:
            return self._buffer, self._left
        return np.empty((rows + rows // 8, width), self._buffer.dtype), 0

    def _compact(self, kept: int) -> None:
        """Move the cells to the left edge of the buffer; only the first `kept` columns count."""
        for top in range(0, self._rows, _MOVED):
            block = self._buffer[top : min(top + _MOVED, self._rows)]
            block[:, :kept] = block[:, self._left : self._left + kept].copy()
        self._left = 0


def taken(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return the rows asked for; which one stands for a negative index does not matter."""
    if len(values) == 0:
        return np.empty((len(rows), *values.shape[1:]), values.dtype)
    return values[rows]


class CoarseStrip:
    """The newest blocks of samples that were made coarse, `length` steps in all."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._codes = Strip(length, np.uint16(MISSING))
        self._scales = Strip(SCALES * length // BLOCK, np.float64(np.nan))

    @property
    def cells(self) -> Coarse:
        """All of them, to be read until the strip moves on."""
        return Coarse(self._codes.cells, self._scales.cells)

    def append(self, block: NDArray[np.float64]) -> None:
        """Take in a block that follows, shape (rows, BLOCK); the oldest one goes."""
        self._codes.slide(BLOCK)
        self._scales.slide(SCALES)
        self.rewrite(slice(None), block, self.length - BLOCK)

    def rewrite(self, rows: RowIndex, values: NDArray[np.float64], first: int) -> None:
        """Put values in place of what some rows hold from the column `first` on."""
        last = first + values.shape[1]
        begin, end = first // BLOCK * BLOCK, -(-last // BLOCK) * BLOCK
        whole = self.cells.read(rows, np.arange(begin, end))
        whole[:, first - begin : last - begin] = values
        coarse = Coarse.of(whole)
        self._codes.cells[rows, begin:end] = coarse.codes
        self._scales.cells[rows, SCALES * begin // BLOCK : SCALES * end // BLOCK] = coarse.scales

    def arrange(self, rows: NDArray[np.int64]) -> None:
        """As `Strip.arrange`."""
        self._codes.arrange(rows)
        self._scales.arrange(rows)
