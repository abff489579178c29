"""Which part of the series is ours: a share of the values of a label, by rendezvous hashing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np
import promql_parser as promql

from sidecar.config.promql import PLACEHOLDER
from sidecar.prometheus.frame import Frame
from sidecar.prometheus.source import LabelValues, PrometheusError, RangeResult, RangeSource

_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_META = frozenset(".+*?()|[]{}^$")
_UNQUOTABLE = frozenset("\"'\\\x7f").union(map(chr, range(32)))


class ListingSource(RangeSource, Protocol):
    """A source that can also list the values of a label."""

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        """List the values that a label has on the series that any of the selectors selects, on all if there is none.

        Raises:
            PrometheusError: there is no answer, or not a usable one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, by the values of the label `by`; `index` counts from 0."""

    by: str
    count: int
    index: int

    def owns(self, value: str) -> bool:
        """Whether a value is ours.

        Each value goes to the part with the highest hash of both (highest random weight: Thaler and Ravishankar,
        "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998, section 3):
        a further part takes its share from all others, and nothing moves between those.
        """
        return max(range(self.count), key=lambda index: _weight(index, value)) == self.index


def _weight(index: int, value: str) -> bytes:
    return blake2b(f"{index}\n{value}".encode(), digest_size=8).digest()


class ShardSource:
    """Answers the queries of one shard; an expression that does not say `${shard}` is answered as it is.

    The values are listed anew for every newer step that is asked for, over the whole lookback: a list that knew less
    than that of a process just started would hold other series.

    Args:
        source: what answers.
        shard: which part is ours.
        lookback: seconds of the past that are asked for at most.
    """

    def __init__(self, source: ListingSource, shard: Shard, lookback: int) -> None:
        self._source, self._shard, self._lookback = source, shard, lookback
        self._values: dict[str, tuple[int, list[str]]] = {}

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """Evaluate the part of `expr` that is ours; see `RangeSource`."""
        if PLACEHOLDER not in expr:
            return self._source.query_range(expr, start, end, step)
        listing = self._listed(expr, end)
        values = self._values[expr][1]
        if not values:
            return nothing(start, end, step, listing)
        try:
            result = self._source.query_range(expr.replace(PLACEHOLDER, alternation(values)), start, end, step)
        except PrometheusError as error:
            error.requests += 0 if listing is None else listing.requests
            raise
        return result if listing is None else result.after(listing)

    def _listed(self, expr: str, end: int) -> LabelValues | None:
        """Bring the list of our values up to a step; what it took, if anything."""
        until, _ = self._values.get(expr, (0, []))
        if end <= until:
            return None
        listing = self._source.label_values(self._shard.by, selectors(expr), end - self._lookback, end)
        self._values[expr] = end, sorted(filter(self._shard.owns, listing.values))
        return listing


class NoSource:
    """Answers for a query that another shard evaluates: it has no series."""

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """Return no series; see `RangeSource`."""
        del expr
        return nothing(start, end, step, None)


def nothing(start: int, end: int, step: int, listing: LabelValues | None) -> RangeResult:
    """Return an answer without series, after a listing."""
    empty = RangeResult(Frame((), start, step, np.empty((0, (end - start) // step + 1))))
    return empty if listing is None else empty.after(listing)


def alternation(values: Iterable[str]) -> str:
    """Write values as a regular expression that matches just these, fit to stand within either kind of quotes."""
    return "|".join("".join(map(_literal, value)) for value in values)


def _literal(char: str) -> str:
    if char in _UNQUOTABLE:
        return f"\\\\x{ord(char):02x}"
    return rf"\\{char}" if char in _META else char


def selectors(expr: str) -> list[str]:
    """Return the selectors of an expression that say `${shard}`, with any value there; none where we cannot tell."""
    try:
        tree = promql.parse(expr)
    except ValueError:
        return []
    found: list[promql.VectorSelector] = []

    def collect(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector) and PLACEHOLDER in node.prettify():
            found.append(node)

    promql.walk(tree, pre_visit=collect)
    if any(node.matchers.or_matchers for node in found):
        return []
    return sorted(set(map(_with_any_value, found)))


def _with_any_value(selector: promql.VectorSelector) -> str:
    """Write a selector without its offset."""
    named = [] if selector.name is None else [f"__name__={json.dumps(selector.name)}"]
    return "{" + ",".join([*named, *map(_loosened, selector.matchers.matchers)]) + "}"


def _loosened(matcher: promql.Matcher) -> str:
    if PLACEHOLDER in matcher.value:
        return f'{matcher.name}!=""'
    return f"{matcher.name}{_OPERATORS[str(matcher.op)]}{json.dumps(matcher.value, ensure_ascii=False)}"
