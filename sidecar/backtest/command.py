"""The work of the command `sidecar backtest`: from its flags to files, tables and a report."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from sidecar.backtest.answer import Answerer
from sidecar.backtest.files import answer_all, sources, store
from sidecar.backtest.incidents import Incident, read_incidents
from sidecar.backtest.past import Past, Span
from sidecar.backtest.replay import Replayer
from sidecar.backtest.report import render
from sidecar.backtest.summary import Summary, within
from sidecar.backtest.table import BadFileError, BadInputError, seconds
from sidecar.backtest.tables import TextTable, incidents, noisiest, overview
from sidecar.backtest.trace import Trace, trace
from sidecar.backtest.work import results
from sidecar.config.load import load
from sidecar.config.schema import Config, QueryConfig
from sidecar.config.vocabulary import Scope
from sidecar.execution.choice import chosen_executor, workers_of
from sidecar.export.labels import ExportError
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.source import PrometheusError

T = TypeVar("T")

REPORT = "report.html"
AHEAD = 2
"""Pieces of work for each worker that are under way or ready for it."""


@dataclass(frozen=True, slots=True)
class Work:
    """How the work is done.

    Attributes:
        executor: where, as `chosen_executor` names it.
        jobs: processes of this machine; none: one for each core.
        band: whether the band is searched.
    """

    executor: str = "processes"
    jobs: int | None = None
    band: bool = True


def backtest_files(source: Path, target: Path, config_file: Path | None, query: str | None, work: Work) -> None:
    """Answers the files below `source` with files below `target`."""
    answerer = Answerer(band=work.band)
    if config_file is not None:
        config = load(config_file)
        settings = only(config, query)
        tell_of_siblings([settings])
        answerer = Answerer(settings, config.timezone, work.band)
    files = sources(source, target)
    workers = min(workers_of(work.jobs), len(files))
    with chosen_executor(work.executor, workers) as executor:
        done = answer_all(files, answerer, executor, AHEAD * workers)
        told = list(shown(done, len(files), f"{len(files)} files"))
    for remark in sorted(said for said in told if said and isinstance(said, str)):
        click.echo(remark, err=True)
    if wrong := sorted(str(error) for error in told if isinstance(error, BadFileError)):
        raise BadInputError("\n".join(wrong))


def only(config: Config, name: str | None) -> QueryConfig:
    """The query of a name, or the only one; BadInputError where there is none."""
    named = named_queries(config, name)
    if len(named) != 1:
        names = ", ".join(query.name for query in named)
        raise BadInputError(f"the configuration has the queries {names}: name one of them with --query")
    return named[0]


def named_queries(config: Config, name: str | None) -> Sequence[QueryConfig]:
    """The query of a name, or all of them; BadInputError where there is none."""
    if not config.queries:
        raise BadInputError("the configuration has no queries: there is nothing to replay")
    named = [query for query in config.queries if name in {None, query.name}]
    if not named:
        known = ", ".join(query.name for query in config.queries)
        raise BadInputError(f"no query is called {name}: the configuration has {known}")
    return named


def tell_of_siblings(queries: Iterable[QueryConfig]) -> None:
    """Says which queries are not replayed as the loop scores them."""
    names = dict.fromkeys(query.name for query in queries if query.scope is Scope.GROUP)
    if names:
        told = "scope is group, but each series is replayed by itself, as the only one of its group"
        click.echo(f"{', '.join(names)}: {told}", err=True)


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """A backtest against a live Prometheus, as the command line asks for it.

    Attributes:
        config_file: the configuration.
        begin: ISO 8601 or unix seconds.
        end: the same; none: now.
        query: the only query to replay; none: all.
        compare: another configuration.
        labels: a file of known incidents.
        target: where the report is written; none: nowhere.
    """

    config_file: Path
    begin: str
    end: str | None = None
    query: str | None = None
    compare: Path | None = None
    labels: Path | None = None
    target: Path | None = None

    @property
    def span(self) -> Span:
        """From when to when; BadInputError where that is no span of time."""
        try:
            begin = seconds(self.begin)
            end = time.time() if self.end is None else seconds(self.end)
        except ValueError as error:
            raise BadInputError(f"--from, --to: {error}") from None
        end = min(end, time.time())
        if not begin < end:
            raise BadInputError("--from is not before --to, or not in the past")
        return Span(int(begin), int(end))

    def incidents(self, span: Span) -> Sequence[Incident] | None:
        """The known incidents of a span; says how many others there are."""
        if self.labels is None:
            return None
        known = read_incidents(self.labels.read_bytes(), str(self.labels))
        inside = within(known, span)
        if others := len(known) - len(inside):
            click.echo(f"{others} of {len(known)} incidents lie outside the span: look at --from and --to", err=True)
        return inside

    @property
    def variants(self) -> Sequence[tuple[str, Path]]:
        """The configurations and what they are called."""
        if self.compare is None:
            return [("", self.config_file)]
        return [("A", self.config_file), ("B", self.compare)]


def backtest_live(request: LiveRequest, work: Work) -> None:
    """Replays the past of a live Prometheus, prints what would have been alerted, and writes the report."""
    span = request.span
    if request.target is not None and request.target.exists() and not request.target.is_dir():
        raise BadInputError(f"{request.target} is no directory: name one with --output")
    configs = [(variant, load(path)) for variant, path in request.variants]
    tell_of_siblings(query for _, config in configs for query in named_queries(config, request.query))
    workers = workers_of(work.jobs)
    with chosen_executor(work.executor, workers) as executor:
        backtest = LiveBacktest(request.query, span, request.incidents(span), executor, AHEAD * workers, work.band)
        summaries = [summary for variant, config in configs for summary in backtest.summaries(variant, config)]
    summaries.sort(key=lambda summary: (summary.query.name, summary.variant))
    tables = tables_of(summaries)
    concerned = {finding.incident for summary in summaries for finding in summary.findings}
    if unknown := len(set(backtest.incidents or ()) - concerned):
        click.echo(f"{unknown} incidents concern no series: look at their labels", err=True)
    for table in [*tables, *(noisiest(summary) for summary in summaries if summary.noisiest)]:
        click.echo(f"{table.text()}\n")
    if request.target is not None:
        store(request.target / REPORT, render(summaries, tables))
        click.echo(f"Report: {request.target / REPORT}")


@dataclass(frozen=True, slots=True)
class LiveBacktest:
    """A backtest of one or all queries of any configuration.

    Attributes:
        query: the only query; none: all.
        span: what is replayed.
        incidents: those that are known; none where nobody has told.
        executor: where the work runs.
        at_once: pieces of work that are held at once.
        band: whether the band is searched.
    """

    query: str | None
    span: Span
    incidents: Sequence[Incident] | None
    executor: Executor
    at_once: int
    band: bool

    def summaries(self, variant: str, config: Config) -> Iterator[Summary]:
        """What it comes to for each query; PrometheusError where the samples cannot be had."""
        with closing(PrometheusClient(config.prometheus)) as source:
            for query in named_queries(config, self.query):
                replayer = Replayer.of(query, config.timezone, band=self.band)
                span = self.span.on_grid(query.step)
                past = self._past(source, query, replayer, span)
                tasks = ((None, partial(trace, replayer, series, span)) for series in past.series())
                label = f"{query.name} {variant}".rstrip()
                if not past.present(span.begin).any():
                    click.echo(f"{label}: no series in this span: look at the expression, --from and --to", err=True)
                done = shown(results(self.executor, tasks, self.at_once), len(past.frame.labels), label)
                traces = sorted((found for _, found in done), key=by_labels)
                yield Summary(variant, query, span, traces, self.incidents, past.dropped)

    def _past(self, source: PrometheusClient, query: QueryConfig, replayer: Replayer, span: Span) -> Past:
        try:
            past = Past.fetch(source, query, replayer, span)
            past.refuse_collisions(query, span.begin)
        except PrometheusError as error:
            raise BadInputError(f"{query.name}: {error}") from error
        except ExportError as error:
            raise BadInputError(str(error)) from error  # its text begins with the query
        for warning in past.warnings:
            click.echo(f"{query.name}: Prometheus warns about the result: {warning}", err=True)
        return past


def by_labels(found: Trace) -> tuple[tuple[str, str], ...]:
    """The order of series."""
    return found.labels


def tables_of(summaries: Sequence[Summary]) -> list[TextTable]:
    """The overview, and the incidents of each query where they are known."""
    tables = [overview(summaries)]
    for name in dict.fromkeys(summary.query.name for summary in summaries):
        of_query = [summary for summary in summaries if summary.query.name == name]
        if any(summary.findings for summary in of_query):
            tables.append(incidents(of_query))
    return tables


def shown(done: Iterable[T], length: int, label: str) -> Iterator[T]:
    """Passes results on while a bar, on a terminal, shows how many there are yet to come."""
    with click.progressbar(done, length=length, label=label, file=sys.stderr) as bar:
        yield from bar
