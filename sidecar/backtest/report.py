"""The report of a backtest: one HTML file with its tables and drawings, which needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape

from sidecar import __version__
from sidecar.backtest.plot import draw
from sidecar.backtest.summary import Summary
from sidecar.backtest.tables import TextTable, moment, noisiest
from sidecar.backtest.trace import Trace
from sidecar.prometheus.frame import describe

MOST_DRAWN = 40
"""Series of a query that are drawn."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #8a919c; --paper: #fff; --line: #0b62a8; --warn: #d1242f;
  --rule: #d8dee4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --faint: #848d97; --paper: #14171a; --line: #6cb6ff; --warn: #ff6b6b;
    --rule: #30363d; }
}
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem 1.2rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
th { color: var(--faint); font-weight: 500; }
figure { margin: 1.2rem 0 2rem; }
figcaption { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
polyline { fill: none; stroke-width: 1; }
.value { stroke: var(--line); }
.expected { stroke: var(--faint); stroke-dasharray: 3 2; }
.band { fill: var(--line); opacity: .12; }
.score { stroke: var(--ink); opacity: .7; }
.threshold { stroke: var(--warn); stroke-dasharray: 2 3; }
.alarm { fill: var(--warn); opacity: .3; }
.incident { fill: #e3a008; opacity: .25; }
text { fill: var(--faint); font: 11px system-ui, sans-serif;
  paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
"""

KEY = (
    "Solid: samples. Dashed: expected values. Shaded: values that would not have been flagged. "
    "Below: score, with the threshold. "
    "Red: an alarm would have been on. Yellow: a known incident."
)


def render(summaries: Sequence[Summary], tables: Sequence[TextTable]) -> str:
    """The report of some queries, with tables at its beginning."""
    span = summaries[0].span
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Backtest</title><style>{STYLE}</style></head><body>",
        f"<h1>Backtest</h1><p>{moment(span.begin)} to {moment(span.end)} UTC, by version {escape(__version__)}.</p>",
        *map(html_table, tables),
        f"<p>{KEY}</p>",
        *(part for summary in summaries for part in section(summary)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def html_table(rows: TextTable) -> str:
    """A table."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows.header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows.rows)
    return f"<h2>{escape(rows.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def section(summary: Summary) -> Iterator[str]:
    """The series of a query that have alarms, or missed incidents."""
    if summary.noisiest:
        yield html_table(noisiest(summary, len(summary.noisiest)))
    drawn = worth_seeing(summary)
    for trace in drawn[:MOST_DRAWN]:
        caption = escape(f"{summary.name} {describe(trace.labels)}")
        drawing = draw(trace, summary.concerning(trace), summary.span)
        yield f"<figure><figcaption>{caption}</figcaption>{drawing}</figure>"
    if len(drawn) > MOST_DRAWN:
        yield f"<p>{len(drawn) - MOST_DRAWN} more series of {escape(summary.name)} are not drawn.</p>"


def worth_seeing(summary: Summary) -> list[Trace]:
    """The series with alarms, then those without that an incident concerns in particular."""
    silent = [
        trace
        for trace in summary.traces
        if not trace.alarms and any(incident.matchers for incident in summary.concerning(trace))
    ]
    return [*summary.noisiest, *silent]
