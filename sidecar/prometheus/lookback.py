"""The newest steps of a set of series in one buffer, which moves on without being copied for every step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import Frame, LabelSet, sharing

Number = TypeVar("Number", np.float64, np.int64)

DTYPE = np.float64
_BLOCK = 64  # rows or columns moved at once: no second matrix is ever held
_SLACK = 128  # one column in so many is room to move on


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a series without the gaps between them: times (n,), unix seconds, ascending, and values (n,)."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Lookback:
    """A window of `length` steps over series that come and go; it starts without a series.

    Args:
        step: seconds between columns.
        length: number of columns.
        end: time of the last column, unix seconds, a multiple of `step`.

    Attributes:
        labels: the label sets of the rows, ascending; the same object for as long as the rows are the same.
        seen: int64, shape (rows,), time of the newest answer that had the series.
        counts: int64, shape (rows,), number of samples in the window.
    """

    def __init__(self, step: int, length: int, end: int) -> None:
        self.step, self.length, self.end = step, length, end
        self.labels: tuple[LabelSet, ...] = ()
        self.seen = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self._row_of: dict[LabelSet, int] = {}
        self._left = 0
        self._buffer = np.empty((0, length + max(16, length // _SLACK)), DTYPE)

    @property
    def start(self) -> int:
        """Time of the first column, unix seconds."""
        return self.end - (self.length - 1) * self.step

    def rows(self, labels: Sequence[LabelSet]) -> NDArray[np.int64]:
        """Return the row of each label set, -1 for those that are not held."""
        return np.fromiter((self._row_of.get(label_set, -1) for label_set in labels), np.int64, len(labels))

    def frame(self) -> Frame:
        """Return the window, read-only; its values are good until the window changes."""
        values = self._window[:]
        values.flags.writeable = False
        return Frame(self.labels, self.start, self.step, values)

    def slide(self, end: int) -> None:
        """Move the window on to `end`; its new columns have no samples yet."""
        steps = min((end - self.end) // self.step, self.length)
        self.counts -= _samples(self._window[:, :steps])
        self.end = end
        self._left += steps
        if self._left + self.length > self._buffer.shape[1]:
            self._compact(self.length - steps)
        self._window[:, self.length - steps :] = np.nan

    def arrange(self, labels: Sequence[LabelSet]) -> None:
        """Make `labels`, ascending, the rows: known ones keep their samples, new ones have none, others go."""
        rows = self.rows(labels)
        new = rows < 0
        self._move_rows(rows, new)
        self.seen = np.where(new, self.start - self.step, _taken(self.seen, rows))
        self.counts = np.where(new, 0, _taken(self.counts, rows))
        known = self.labels
        pairs = {pair: pair for label_set in known for pair in label_set}
        self.labels = tuple(
            sharing(label_set, pairs) if row < 0 else known[row]
            for label_set, row in zip(labels, rows.tolist(), strict=True)
        )
        self._row_of = {label_set: row for row, label_set in enumerate(self.labels)}

    def write(self, frame: Frame) -> None:
        """Put the samples of a frame within the window into their place; where it has none, what is held stays."""
        rows, values = self._held(frame)
        left = (frame.start - self.start) // self.step
        place = self._window[:, left : left + values.shape[1]]
        held = place[rows]
        merged = np.where(np.isnan(values), held, values)
        self.counts[rows] += _samples(merged) - _samples(held)
        place[rows] = merged
        self.seen[rows] = np.maximum(self.seen[rows], newest_samples(frame.end, frame.step, values))

    def samples(self, row: int) -> Samples:
        """Return the samples of a row."""
        held = self._window[row]
        columns = np.flatnonzero(np.isfinite(held))
        return Samples(self.start + columns * self.step, held[columns])

    def put_back(self, labels: LabelSet, samples: Samples) -> None:
        """Put samples that were held before into the row of a series, as far as the window still reaches."""
        row, left = self._row_of[labels], int(np.searchsorted(samples.times, self.start))
        times = samples.times[left:]
        self._window[row, (times - self.start) // self.step] = samples.values[left:]
        self.counts[row] += len(times)
        self.seen[row] = max(self.seen[row], times.max(initial=self.start - self.step))

    @property
    def _window(self) -> NDArray[np.float64]:
        return self._buffer[: len(self.labels), self._left : self._left + self.length]

    def _held(self, frame: Frame) -> tuple[slice | NDArray[np.int64], NDArray[np.float64]]:
        """Return where the rows of a frame stand, and their values; rows that are not held are left out."""
        if frame.labels == self.labels:
            return slice(None), frame.values
        rows = self.rows(frame.labels)
        return rows[rows >= 0], frame.values[rows >= 0]

    def _move_rows(self, rows: NDArray[np.int64], new: NDArray[np.bool_]) -> None:
        held = self._window
        buffer, left = self._room(len(rows))
        target = buffer[: len(rows), left : left + self.length]
        for first in range(0, self.length, _BLOCK):
            moved = _taken(held[:, first : first + _BLOCK], rows)
            moved[new] = np.nan
            target[:, first : first + _BLOCK] = moved
        self._buffer, self._left = buffer, left

    def _room(self, rows: int) -> tuple[NDArray[np.float64], int]:
        """Return the buffer and the left edge of the window, or new ones where it has too few or far too many rows."""
        capacity, width = self._buffer.shape
        if capacity // 2 <= rows <= capacity:
            return self._buffer, self._left
        return np.empty((rows + rows // 8, width), DTYPE), 0

    def _compact(self, kept: int) -> None:
        """Move the window to the left edge of the buffer; only its first `kept` columns count."""
        for top in range(0, len(self.labels), _BLOCK):
            block = self._buffer[top : min(top + _BLOCK, len(self.labels))]
            block[:, :kept] = block[:, self._left : self._left + kept].copy()
        self._left = 0


def newest_samples(end: int, step: int, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the time of the newest sample of each row of values that end at `end`, and `end` where there is none."""
    known = np.isfinite(values[:, ::-1])
    newest: NDArray[np.int64] = end - step * known.argmax(axis=1)
    return newest


def _samples(values: NDArray[np.float64]) -> NDArray[np.int64]:
    samples: NDArray[np.int64] = np.isfinite(values).sum(axis=1)
    return samples


def _taken(values: NDArray[Number], rows: NDArray[np.int64]) -> NDArray[Number]:
    """Return the rows asked for; which one stands for a negative index does not matter."""
    if len(values) == 0:
        return np.empty((len(rows), *values.shape[1:]), values.dtype)
    return values[rows]
