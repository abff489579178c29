"""What is read and written: labelled series, and a detector's answers to them, as CSV files."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Kinds: TypeAlias = NDArray[np.str_]
Seconds: TypeAlias = NDArray[np.int64]

DAY = 86_400
HOUR = 3_600

DEPLOY = "deploy"
EVENT = "event"


@dataclass(frozen=True, slots=True)
class Series:
    """One labelled series, an entry per row in the order of the file.

    Attributes:
        name: path of the file relative to its corpus.
        seconds: unix times; a real file may repeat one or go back.
        values: NaN where the file has none.
        kind: of the anomaly a row lies in, empty in ordinary rows, `deploy` where alarms are excused.
    """

    name: str
    seconds: Seconds
    values: Floats
    kind: Kinds

    @property
    def label(self) -> Flags:
        """True in anomalies."""
        return np.asarray((self.kind != "") & (self.kind != DEPLOY), dtype=bool)

    @property
    def step(self) -> int:
        """Median distance of two rows, seconds, at least 1."""
        return max(1, int(np.median(np.diff(self.seconds)))) if len(self.seconds) > 1 else 1


@dataclass(frozen=True, slots=True)
class Answers:
    """What a detector says, an entry per row.

    Attributes:
        score: higher is more anomalous, 1 is the threshold, NaN where not scored.
        flag: whether an alarm is on.
        detection: the highest threshold at which an alert would start on the row, 0 if none.
    """

    score: Floats
    flag: Flags
    detection: Floats


def unix(stamp: str) -> int:
    """Unix seconds of a timestamp as the corpora write it: ISO 8601, or unix seconds; naive ones are UTC."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return int(float(stamp))
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float:
    """The number, NaN for none."""
    return float(text) if text else float("nan")


def read_series(directory: Path, name: str) -> Series:
    """A series with its labels; an unnamed kind of anomaly is an `event`, a file without labels has none."""
    rows = read_rows(directory / name)
    kinds = [row.get("kind") or (EVENT if number(row.get("label", "")) > 0 else "") for row in rows]
    return Series(
        name,
        np.array([unix(row["timestamp"]) for row in rows], dtype=np.int64),
        np.array([number(row["value"]) for row in rows]),
        np.array(kinds, dtype="U16"),
    )


def names(directory: Path) -> list[str]:
    """The series of a corpus: its CSV files, as paths relative to the directory."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*.csv"))


def write_series(series: Series, directory: Path) -> None:
    """One CSV with timestamp (UTC, naive), value, label and kind."""
    rows = zip(series.seconds, series.values, series.label, series.kind, strict=True)
    write_rows(
        directory / series.name,
        ["timestamp", "value", "label", "kind"],
        ([stamp(at), cell(value), str(int(label)), str(kind)] for at, value, label, kind in rows),
    )


def write_answers(series: Series, answers: Answers, directory: Path) -> None:
    """One CSV with the columns of `sidecar backtest` that scorers read."""
    rows = zip(series.seconds, series.values, answers.score, answers.flag, answers.detection, strict=True)
    write_rows(
        directory / series.name,
        ["timestamp", "value", "anomaly_score", "anomaly_flag", "detection"],
        ([stamp(at), cell(v), cell(score), str(int(flag)), cell(detection)] for at, v, score, flag, detection in rows),
    )


def read_answers(directory: Path, series: Series) -> Answers:
    """The answers to a series; raises ValueError when they are not row for row its own."""
    rows = read_rows(directory / series.name)
    if not np.array_equal([unix(row["timestamp"]) for row in rows], series.seconds):
        raise ValueError(f"{directory / series.name}: rows differ from those of the series")
    return Answers(
        np.array([number(row["anomaly_score"]) for row in rows]),
        np.array([number(row["anomaly_flag"]) > 0 for row in rows], dtype=bool),
        np.nan_to_num(np.array([number(row["detection"]) for row in rows])),
    )


def write_rows(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """A CSV file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def stamp(at: int) -> str:
    """A naive UTC timestamp."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%d %H:%M:%S}"


def cell(value: float) -> str:
    """A number as written, empty for NaN."""
    return "" if np.isnan(value) else f"{value:.8g}"
