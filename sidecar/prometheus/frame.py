"""The one shape of data in the project: the samples of a query as a matrix of series x steps, or a view of one."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sidecar.config.problems import shortened
from sidecar.prometheus.coarse import Matrix

LabelSet: TypeAlias = tuple[tuple[str, str], ...]
"""The labels of a series as (name, value) pairs, sorted by name: hashable, and equal when the series are."""


LARGEST = 1e100
"""Magnitude of a sample, at most, as its square must still be a number: a larger one counts as missing."""

LONGEST = 1000
"""Characters of someone else's text in a message."""


def hash_of(labels: LabelSet) -> int:
    """The hash of a label set: the same on every replica and after every restart, as Python's own is not."""
    return int.from_bytes(blake2b(repr(labels).encode(), digest_size=8).digest(), "big")


def describe(labels: LabelSet) -> str:
    """Write a label set as PromQL does."""
    return shortened(
        "{" + ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels) + "}", LONGEST
    )


def sharing(labels: LabelSet, pairs: dict[tuple[str, str], tuple[str, str]]) -> LabelSet:
    """The label set, made of the `pairs` of others where it has the same, and known to them from now on.

    Many series have the same namespace. New values are copied: where they were read they lie scattered among samples,
    and would keep the memory of these from being given back.
    """
    return tuple(pairs.get(pair) or pairs.setdefault(pair, (sys.intern(pair[0]), _copied(pair[1]))) for pair in labels)


def _copied(text: str) -> str:
    return text.encode(errors="surrogatepass").decode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class View:
    """The samples of one query over an aligned range, a row per series and a column per step, of which parts are read.

    Attributes:
        labels: one label set per row, in ascending order.
        start: time of the first column, unix seconds, a multiple of `step`.
        step: seconds between columns.
        values: shape (series, steps), NaN where there is no sample.
    """

    labels: tuple[LabelSet, ...]
    start: int
    step: int
    values: Matrix

    @property
    def end(self) -> int:
        """Time of the last column, unix seconds; a step before `start` where there is no column."""
        return self.start + (int(self.values.shape[1]) - 1) * self.step

    @property
    def times(self) -> NDArray[np.int64]:
        """Times of the columns, unix seconds."""
        return self.start + self.step * np.arange(self.values.shape[1], dtype=np.int64)

    def whole(self) -> "Frame":
        """All of the samples."""
        return Frame(self.labels, self.start, self.step, self.values[:, :])


@dataclass(frozen=True, slots=True)
class Frame(View):
    """A view whose samples are all at hand.

    Attributes:
        values: float64, shape (series, steps), NaN where there is no sample.
    """

    values: NDArray[np.float64]


def join(frames: Sequence[Frame]) -> Frame:
    """Put frames of one step that follow each other side by side; a series missing in one is NaN there."""
    first = frames[0]
    if len(frames) == 1:
        return first
    labels = tuple(sorted(set().union(*(frame.labels for frame in frames))))
    row_of = {label_set: row for row, label_set in enumerate(labels)}
    values = np.full((len(labels), sum(frame.values.shape[1] for frame in frames)), np.nan)
    for frame in frames:
        column = (frame.start - first.start) // first.step
        rows = [row_of[label_set] for label_set in frame.labels]
        values[rows, column : column + frame.values.shape[1]] = frame.values
    return Frame(labels, first.start, first.step, values)
