import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.prometheus.frame import LabelSet
from sidecar.prometheus.shard import NoSource, Shard, ShardSource, alternation, selectors
from sidecar.prometheus.source import LabelValues, UnreachableError
from tests.prometheus.memory_source import MemorySource

STEP, END = 60, 1_700_000_040
EXPR = 'rate(x_total{job="node",instance=~"${shard}"}[5m])'
VALUES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True)
ANY_INSTANCE = st.from_regex(r"\A[a-z0-9.-]{1,20}:[0-9]{2,5}\Z")


def shards(count: int) -> list[Shard]:
    return [Shard("instance", count, index) for index in range(count)]


@given(st.text(), st.integers(1, 20))
def test_every_value_belongs_to_one_shard(value: str, count: int) -> None:
    assert [shard.owns(value) for shard in shards(count)].count(True) == 1


@given(st.text(), st.integers(1, 20))
def test_a_further_shard_takes_from_the_others_and_moves_nothing_between_them(value: str, count: int) -> None:
    before = [shard.owns(value) for shard in shards(count)].index(True)
    after = [shard.owns(value) for shard in shards(count + 1)].index(True)
    assert after in (before, count)


def test_shards_are_of_about_the_same_size() -> None:
    values = [f"10.0.{i // 256}.{i % 256}:9100" for i in range(3000)]
    sizes = [sum(map(shard.owns, values)) for shard in shards(3)]
    assert sum(sizes) == 3000
    assert max(sizes) - min(sizes) < 200
    moved = sum(map(Shard("instance", 4, 3).owns, values))
    assert 650 < moved < 850


def test_the_owner_of_a_value_is_the_same_in_every_release() -> None:
    owners = [[shard.owns(f"host-{i}") for shard in shards(3)].index(True) for i in range(8)]
    assert owners == [1, 0, 2, 2, 2, 1, 0, 1]


@given(VALUES, st.sampled_from("\"'"))
def test_the_alternation_matches_the_values_and_nothing_else(values: list[str], quote: str) -> None:
    tree = promql.parse(f"x{{a=~{quote}{alternation(values)}{quote}}}")
    assert isinstance(tree, promql.VectorSelector)
    pattern = tree.matchers.matchers[0].value
    for value in values:
        assert re.fullmatch(pattern, value)
        assert bool(re.fullmatch(pattern, value + "x")) == (value + "x" in values)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (EXPR, ['{__name__="x_total",job="node",instance!=""}']),
        ('x{instance=~"${shard}"} offset 5m / on (instance) y{a!~"b\\"c",instance=~"${shard}"} - z',
         ['{__name__="x",instance!=""}', '{__name__="y",a!~"b\\"c",instance!=""}']),
        ('{__name__="a.b",c!="",instance=~"${shard}"}', ['{__name__="a.b",c!="",instance!=""}']),
        ('x{instance=~"${shard}" or job="node"}', []),
        ('rate(x{instance=~"${shard}"}[5m]) keep_metric_names', []),
    ],
)  # fmt: skip
def test_the_selectors_of_an_expression(expr: str, expected: list[str]) -> None:
    assert [re.sub(r"\s", "", selector) for selector in selectors(expr)] == expected


def host(name: str) -> LabelSet:
    return (("instance", name), ("job", "node"))


def source_of(*names: str) -> MemorySource:
    return MemorySource({host(name): {END - i * STEP: 1.0 for i in range(10)} for name in names})


def test_only_our_values_are_asked_for() -> None:
    names = [f"h{i}:80" for i in range(20)]
    source = source_of(*names)
    shard = Shard("instance", 3, 1)
    result = ShardSource(source, shard, 600).query_range(EXPR, END, END, STEP)
    ours = "|".join(sorted(filter(shard.owns, names)))
    assert source.exprs == [EXPR.replace("${shard}", ours)]
    assert source.listed == [(('{__name__="x_total",job="node",instance!=""}',), END - 600, END)]
    assert result.requests == 2


def test_the_values_are_listed_anew_for_a_newer_step_only() -> None:
    source = source_of("a")
    sharded = ShardSource(source, Shard("instance", 1, 0), 600)
    for end in (END - STEP, END - 5 * STEP, END - STEP, END):
        sharded.query_range(EXPR, end, end, STEP)
    assert [end for _, _, end in source.listed] == [END - STEP, END]
    source.samples = source_of("a", "b").samples
    sharded.query_range(EXPR, END + STEP, END + STEP, STEP)
    assert source.exprs[-1] == EXPR.replace("${shard}", "a|b")


def test_each_expression_has_a_list_of_its_own() -> None:
    source = source_of("a")
    sharded = ShardSource(source, Shard("instance", 1, 0), 600)
    for expr in (EXPR, 'y{instance=~"${shard}"}'):
        sharded.query_range(expr, END, END, STEP)
    assert len(source.listed) == 2


def test_an_empty_shard_sends_no_query() -> None:
    source = source_of()
    result = ShardSource(source, Shard("instance", 3, 0), 600).query_range(EXPR, END - STEP, END, STEP)
    assert source.exprs == []
    assert result.frame.labels == ()
    assert (result.frame.start, result.frame.end, result.frame.values.shape) == (END - STEP, END, (0, 2))
    assert result.requests == 1


def test_an_expression_without_the_placeholder_is_left_alone() -> None:
    source = source_of("a")
    ShardSource(source, Shard("instance", 3, 0), 600).query_range("x", END, END, STEP)
    assert (source.exprs, source.listed) == (["x"], [])


def test_a_failure_counts_the_requests_of_the_listing() -> None:
    class Failing(MemorySource):
        def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
            found = super().label_values(label, selectors, start, end)
            error = UnreachableError("away")
            error.requests = 3
            self.failures = [error, error]
            return found

    sharded = ShardSource(Failing(source_of("a").samples), Shard("instance", 1, 0), 600)
    for requests in (4, 3):  # the second time the list is known
        with pytest.raises(UnreachableError) as raised:
            sharded.query_range(EXPR, END, END, STEP)
        assert raised.value.requests == requests
        raised.value.requests = 3


def test_warnings_of_the_listing_are_told() -> None:
    class Warned(MemorySource):
        def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
            return replace(super().label_values(label, selectors, start, end), warnings=("a store is away",), size=10)

    result = ShardSource(Warned(source_of("a").samples), Shard("instance", 1, 0), 600).query_range(EXPR, END, END, STEP)
    assert (result.warnings, result.requests, result.size) == (("a store is away",), 2, 10)


def test_a_query_of_another_shard_has_no_series() -> None:
    frame = NoSource().query_range("x", END - STEP, END, STEP).frame
    assert frame.labels == ()
    assert frame.values.dtype == np.float64
    assert frame.values.shape == (0, 2)
