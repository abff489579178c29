import gzip
import math
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import exported
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable, State
from sidecar.export.text import Format
from tests.export.conftest import MakeResult

# Anything that JSON can carry: lone surrogates too.
TEXTS = st.text(st.characters(), min_size=1)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def board() -> Board:
    board = Board()
    board.configure(["q", "r"], 300)
    return board


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exposition(board: Board, clock: Clock) -> Exposition:
    return Exposition(board, CollectorRegistry(), clock)


def text(exposition: Exposition, form: Format = Format.TEXT) -> str:
    return b"".join(exposition.render(form, compress=False)).decode()


def samples(exposition: Exposition) -> list[Sample]:
    return [sample for family in parse_text(text(exposition)) for sample in family.samples]


def names(exposition: Exposition) -> set[str]:
    return {sample.name for sample in samples(exposition)}


def test_each_family_stands_once_with_the_series_of_all_queries(
    board: Board, exposition: Exposition, make_result: MakeResult
) -> None:
    board.publish(make_result("r", 1000.0, ["b"], anomaly_score=[2], anomaly_flag=[1]))
    board.publish(make_result("q", 1000.0, ["a"], anomaly_score=[0.5], anomaly_flag=[0]))

    assert text(exposition) == (
        f"# HELP anomaly_score {GAUGES['anomaly_score']}\n"
        "# TYPE anomaly_score gauge\n"
        'anomaly_score{anomaly_name="q",instance="",job="",pod="a"} 0.5\n'
        'anomaly_score{anomaly_name="r",instance="",job="",pod="b"} 2.0\n'
        f"# HELP anomaly_flag {GAUGES['anomaly_flag']}\n"
        "# TYPE anomaly_flag gauge\n"
        'anomaly_flag{anomaly_name="q",instance="",job="",pod="a"} 0.0\n'
        'anomaly_flag{anomaly_name="r",instance="",job="",pod="b"} 1.0\n'
    )


def test_openmetrics_has_the_same_samples_and_an_end(
    board: Board, exposition: Exposition, make_result: MakeResult
) -> None:
    board.publish(make_result("q", 1000.0, ["a", "b"], anomaly_score=[0.5, math.inf]))

    assert text(exposition, Format.OPENMETRICS) == text(exposition) + "# EOF\n"


def test_the_sidecars_own_metrics_follow(board: Board, clock: Clock, make_result: MakeResult) -> None:
    registry = CollectorRegistry()
    Counter("cakes", "Cakes.", registry=registry).inc()
    exposition = Exposition(board, registry, clock)
    board.publish(make_result("q", 1000.0, ["a"], anomaly_score=[0.5]))

    assert text(exposition).endswith("# HELP cakes_total Cakes.\n# TYPE cakes_total counter\ncakes_total 1.0\n")
    assert text(exposition, Format.OPENMETRICS).endswith("# TYPE cakes counter\ncakes_total 1.0\n# EOF\n")


def test_rows_without_a_value_have_no_sample(board: Board, exposition: Exposition, make_result: MakeResult) -> None:
    nan = math.nan
    board.publish(
        make_result("q", 1000.0, ["a", "b"], anomaly_upper=[nan, math.inf], anomaly_start_timestamp_seconds=[nan, nan])
    )

    [sample] = samples(exposition)
    assert (sample.name, sample.labels["pod"], sample.value) == ("anomaly_upper", "b", math.inf)
    assert "anomaly_start_timestamp_seconds" not in text(exposition)


def test_past_staleness_every_gauge_of_that_query_is_gone(
    board: Board, exposition: Exposition, clock: Clock, make_result: MakeResult
) -> None:
    board.publish(make_result("q", 1000.0, ["a"], anomaly_score=[2], anomaly_flag=[1]))
    board.publish(make_result("r", 1200.0, ["a"], anomaly_score=[2], anomaly_value=[1]))
    clock.now = 1300.0
    assert names(exposition) == {"anomaly_score", "anomaly_flag", "anomaly_value"}

    clock.now = 1300.5
    assert names(exposition) == {"anomaly_score", "anomaly_value"}

    clock.now = 1500.5
    assert names(exposition) == set()


