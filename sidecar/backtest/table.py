"""CSV files of samples: read with every row kept as it is, and written back with the answers beside it."""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import LARGEST

ANSWERS = ("anomaly_score", "anomaly_flag", "detection", "state", "alarm", "expected", "lower", "upper")
"""The columns that are added to timestamp and value."""

NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""The first second of the year 1, and the last of the year 9999."""
YEARS = range(1900, 2101)
"""Eight digits that are a day of them are meant as that day, though they may be seconds of the year 1970."""


class BadInputError(Exception):
    """What was asked for cannot be done; the text says why and what to do."""


class BadFileError(BadInputError):
    """A file that cannot be understood; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, in its order.

    Attributes:
        stamps: the timestamps as they stand there.
        texts: the values as they stand there.
        times: unix seconds.
        values: NaN where there is none.
    """

    stamps: Sequence[str]
    texts: Sequence[str]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


def read(content: bytes, name: str) -> Table:
    """The columns `timestamp` and `value` of a CSV; BadFileError where there are none or a row is wrong."""
    reader = csv.reader(io.StringIO(decoded(content, name), newline=""))
    stamps: list[str] = []
    texts: list[str] = []
    times: list[float] = []
    values: list[float] = []
    try:
        at, of = _columns(next(reader, []))
        for row in reader:
            if row:
                stamp, value = _cells(row, at, of)
                # Later rows of a series that counts from 0 may well come by such numbers as look like a date.
                times.append(unix_seconds(stamp) if times else seconds(stamp))
                values.append(_number(value))
                stamps.append(stamp)
                texts.append(value)
    except (ValueError, csv.Error) as error:
        raise BadFileError(f"{name}:{max(reader.line_num, 1)}: {error}") from None
    return Table(stamps, texts, np.array(times, np.float64), np.array(values, np.float64))


def decoded(content: bytes, name: str) -> str:
    """The text of a file, without a byte order mark; BadFileError where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFileError(f"{name}:{line}: is not UTF-8: save it as UTF-8") from None


def _columns(header: list[str]) -> tuple[int, int]:
    names = [name.strip() for name in header]
    for name in ("timestamp", "value"):
        if names.count(name) != 1:
            has = "no column" if name not in names else "more than one column"
            raise ValueError(f"{has} {name}: the first line must name timestamp and value once each")
    return names.index("timestamp"), names.index("value")


def _cells(row: list[str], at: int, of: int) -> tuple[str, str]:
    if len(row) <= max(at, of):
        raise ValueError(f"has {len(row)} fields, timestamp and value are fields {at + 1} and {of + 1}")
    return row[at], row[of]


def seconds(stamp: str) -> float:
    """As `unix_seconds`; ValueError also where eight digits are more likely a date than seconds."""
    if day := _day(stamp.strip()):
        told = f"write {day}, or {stamp.strip()}.0 for unix seconds"
        raise ValueError(f"timestamp {stamp!r} is a date without dashes: {told}")
    return unix_seconds(stamp)


def unix_seconds(stamp: str) -> float:
    """Unix seconds of a timestamp: a number of seconds, or ISO 8601, which is UTC where it names no offset."""
    text = stamp.strip()
    if NUMBER.fullmatch(text):
        number = float(text)
        if not EARLIEST <= number <= LATEST:
            raise ValueError(f"timestamp {stamp!r} is out of range: write unix time in seconds")
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timestamp {stamp!r} is not a time: write 2024-05-01 12:00:00 or unix seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _day(text: str) -> date | None:
    """The day that eight digits are; None where they are none."""
    if len(text) != len("20240501") or not text.isdecimal():
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _number(text: str) -> float:
    if not text.strip():
        return math.nan
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None:
        raise ValueError(f"value {text!r} is not a number: write a number, or leave it empty")
    return number if abs(number) <= LARGEST else math.nan


def write(table: Table, answers: Iterable[Sequence[str]]) -> str:
    """The rows of a table with an answer beside each: the cells of `ANSWERS`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("timestamp", "value", *ANSWERS))
    writer.writerows(
        (stamp, value, *cells) for stamp, value, cells in zip(table.stamps, table.texts, answers, strict=True)
    )
    return text.getvalue()
