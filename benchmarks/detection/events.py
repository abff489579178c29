"""Event-level quality of flags: which labelled events were found, how many false episodes a series has per week.

The definition behind the targets: after a warm-up (15 % of a series, at most 2,000 rows) an event (a run of
labelled rows) is found when flagged in it or within 30 minutes after. Flagged rows are excused from 30 minutes before
an event until 30 minutes, or its own length but at most 6 h, after it; and in the two hours after a deploy step of the
synthetic corpus. Every other run of flagged rows is a false episode, and one more for each day that it lasts.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.series import DAY, DEPLOY, HOUR, Flags, Series

WARM_UP_SHARE, WARM_UP_ROWS = 0.15, 2_000
TOLERANCE, LONGEST_EXCUSE = HOUR // 2, 6 * HOUR
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found and what was false, over any number of series.

    Attributes:
        events: labelled events by kind.
        found: those of them that were flagged, by kind.
        false: false episodes.
        weeks: series-weeks watched.
    """

    events: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: int = 0
    weeks: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.events + other.events, self.found + other.found, self.false + other.false, self.weeks + other.weeks
        )

    @property
    def recall(self) -> float:
        """Found events over events."""
        return self.found.total() / max(self.events.total(), 1)

    @property
    def precision(self) -> float:
        """Found events over found events and false episodes."""
        return self.found.total() / max(self.found.total() + self.false, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)

    @property
    def false_per_week(self) -> float:
        """False episodes per series and week."""
        return self.false / self.weeks if self.weeks else 0.0

    def recall_of(self, kind: str) -> float:
        """Found events of a kind over its events, NaN where there are none."""
        return self.found[kind] / self.events[kind] if self.events[kind] else float("nan")


def total(tallies: Iterable[Tally]) -> Tally:
    """The tally of many series."""
    return sum(tallies, Tally())


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def warm_up(rows: int) -> int:
    """Rows at the begin of a series in which nothing counts."""
    return min(int(WARM_UP_SHARE * rows), WARM_UP_ROWS)


def excused(series: Series) -> Flags:
    """Rows in and around events, and after deploy steps, where a flag is never false."""
    rows, before = len(series.label), max(1, TOLERANCE // series.step)
    near = np.asarray(series.kind == DEPLOY, dtype=bool)
    for begin, end in runs(series.label):
        after = max(before, min(end - begin, LONGEST_EXCUSE // series.step))
        near[max(0, begin - before) : min(rows, end + after)] = True
    return near


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The episodes of one series: events found and missed, and false alarms, as begin and end (exclusive)."""

    found: list[tuple[int, int]]
    missed: list[tuple[int, int]]
    false: list[tuple[int, int]]


def verdicts(series: Series, flag: Flags) -> Verdicts:
    """Every event and every false episode of a series after its warm-up."""
    warm, after = warm_up(len(flag)), max(1, TOLERANCE // series.step)
    counted = np.where(np.arange(len(flag)) < warm, False, flag)
    events = [run for run in runs(series.label) if run[0] >= warm]
    hit = [bool(counted[begin : end + after].any()) for begin, end in events]
    return Verdicts(
        found=[run for run, was in zip(events, hit, strict=True) if was],
        missed=[run for run, was in zip(events, hit, strict=True) if not was],
        false=runs(counted & ~excused(series)),
    )


def tally(series: Series, flag: Flags) -> Tally:
    """The tally of one series."""
    got = verdicts(series, flag)
    found = Counter(str(series.kind[begin]) for begin, _ in got.found)
    missed = Counter(str(series.kind[begin]) for begin, _ in got.missed)
    false = sum(1 + (end - begin) * series.step // DAY for begin, end in got.false)
    watched = int(series.seconds[-1] - series.seconds[warm_up(len(flag))])
    return Tally(found + missed, found, false, watched / WEEK)
