"""The score of the Numenta Anomaly Benchmark.

Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", 2015: each labelled
window rewards its earliest detection by a sigmoid of the position, each detection outside costs by the distance behind
the last window, each window without detection costs; 0 is a detector that says nothing, 100 a perfect one. Detections
are alerts that start, so that one threshold for all series can be swept. At the default threshold an alert starts once,
where its flag turns on, however often the score climbs while it is on.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.series import Flags, Floats, Series, unix

PROBATION_SHARE, PROBATION_ROWS = 0.15, 750
OUTSIDE = -1
DEFAULT_THRESHOLD = 1.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a false detection and a missed window cost, where a found one earns up to 1."""

    false: float
    missed: float


PROFILES = {"standard": Profile(0.11, 1.0), "low FP": Profile(0.22, 1.0), "low FN": Profile(0.11, 2.0)}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file of the corpus: its detections beside what a detection on each row is worth.

    Attributes:
        detection: highest threshold at which an alert starts on the row.
        starts: whether one starts at the default threshold.
        window: number of the window the row lies in, or OUTSIDE.
        worth: in a window, the share of its reward; outside, -1 to 0.
        windows: how many there are.
    """

    detection: Floats
    starts: Flags
    window: NDArray[np.int64]
    worth: Floats
    windows: int


@dataclass(frozen=True, slots=True)
class Score:
    """Normalised scores: at the best single threshold, which that is, and at the default one."""

    best: float
    threshold: float
    given: float


def sigmoid(position: Floats) -> Floats:
    """The benchmark's scaled sigmoid: near 1 at the left end of a window (-1), 0 at its right end, -1 far behind."""
    near = np.minimum(position, 3.0)
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(5 * near)) - 1)  # noqa: PLR2004 - three window widths


def labelled(series: Series, detection: Floats, flag: Flags, spans: Sequence[tuple[int, int]]) -> Labelled:
    """The rows' worth, given the windows as (first, last) unix times; nothing counts on probation.

    `flag` says where an alert is on at the default threshold, and does not start.
    """
    rows = len(detection)
    window, worth = np.full(rows, OUTSIDE), np.full(rows, -1.0)
    for number, span in enumerate(spans):
        a, b = (int(np.argmax(series.seconds == at)) for at in span)
        window[a : b + 1] = number
        inside = np.arange(b - a + 1)
        worth[a : b + 1] = sigmoid((inside - (b - a + 1)) / (b - a + 1)) / sigmoid(np.array(-1.0))
        worth[b + 1 :] = sigmoid(np.arange(1, rows - b) / (b - a))
    counted = np.arange(rows) >= min(int(PROBATION_SHARE * rows), PROBATION_ROWS)
    starts = counted & alarm_starts(detection, flag)
    return Labelled(np.where(counted, detection, 0.0), starts, np.where(counted, window, OUTSIDE), worth, len(spans))


def alarm_starts(detection: Floats, flag: Flags) -> Flags:
    """The rows on which an alert starts at the default threshold: none while one is on."""
    return np.asarray((detection >= DEFAULT_THRESHOLD) & ~np.concatenate([[False], flag[:-1]]))


def gains(file: Labelled, profile: Profile) -> tuple[Floats, Floats]:
    """Thresholds, and what each adds to the total of the file once it is low enough to reach them."""
    alone = (file.window == OUTSIDE) & (file.detection > 0)
    thresholds, added = [file.detection[alone]], [profile.false * file.worth[alone]]
    for number in np.unique(file.window[file.window != OUTSIDE]):
        rows = np.flatnonzero((file.window == number) & (file.detection > 0))
        falling = rows[np.argsort(-file.detection[rows], kind="stable")]
        earned = np.maximum.accumulate(file.worth[falling])
        thresholds.append(file.detection[falling])
        added.append(np.diff(earned, prepend=-profile.missed))
    return np.concatenate(thresholds), np.concatenate(added)


def score(files: Sequence[Labelled], profile: Profile) -> Score:
    """The normalised score over files, at the best threshold and at the default one."""
    at, won = sweep(files, profile)
    _, by_flags = sweep([replace(file, detection=file.starts.astype(np.float64)) for file in files], profile)
    given = float(by_flags[-1]) if by_flags.size else 0.0
    if not won.size or won.max() <= 0:
        return Score(0.0, float("inf"), given)
    return Score(float(won.max()), float(at[won.argmax()]), given)


def sweep(files: Sequence[Labelled], profile: Profile) -> tuple[Floats, Floats]:
    """Falling thresholds, and the normalised score over files at each."""
    parts = [gains(file, profile) for file in files]
    at = np.concatenate([part[0] for part in parts])
    order = np.argsort(-at, kind="stable")
    at, won = at[order], np.cumsum(np.concatenate([part[1] for part in parts])[order])
    windows = sum(file.windows for file in files)
    lost = profile.missed * sum(len(np.unique(file.window[file.window != OUTSIDE])) for file in files)
    complete = np.append(at[1:] != at[:-1], at.size > 0)[: at.size]  # all rows that share a threshold come together
    return at[complete], 100 * won[complete] / (windows + lost)


def read_windows(nab: Path) -> Mapping[str, list[tuple[int, int]]]:
    """The labelled windows of every file, as (first, last) unix times."""
    windows = json.loads((nab / "labels" / "combined_windows.json").read_text())
    return {name: [(unix(a), unix(b)) for a, b in spans] for name, spans in windows.items()}


def scores(files: Iterable[Labelled]) -> dict[str, Score]:
    """The score by profile."""
    every = list(files)
    return {name: score(every, profile) for name, profile in PROFILES.items()}
