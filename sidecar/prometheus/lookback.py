"""The newest steps of a set of series: the last of them as they came, those before coarse."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.coarse import BLOCK, Held, Matrix, RowIndex, border
from sidecar.prometheus.frame import Frame, LabelSet, View, sharing
from sidecar.prometheus.strip import CoarseStrip, Strip, taken


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
        exact: how many of the newest columns are to be held as they came, `BLOCK` or more; those before become coarse
            block by block.

    Attributes:
        labels: the label sets of the rows, ascending; the same object for as long as the rows are the same.
        seen: int64, shape (rows,), time of the newest answer that had the series.
        counts: int64, shape (rows,), number of samples in the window.
    """

    def __init__(self, step: int, length: int, end: int, exact: int) -> None:
        self.step, self.length, self.end = step, length, end
        self.labels: tuple[LabelSet, ...] = ()
        self.seen = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self._row_of: dict[LabelSet, int] = {}
        self._exact_steps = min(exact, length)
        blocks = -(-(length - self._exact_steps) // BLOCK)
        self._coarse = CoarseStrip(blocks * BLOCK)
        # A block becomes coarse as a whole: for up to a step less than its length more are exact.
        self._exact = Strip(self._exact_steps + (BLOCK - 1 if blocks else 0), np.float64(np.nan))

    @property
    def start(self) -> int:
        """Time of the first column, unix seconds."""
        return self.end - (self.length - 1) * self.step

    def rows(self, labels: Sequence[LabelSet]) -> NDArray[np.int64]:
        """Return the row of each label set, -1 for those that are not held."""
        return np.fromiter((self._row_of.get(label_set, -1) for label_set in labels), np.int64, len(labels))

    def view(self) -> View:
        """Return the window, to be read until it changes."""
        return View(self.labels, self.start, self.step, self._values)

    def write(self, frame: Frame) -> None:
        """Put the samples of a frame into their place; where it has none, what is held stays.

        It begins within the window, or a step after it.  Where it ends later, the window moves on as it goes.
        """
        rows, values = self._rows_of(frame)
        first, steps = frame.start // self.step, values.shape[1]
        cuts = [0, *range(BLOCK - first % BLOCK, steps, BLOCK), steps]
        for left, right in pairwise(cuts):
            self.slide(frame.start + (right - 1) * self.step)
            self._merge(rows, values[:, left:right], frame.start + left * self.step)
        self.seen[rows] = np.maximum(self.seen[rows], newest_samples(frame.end, frame.step, values))

    def slide(self, end: int) -> None:
        """Move the window on to `end`, if that is later; its new columns have no samples yet."""
        while self.end < end:
            steps = min((end - self.end) // self.step, BLOCK)
            self.counts -= _samples(self._values[:, :steps])
            if self._coarse.length and self._border(steps) > self._border(0):
                self._coarse.append(self._exact.cells[:, self._first_exact : self._first_exact + BLOCK])
            self._exact.slide(steps)
            self.end += steps * self.step

    def arrange(self, labels: Sequence[LabelSet]) -> None:
        """Make `labels`, ascending, the rows: known ones keep their samples, new ones have none, others go."""
        rows = self.rows(labels)
        new = rows < 0
        self._exact.arrange(rows)
        self._coarse.arrange(rows)
        self.seen = np.where(new, self.start - self.step, taken(self.seen, rows))
        self.counts = np.where(new, 0, taken(self.counts, rows))
        known = self.labels
        pairs = {pair: pair for label_set in known for pair in label_set}
        self.labels = tuple(
            sharing(label_set, pairs) if row < 0 else known[row]
            for label_set, row in zip(labels, rows.tolist(), strict=True)
        )
        self._row_of = {label_set: row for row, label_set in enumerate(self.labels)}

    def samples(self, row: int) -> Samples:
        """Return the samples of a row."""
        held = self._values[row : row + 1, :][0]
        columns = np.flatnonzero(np.isfinite(held))
        return Samples(self.start + columns * self.step, held[columns])

    def put_back(self, labels: LabelSet, samples: Samples) -> None:
        """Put samples that were held before into the row of a series, as far as the window still reaches."""
        left = int(np.searchsorted(samples.times, self.start))
        times = samples.times[left:]
        if len(times):
            values = np.full((1, self.length), np.nan)
            values[0, (times - self.start) // self.step] = samples.values[left:]
            self.write(Frame((labels,), self.start, self.step, values))

    @property
    def _values(self) -> Matrix:
        """The window; an array where all of it is exact."""
        exact = self._exact.cells[:, self._first_exact :]
        exact.flags.writeable = False
        if not self._coarse.length:
            return exact
        return Held(self._coarse.cells, self._before, exact)

    @property
    def _first_exact(self) -> int:
        """The first column of the exact strip that is not coarse by now."""
        return self._border(0) - (self.end // self.step - self._exact.length + 1)

    @property
    def _before(self) -> int:
        """The column of the coarse ones at which the window begins."""
        return self._coarse.length - (self.length - (self._exact.length - self._first_exact))

    def _border(self, later: int) -> int:
        """The first step that is not coarse, so many steps later."""
        newest = self.end // self.step + later
        return border(newest, self._exact_steps) if self._coarse.length else newest - self.length + 1

    def _merge(self, rows: RowIndex, values: NDArray[np.float64], start: int) -> None:
        """Put what is not missing of some values, the first at `start`, into their place in some rows."""
        left, width = (start - self.start) // self.step, values.shape[1]
        held = self._values[rows, left : left + width]
        merged = np.where(np.isnan(values), held, values)
        self.counts[rows] += _samples(merged) - _samples(held)
        first = left + self._exact.length - self.length
        older = min(max(self._first_exact - first, 0), width)
        if older < width:
            self._exact.cells[rows, first + older : first + width] = merged[:, older:]
        if older:
            self._coarse.rewrite(rows, merged[:, :older], self._before + left)

    def _rows_of(self, frame: Frame) -> tuple[RowIndex, NDArray[np.float64]]:
        """Return where the rows of a frame stand, and their values; rows that are not held are left out."""
        if frame.labels == self.labels:
            return slice(None), frame.values
        rows = self.rows(frame.labels)
        return rows[rows >= 0], frame.values[rows >= 0]


def newest_samples(end: int, step: int, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the time of the newest sample of each row of values that end at `end`, and `end` where there is none."""
    known = np.isfinite(values[:, ::-1])
    newest: NDArray[np.int64] = end - step * known.argmax(axis=1)
    return newest


def _samples(values: NDArray[np.float64]) -> NDArray[np.int64]:
    samples: NDArray[np.int64] = np.isfinite(values).sum(axis=1)
    return samples
