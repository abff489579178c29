"""The status page: made on the server, so that it can be read without scripts; the scripts keep it live."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.export.snapshot import Snapshot, State
from sidecar.web.listing import Filter, Row, Sort, label_names, ordered, rows, series_id, shown_labels
from sidecar.web.words import finding, instant, quantity

SHOWN = 50
"""Series on the page as it comes from the server."""

SEARCH, STATE = "page.search", "page.state"
"""Parameters of the page itself: all others are labels, whose names have no dot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown.

    Attributes:
        snapshot: the results.
        queries: the configured queries by name.
        now: unix seconds.
        version: of the sidecar.
        not_ready: why the sidecar is not ready, None if it is.
        parameters: those of the page's address: `anomaly_name`, labels, and the page's own.
    """

    snapshot: Snapshot
    queries: Mapping[str, QueryConfig]
    now: float
    version: str
    not_ready: str | None
    parameters: Sequence[tuple[str, str]] = ()

    @property
    def filter(self) -> Filter:
        """Which series the address asks for; what it asks for in vain, such as an unknown query, matches nothing."""
        asked = dict(self.parameters)
        own = {ANOMALY_NAME, SEARCH, STATE}
        return Filter(
            query=asked.get(ANOMALY_NAME) or None,
            state=State(asked[STATE]) if asked.get(STATE) in set(State) else None,
            labels=[(name, value) for name, value in self.parameters if name not in own],
            search=asked.get(SEARCH, ""),
        )

    @property
    def foreign(self) -> set[str]:
        """Labels of the address that no series has, as a scrape adds them to what alerts link from."""
        which = self.filter
        known = label_names(self.snapshot, which.query)
        return {name for name, value in which.labels if value and name not in known} if known else set()

    def unit(self, query: str) -> str:
        """The unit of a query's values."""
        config = self.queries.get(query)
        return config.unit if config else ""


def status_page(view: View) -> str:
    """The page as HTML; every text that is not ours is escaped."""
    readiness = "ready" if view.not_ready is None else f"not ready: {view.not_ready}"
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Prometheus Anomaly Sidecar</title>
<link rel="icon" href="assets/icon.svg">
<link rel="stylesheet" href="assets/uPlot.min.css">
<link rel="stylesheet" href="assets/style.css">
<noscript><meta http-equiv="refresh" content="30"></noscript>
<script src="assets/uPlot.iife.min.js" defer></script>
<script src="assets/charts.js" defer></script>
<script src="assets/page.js" defer></script>
</head>
<body>
<header>
<h1><a href="./">Prometheus Anomaly Sidecar</a></h1>
<p id="status" role="status">{escape(readiness.capitalize())}, as of <time>{instant(view.now)}</time></p>
</header>
<main>
<section aria-labelledby="queries-title">
<h2 id="queries-title">Queries</h2>
{_queries(view)}
</section>
<section aria-labelledby="series-title">
<h2 id="series-title">Series, the most anomalous first</h2>
{_form(view)}
{_series(view)}
</section>
</main>
<footer>
<p>Version {escape(view.version)}. <a href="docs">API</a>, <a href="metrics">metrics</a>,
<a href="config">configuration</a>, <a href="-/healthy">health</a>, <a href="-/ready">readiness</a>.</p>
</footer>
</body>
</html>
"""


def _queries(view: View) -> str:
    heads = ("query", "health", "evaluated", "flagged", *State, "dropped")
    head = "".join(f'<th scope="col">{escape(each.replace("_", " "))}</th>' for each in heads)
    lines = "\n".join(_query_lines(view)) or f'<tr><td colspan="{len(heads)}">None is configured.</td></tr>'
    # What can be scrolled must be reachable by the keyboard.
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Table of queries">\n'
        f'<table>\n<thead><tr>{head}</tr></thead>\n<tbody id="queries">\n{lines}\n</tbody>\n</table>\n</div>'
    )


def _query_lines(view: View) -> Iterator[str]:
    snapshot = view.snapshot
    for name in snapshot.queries:
        result, problem = snapshot.results.get(name), snapshot.problem(name, view.now)
        counts = [
            snapshot.flagged(name, view.now),
            *snapshot.states(name, view.now).values(),
            sum(result.dropped.values()) if result else 0,
        ]
        link = f'<a href="?{escape(urlencode({ANOMALY_NAME: name}))}">{escape(name)}</a>'
        health = f'<td class="{"ill" if problem else "well"}">{escape(problem or "ok")}</td>'
        numbers = "".join(f'<td class="number">{"-" if count is None else count}</td>' for count in counts)
        evaluated = instant(result.at) if result else "never"
        yield f'<tr><th scope="row">{link}</th>{health}<td>{evaluated}</td>{numbers}</tr>'


def _form(view: View) -> str:
    which = view.filter
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in which.labels
    )
    chips = "".join(f"<li>{escape(name)}={escape(value)}</li>" for name, value in which.labels)
    labels = f'<ul class="chips" aria-label="Only series with these labels">{chips}</ul>' if chips else ""
    queries = _options([("", "all queries"), *((name, name) for name in view.snapshot.queries)], which.query or "")
    states = _options([("", "any state"), *((state, state.replace("_", " ")) for state in State)], which.state or "")
    return f"""\
<form id="filter" role="search">
{kept}<label>Label values <input type="search" name="{SEARCH}" value="{escape(which.search)}"></label>
<label>Query <select name="{ANOMALY_NAME}">{queries}</select></label>
<label>State <select name="{STATE}">{states}</select></label>
<button>Show</button> <a href="./">all</a>
{labels}
</form>"""


def _options(choices: Iterable[tuple[str, str]], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in choices
    )


def _series(view: View) -> str:
    found = ordered(rows(view.snapshot, view.now, view.filter), Sort.FLAGGED)
    shown = "\n".join(_entry(view, row, alone=len(found) == 1) for row in found[:SHOWN])
    more = f"{len(found)} series" + (f", the first {SHOWN} of them" if len(found) > SHOWN else "")
    if not found:
        more = "No series now: it may have vanished, or nothing was evaluated yet"
    return f'<p id="count">{more}.</p>\n<ol id="series">\n{shown}\n</ol>\n<button id="more" hidden>Show more</button>'


def _entry(view: View, row: Row, *, alone: bool) -> str:
    labels = shown_labels(row.labels)
    unit = view.unit(row.result.name)
    score = row.gauge("anomaly_score")
    text = " ".join(f"<span><i>{escape(name)}</i>={escape(value)}</span>" for name, value in labels.items())
    link = escape(urlencode({ANOMALY_NAME: row.result.name, **labels}))
    mark = "flagged" if row.flag else row.state.value
    return (
        f'<li data-id="{series_id(row.labels)}" class="{mark}"><details{" open" if alone else ""}><summary>'
        f'<b class="score">{"-" if score is None else f"{score:.2f}"}</b> '
        f'<span class="state">{mark.replace("_", " ")}</span> '
        f'<span class="name">{escape(row.result.name)}</span> <span class="labels">{text}</span> '
        f'<span class="value">{escape(quantity(row.gauge("anomaly_value"), unit))}</span></summary>'
        f'<div class="facts"><p class="finding">{escape(finding(row, unit))}</p>'
        f'<p><a href="?{link}">Link to this series</a></p></div></details></li>'
    )
