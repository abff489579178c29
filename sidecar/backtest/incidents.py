"""Incidents of the past, as people have noted them, and which of them the alarms found."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sidecar.backtest.table import BadFileError, decoded, seconds
from sidecar.backtest.trace import Alarm

BOUNDS = ("start", "end")


@dataclass(frozen=True, slots=True, eq=False)
class Incident:
    """Something that went wrong.

    Attributes:
        start: unix seconds.
        end: unix seconds.
        matchers: labels that a series must have to be concerned.
    """

    start: float
    end: float
    matchers: Mapping[str, str]

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Whether it shows in a series of these labels."""
        return all(labels.get(name, "") == value for name, value in self.matchers.items())

    def meets(self, alarm: Alarm) -> bool:
        """Whether an alarm was on during it."""
        return alarm.start <= self.end and alarm.end >= self.start


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether an incident was found.

    Attributes:
        incident: it.
        delay: seconds from its start to the first alarm, negative where the alarm was first; None where it was missed.
    """

    incident: Incident
    delay: float | None


def read_incidents(content: bytes, name: str) -> list[Incident]:
    """The incidents of a CSV with the columns `start` and `end`; further columns are labels, empty ones match all."""
    reader = csv.DictReader(io.StringIO(decoded(content, name), newline=""))
    try:
        return [_incident(row) for row in _with_bounds(reader)]
    except (ValueError, csv.Error) as error:
        raise BadFileError(f"{name}:{max(reader.line_num, 1)}: {error}") from None


def _with_bounds(reader: "csv.DictReader[str]") -> "csv.DictReader[str]":
    names = [name.strip() for name in reader.fieldnames or []]
    if not set(BOUNDS) <= set(names) or len(set(names)) < len(names):
        raise ValueError(f"the first line must name the columns {' and '.join(BOUNDS)}, and each label once")
    reader.fieldnames = names
    return reader


def _incident(row: Mapping[str | None, str | None]) -> Incident:
    if None in row or None in row.values():
        raise ValueError("has not as many fields as the first line")
    start, end = (seconds(row[name] or "") for name in BOUNDS)
    if end < start:
        raise ValueError("ends before it starts: write start and end the other way round")
    labels = {str(name): str(value).strip() for name, value in row.items() if name not in BOUNDS}
    labels = {name: value for name, value in labels.items() if value}
    return Incident(start, end, labels)


def findings(
    incidents: Iterable[Incident], alarms: Sequence[tuple[Mapping[str, str], Sequence[Alarm]]]
) -> list[Finding]:
    """Which incidents that concern some of the series were found; labels and alarms of each are given."""
    found = []
    for incident in incidents:
        concerned = [raised for labels, raised in alarms if incident.concerns(labels)]
        starts = [alarm.start for raised in concerned for alarm in raised if incident.meets(alarm)]
        if concerned:
            found.append(Finding(incident, min(starts) - incident.start if starts else None))
    return found
