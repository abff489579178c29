import numpy as np
import pytest

from sidecar.backtest.past import Past, Span
from sidecar.backtest.replay import Replayer
from sidecar.config.schema import QueryConfig
from sidecar.export.labels import ExportError
from sidecar.prometheus.frame import Frame, LabelSet
from tests.prometheus.memory_source import MemorySource

STEP = 300
GAP = float("nan")
QUERY = QueryConfig.model_validate({"name": "load", "expr": "load", "labels": {"team": "shop"}})


def refuse(begin: int, series: dict[LabelSet, list[float]]) -> None:
    frame = Frame(tuple(series), 0, STEP, np.array(list(series.values())))
    Past(frame, None, 0, ()).refuse_collisions(QUERY, begin)


def test_a_label_that_the_query_adds_to_series_that_have_it_is_refused() -> None:
    with pytest.raises(ExportError, match=r'^query load: the series \{team="web"\} already has the label team: choose'):
        refuse(STEP, {(("pod", "a"),): [1, 1], (("team", "web"),): [1, 1]})


def test_series_of_one_step_that_would_be_exported_alike_are_refused() -> None:
    old, new = (("__name__", "load"), ("pod", "a")), (("__name__", "load1"), ("pod", "a"))
    with pytest.raises(ExportError, match=r"^query load: 2 series would all be exported as "):
        refuse(0, {old: [1, 1, GAP], new: [GAP, 1, 1]})


def test_series_that_follow_each_other_may_be_exported_alike() -> None:
    refuse(0, {(("__name__", "load"), ("pod", "a")): [1, GAP], (("__name__", "load1"), ("pod", "a")): [GAP, 1]})


def test_what_was_gone_before_the_span_is_in_no_ones_way() -> None:
    refuse(STEP, {(("pod", "a"),): [1, 1], (("team", "web"),): [1, GAP]})


@pytest.mark.parametrize(("expr", "bound"), [('cpu{pod=~"${shard}"}', 4), ("sum by (pod) (cpu)", 2)])
def test_max_series_bounds_each_shard_of_a_query_that_is_split(expr: str, bound: int) -> None:
    sharding = {"by": "pod", "count": 2, "index": 0}
    query = QueryConfig.model_validate({"name": "cpu", "expr": expr, "max_series": 2, "sharding": sharding})
    source = MemorySource({(("pod", f"p{i}"),): {0: 1.0} for i in range(5)})
    past = Past.fetch(source, query, Replayer.of(query, "UTC"), Span(0, 0))
    assert (len(past.frame.labels), past.dropped) == (bound, 5 - bound)