def test_a_vanished_series_vanishes_and_a_new_one_appears(
    board: Board, exposition: Exposition, make_result: MakeResult
) -> None:
    board.publish(make_result("q", 1000.0, ["a", "b"], anomaly_score=[1, 2]))
    assert {sample.labels["pod"]: sample.value for sample in samples(exposition)} == {"a": 1, "b": 2}

    board.publish(make_result("q", 1030.0, ["b", "c"], anomaly_score=[3, 4]))
    assert {sample.labels["pod"]: sample.value for sample in samples(exposition)} == {"b": 3, "c": 4}


def test_an_unchanged_query_is_not_rendered_anew(board: Board, exposition: Exposition, make_result: MakeResult) -> None:
    board.publish(make_result("q", 1000.0, ["a"], anomaly_score=[1]))
    board.publish(make_result("r", 1000.0, ["a"], anomaly_score=[1]))
    before = exposition.render(Format.TEXT, compress=False)
    board.publish(make_result("r", 1030.0, ["a"], anomaly_score=[2]))
    after = exposition.render(Format.TEXT, compress=False)

    assert after[1] is before[1]
    assert after[2] != before[2]


def test_what_did_not_change_is_not_rendered_anew(
    board: Board, exposition: Exposition, make_result: MakeResult
) -> None:
    nan = math.nan
    board.publish(make_result("q", 1000.0, ["a", "b"], anomaly_score=[1, nan], anomaly_value=[1, 2]))
    before = exposition.render(Format.TEXT, compress=False)
    board.publish(make_result("q", 1030.0, ["a", "b"], anomaly_score=[1, nan], anomaly_value=[1, 3]))
    after = exposition.render(Format.TEXT, compress=False)

    assert after[1] is before[1]
    assert after[3] != before[3]


def test_a_result_that_says_the_same_is_not_compressed_anew(
    board: Board, exposition: Exposition, make_result: MakeResult
) -> None:
    board.publish(make_result("q", 1000.0, ["a", "b"], anomaly_score=[1, 2]))
    before = exposition.render(Format.TEXT, compress=True)
    board.publish(make_result("q", 1030.0, ["a", "b"], anomaly_score=[1, 2]))

    assert exposition.render(Format.TEXT, compress=True)[1] is before[1]


def test_the_gzip_form_is_one_member_that_holds_the_same_text(
    board: Board, clock: Clock, make_result: MakeResult
) -> None:
    registry = CollectorRegistry()
    counter = Counter("cakes", "Cakes.", registry=registry)
    exposition = Exposition(board, registry, clock)
    board.publish(make_result("q", 1000.0, [f"pod-{i}" for i in range(500)], anomaly_score=np.linspace(0, 1, 500)))
    for _ in range(2):
        counter.inc()
        for form in Format:
            data = b"".join(exposition.render(form, compress=True))
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            assert member.decompress(data).decode() == text(exposition, form)
            assert member.eof
            assert not member.unused_data
            assert len(data) < len(text(exposition, form)) / 4


def test_an_empty_exposition_is_valid_gzip(exposition: Exposition) -> None:
    assert gzip.decompress(b"".join(exposition.render(Format.TEXT, compress=True))) == b""


def result_with(labels: Sequence[tuple[str, str]]) -> QueryResult:
    exported_labels = tuple(exported((label, ("row_number", str(row))), "q", {}) for row, label in enumerate(labels))
    gauges = {name: np.arange(len(labels), dtype=float) for name in ("anomaly_score", "anomaly_flag")}
    return QueryResult("q", 1000.0, 990, SeriesTable(exported_labels, gauges), {State.OK: len(labels)}, {})


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), TEXTS), max_size=3))
@example([("a", 'a"} 1\nevil{b="'), ("b", "\\"), ("c", "\\n\\\\\n")])
@example([("a", "\ud800"), ("b", "\x00\r\x85\u2028"), ("c", "x" * 10_000)])
def test_any_label_is_parsed_to_what_it_was(labels: list[tuple[str, str]]) -> None:
    board = Board()
    board.configure(["q"], 300)
    board.publish(result := result_with(labels))
    exposition = Exposition(board, CollectorRegistry(), Clock())

    expected = [dict(each) for each in result.series.labels] * 2
    for parse, form in ((parse_text, Format.TEXT), (parse_openmetrics, Format.OPENMETRICS)):
        parsed = [s for family in parse(text(exposition, form)) for s in family.samples]
        assert [sample.labels for sample in parsed] == expected
