"""The tables of a backtest, as rows of text: for the terminal and for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sidecar.backtest.incidents import Finding
from sidecar.backtest.summary import Summary
from sidecar.config.duration import format_duration
from sidecar.prometheus.frame import describe

MOST_SERIES = 20
"""Series that are listed on the terminal."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table: a title, a header and rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """The table in columns."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.header, *self.rows)
        ]
        return "\n".join([self.title, *lines])


def overview(summaries: Sequence[Summary]) -> TextTable:
    """A row per query: alarms against the budget, and incidents found."""
    header = ["query", "series", "series-weeks", "alarms", "per series and week", "budget"]
    known = any(summary.incidents is not None for summary in summaries)
    rows = [
        [
            summary.name,
            f"{len(summary.traces)}" + (f" (and {summary.dropped} left out)" if summary.dropped else ""),
            f"{summary.series_weeks:.1f}",
            f"{summary.alarms}",
            f"{summary.rate:.2f}" if summary.series_weeks else "-",
            f"{summary.budget:.2f}",
            *([f"{summary.found} of {len(summary.findings)}", f"{summary.outside}"] if known else ()),
        ]
        for summary in summaries
    ]
    return TextTable("Alarms", [*header, *(["incidents found", "alarms outside"] if known else ())], rows)


def noisiest(summary: Summary, most: int = MOST_SERIES) -> TextTable:
    """A row per series with alarms, and how many started in each week."""
    listed = summary.noisiest[:most]
    left = len(summary.noisiest) - len(listed)
    title = f"{summary.name}: series with alarms" + (f", and {left} more" if left else "")
    rows = [
        [describe(trace.labels), f"{len(trace.alarms)}", " ".join(map(str, summary.by_week(trace)))] for trace in listed
    ]
    return TextTable(title, ["series", "alarms", "by week"], rows)


def incidents(summaries: Sequence[Summary]) -> TextTable:
    """A row per incident, and how soon it was found under each configuration."""
    header = ["incident", "until", "concerns", *(summary.variant or "found" for summary in summaries)]
    delays = [{finding.incident: delay(finding) for finding in summary.findings} for summary in summaries]
    rows = []
    for incident in dict.fromkeys(incident for found in delays for incident in found):
        concerned = describe(tuple(sorted(incident.matchers.items())))
        found = [known.get(incident, "no series") for known in delays]
        rows.append([moment(incident.start), moment(incident.end), concerned, *found])
    return TextTable(f"{summaries[0].query.name}: incidents", header, rows)


def delay(finding: Finding) -> str:
    """How soon an incident was found."""
    if finding.delay is None:
        return "missed"
    if finding.delay < 0:
        return f"{format_duration(round(-finding.delay))} before"
    return f"after {format_duration(round(finding.delay))}" if round(finding.delay) else "at once"


def moment(at: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
