import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.export.labels import Exporter, ExportError, exported
from sidecar.prometheus.frame import LabelSet

NAMES = st.sampled_from(["instance", "job", "pod", "Pod", "_9", "zone"])
LABEL_SETS: st.SearchStrategy[LabelSet] = st.dictionaries(NAMES, st.text(min_size=1, max_size=4), max_size=3).map(
    lambda labels: tuple(sorted(labels.items()))
)


def test_adds_the_querys_labels_and_name_and_empty_target_labels() -> None:
    source = (("__name__", "node_load1"), ("pod", "a"))

    assert exported(source, "load", {"team": "x"}) == (
        ("anomaly_name", "load"),
        ("instance", ""),
        ("job", ""),
        ("pod", "a"),
        ("team", "x"),
    )


def test_keeps_the_sources_target_labels() -> None:
    labels = dict(exported((("instance", "host:9100"), ("job", "node")), "load", {}))

    assert labels == {"instance": "host:9100", "job": "node", "anomaly_name": "load"}


def test_the_query_may_set_a_target_label_the_source_lacks() -> None:
    assert dict(exported((), "load", {"job": "batch"}))["job"] == "batch"


@pytest.mark.parametrize(
    ("source", "query_labels", "message"),
    [
        ((("team", "y"),), {"team": "x"}, r'query load: the series \{team="y"\} already has the label team: choose'),
        ((("a", "1"), ("b", "2")), {"b": "", "a": ""}, "already has the labels a, b"),
        ((("anomaly_name", "z"),), {}, "already has the label anomaly_name: the expression must not select what"),
        ((), {"anomaly_name": "z"}, "anomaly_name is set by the sidecar"),
        ((("a.b", "1"), ("a_b", "2")), {}, "differ only in characters other than"),
    ],
)
def test_a_collision_is_an_error_that_names_the_labels(
    source: LabelSet, query_labels: dict[str, str], message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        exported(source, "load", query_labels)


@pytest.mark.parametrize(
    ("name", "legacy"),
    [("host.name", "host_name"), ("ü", "_"), ("1st", "_1st"), ("a:b", "a_b"), ("_ok9", "_ok9"), ("__tmp", "_tmp")],
)
def test_names_that_older_servers_refuse_get_underscores(name: str, legacy: str) -> None:
    assert (legacy, "v") in exported(((name, "v"),), "q", {})


def test_text_that_is_not_unicode_is_replaced() -> None:
    assert ("pod", "a?b") in exported((("pod", "a\ud800b"),), "q", {})


@given(LABEL_SETS, st.dictionaries(st.sampled_from(["team", "severity"]), st.text(min_size=1)))
def test_source_labels_survive(source: LabelSet, query_labels: dict[str, str]) -> None:
    labels = exported(source, "q", query_labels)

    assert set(labels) >= {*source, *query_labels.items(), ("anomaly_name", "q")}
    assert list(labels) == sorted(labels)
    assert {"instance", "job"} <= dict(labels).keys()


@given(st.lists(LABEL_SETS, unique=True, max_size=4), st.lists(LABEL_SETS, unique=True, max_size=4))
def test_an_exporter_gives_what_each_series_gets_alone(before: list[LabelSet], now: list[LabelSet]) -> None:
    exporter = Exporter("q", {"team": "x"})
    exporter(tuple(before))

    assert exporter(tuple(now)) == tuple(exported(source, "q", {"team": "x"}) for source in now)


def test_an_exporter_keeps_its_answer_for_the_same_series() -> None:
    exporter = Exporter("q", {})
    first = exporter(((("pod", "a"),), (("pod", "b"),)))

    assert exporter(((("pod", "a"),), (("pod", "b"),))) is first
    assert exporter(((("pod", "b"),),))[0] is first[1]


def test_two_series_that_become_one_are_an_error() -> None:
    same = ((("__name__", "a"), ("pod", "x")), (("__name__", "b"), ("pod", "x")))

    with pytest.raises(ExportError, match=r'query q: 2 series would all be exported as \{.*pod="x"\}: aggregate'):
        Exporter("q", {})(same)


def test_after_an_error_the_former_series_are_still_known() -> None:
    exporter = Exporter("q", {})
    first = exporter(((("pod", "a"),),))
    with pytest.raises(ExportError):
        exporter(((("anomaly_name", "a"),),))

    assert exporter(((("pod", "a"),),)) is first


def test_a_series_that_is_gone_stands_in_the_way_of_none() -> None:
    before, after, taken = (("host_name", "a"),), (("host.name", "a"),), (("team", "y"),)
    exporter = Exporter("q", {"team": "x"})
    shown = exporter((before, after, taken), np.array([False, True, False]))

    assert shown == ((), exported(after, "q", {"team": "x"}), ())
    assert exporter.source_of(shown[1]) == after
    assert exporter.source_of(exported((("pod", "a"),), "q", {})) is None
    with pytest.raises(ExportError, match="2 series would all be exported"):
        exporter((before, after, taken), np.array([True, True, False]))
    with pytest.raises(ExportError, match="already has the label team"):
        exporter((before, after, taken), np.array([False, True, True]))
