"""The status page: plain HTML, made on the server, that says what the sidecar knows now."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from operator import itemgetter

import numpy as np

from sidecar.export.snapshot import QueryResult, Snapshot, State
from sidecar.export.text import label_text

_SHOWN = 20

_LINKS = """\
<p><a href="metrics">metrics</a>, <a href="config">configuration</a>,
<a href="-/healthy">health</a>, <a href="-/ready">readiness</a></p>"""

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
td.series { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
tr.flagged { font-weight: bold; }
"""


def status_page(snapshot: Snapshot, now: float, version: str, not_ready: str | None) -> str:
    """The page as HTML; every text that is not ours is escaped.

    Args:
        snapshot: what is shown.
        now: unix seconds.
        version: of the sidecar.
        not_ready: why the sidecar is not ready, None if it is.
    """
    readiness = "ready" if not_ready is None else f"not ready: {not_ready}"
    body = "\n".join(
        (
            "<h1>Prometheus Anomaly Sidecar</h1>",
            f"<p>Version {escape(version)}, {escape(readiness)}, at {_instant(now)}.</p>",
            "<h2>Queries</h2>",
            _table(("query", "health", "evaluated", *State, "dropped"), _query_rows(snapshot, now)),
            "<h2>Most anomalous series</h2>",
            _table(("series", "score", "flag", "value", "expected"), _series_rows(snapshot.live(now))),
            _LINKS,
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="refresh" content="30">\n'
        f"<title>Prometheus Anomaly Sidecar</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    lines = list(rows)
    if not lines:
        return "<p>None.</p>"
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>"


def _query_rows(snapshot: Snapshot, now: float) -> Iterator[str]:
    for name in snapshot.queries:
        result = snapshot.results.get(name)
        evaluated = _instant(result.at) if result else "never"
        counts = [*snapshot.states(name, now).values(), sum(result.dropped.values()) if result else 0]
        numbers = "".join(f'<td class="number">{count}</td>' for count in counts)
        health = escape(snapshot.problem(name, now) or "ok")
        yield f"<tr><td>{escape(name)}</td><td>{health}</td><td>{evaluated}</td>{numbers}</tr>"


def _series_rows(results: Iterable[QueryResult]) -> Iterator[str]:
    candidates = (candidate for result in results for candidate in _highest(result))
    for _, result, row in sorted(candidates, key=itemgetter(0), reverse=True)[:_SHOWN]:
        flag = _gauge(result, "anomaly_flag", row)
        numbers = "".join(
            f'<td class="number">{_gauge(result, name, row)}</td>'
            for name in ("anomaly_score", "anomaly_flag", "anomaly_value", "anomaly_expected")
        )
        emphasis = ' class="flagged"' if flag == "1" else ""
        labels = escape(label_text(result.series.labels[row]))
        yield f'<tr{emphasis}><td class="series">{labels}</td>{numbers}</tr>'


def _highest(result: QueryResult) -> list[tuple[float, QueryResult, int]]:
    scores = result.series.gauges.get("anomaly_score", np.empty(0))
    rows = np.argsort(-scores)[:_SHOWN]
    return [(float(scores[row]), result, int(row)) for row in rows if not np.isnan(scores[row])]


def _gauge(result: QueryResult, name: str, row: int) -> str:
    values = result.series.gauges.get(name)
    return "" if values is None or np.isnan(values[row]) else f"{values[row]:.4g}"


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
