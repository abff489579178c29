"""The series of a snapshot in rows that can be filtered, sorted and cut into pages."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

import numpy as np

from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.export.snapshot import QueryResult, Snapshot, State
from sidecar.prometheus.frame import LabelSet, hash_of


class Sort(StrEnum):
    """The orders of a list; what is not scored comes last in all but that by labels."""

    FLAGGED = "flagged"
    HIGHEST = "-score"
    LOWEST = "score"
    LABELS = "labels"


class Row(NamedTuple):
    """A series of a snapshot: `row` of the result's table where it has gauges, None where it has none."""

    result: QueryResult
    labels: LabelSet
    state: State
    row: int | None = None

    def gauge(self, name: str) -> float | None:
        """The value of one of its gauges; None where it has none, or no finite one."""
        values = self.result.series.gauges.get(name)
        if self.row is None or values is None:
            return None
        value = float(values[self.row])
        return value if math.isfinite(value) else None

    @property
    def flag(self) -> bool | None:
        """Whether the series is in an anomaly; None where that is not known."""
        flag = self.gauge("anomaly_flag")
        return None if flag is None else flag == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which series are asked for; None or empty where it does not matter.

    Attributes:
        query: name of the query.
        state: their state.
        flag: whether they are in an anomaly.
        labels: name and value of labels they must have; an empty value asks for series without the label.
        search: text that must stand in one of their label values, in capitals or not.
    """

    query: str | None = None
    state: State | None = None
    flag: bool | None = None
    labels: Sequence[tuple[str, str]] = ()
    search: str = ""

    def passes(self, row: Row) -> bool:
        """Whether a series is asked for."""
        if self.state is not None and row.state is not self.state:
            return False
        if self.flag is not None and row.flag != self.flag:
            return False
        if self.labels:
            labels = dict(row.labels)
            if any(labels.get(name, "") != value for name, value in self.labels):
                return False
        if not self.search:
            return True
        wanted = self.search.casefold()
        return any(wanted in value.casefold() for _, value in row.labels)


def rows(snapshot: Snapshot, now: float, which: Filter) -> list[Row]:
    """The series of a snapshot that a filter lets pass, in the order of the configuration and the labels."""
    names = snapshot.queries if which.query is None else (which.query,)
    return [row for name in names for row in _of_query(snapshot, name, now) if which.passes(row)]


def _of_query(snapshot: Snapshot, name: str, now: float) -> Iterator[Row]:
    result = snapshot.results.get(name)
    if result is None:
        return
    live = snapshot.is_live(name, now)
    scored = ~np.isnan(result.series.gauges.get("anomaly_score", np.empty(0)))
    for row, labels in enumerate(result.series.labels):
        if live:
            # A series that vanished may be flagged without a score.
            yield Row(result, labels, State.OK if scored[row] else State.NO_DATA, row)
        else:
            yield Row(result, labels, State.STALE if scored[row] else State.NO_DATA)
    for labels, state in result.unscored.items():
        yield Row(result, labels, state)


def label_names(snapshot: Snapshot, query: str | None) -> set[str]:
    """The labels that the series of a query, or of all queries, have."""
    names = snapshot.queries if query is None else (query,)
    results = [snapshot.results[name] for name in names if name in snapshot.results]
    every = chain.from_iterable((*result.series.labels, *result.unscored) for result in results)
    return {name for labels in every for name, _ in labels}


def ordered(found: Sequence[Row], sort: Sort) -> Sequence[Row]:
    """The rows in an order; equals stay as they are."""
    if sort is Sort.LABELS:
        return sorted(found, key=lambda row: row.labels)
    scores = np.array([math.nan if (score := row.gauge("anomaly_score")) is None else score for row in found])
    keys = [scores if sort is Sort.LOWEST else -scores]
    if sort is Sort.FLAGGED:
        keys.append(np.array([not row.flag for row in found]))
    return [found[i] for i in np.lexsort(keys).tolist()]


def with_id(snapshot: Snapshot, now: float, wanted: str) -> Row | None:
    """The series with an id."""
    every = (row for name in snapshot.queries for row in _of_query(snapshot, name, now))
    return next((row for row in every if series_id(row.labels) == wanted), None)


def series_id(labels: LabelSet) -> str:
    """A short name for a series: the hash of its exported labels."""
    return f"{hash_of(labels):016x}"


def shown_labels(labels: LabelSet) -> dict[str, str]:
    """The labels that tell a series of a query apart."""
    return {name: value for name, value in labels if value and name != ANOMALY_NAME}
