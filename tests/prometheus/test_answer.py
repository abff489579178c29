"""Reading Prometheus' JSON: values, labels, the grid, and everything that is not as promised."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.prometheus.answer import read_range, read_values
from sidecar.prometheus.frame import describe
from sidecar.prometheus.source import BadAnswerError, PrometheusError, RangeResult, UnfitError
from tests.prometheus.raw_server import matrix

T0 = 1_700_000_040


def read(*series: dict[str, Any], steps: int = 3, **envelope: object) -> RangeResult:
    return read_range(matrix(*series, **envelope).encode(), T0, T0 + (steps - 1) * 60, 60)


def one(*values: list[Any], **metric: str) -> dict[str, Any]:
    return {"metric": metric, "values": values}


def test_rows_are_sorted_and_lie_on_the_grid() -> None:
    result = read(one([T0 + 60, "2"], b="2"), one([T0, "0.5"], [T0 + 120, "1e3"], b="1", __name__="cpu"), one(a="1"))
    assert result.frame.labels == ((("a", "1"),), (("b", "1"),), (("b", "2"),))
    nan = np.nan
    np.testing.assert_array_equal(result.frame.values, [[nan, nan, nan], [0.5, nan, 1000.0], [nan, 2.0, nan]])
    assert (result.frame.start, result.frame.step, result.samples) == (T0, 60, 3)


def test_order_of_the_labels_does_not_matter() -> None:
    assert read(one(b="2", a="1")).frame.labels == ((("a", "1"), ("b", "2")),)


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "1e999", "1.7976931348623157e308", "-1.1e100"])
def test_what_is_not_finite_or_has_no_square_is_no_sample(text: str) -> None:
    assert np.isnan(read(one([T0, text])).frame.values).all()


def test_remarks_are_surfaced() -> None:
    result = read(warnings=["a store is away"], infos=["not a counter"])
    assert (result.warnings, result.infos) == (("a store is away",), ("not a counter",))


def test_null_result_is_empty() -> None:
    body = b'{"status":"success","data":{"resultType":"matrix","result":null},"stats":{}}'
    assert read_range(body, T0, T0, 60).frame.values.shape == (0, 1)


@pytest.mark.parametrize("time", [T0 - 60, T0 + 180, T0 + 30, T0 + 0.5, 1e300, float("nan"), float("inf")])
def test_sample_that_was_not_asked_for(time: float) -> None:
    with pytest.raises(BadAnswerError, match="a sample at"):
        read(one([time, "1"]))


def test_same_labels_twice() -> None:
    with pytest.raises(UnfitError, match=r'two series with the labels \{a="1"\}'):
        read(one([T0, "1"], a="1", __name__="x"), one([T0, "1"], a="1", __name__="y"))


def test_a_metric_that_got_another_name_goes_on_as_one_series() -> None:
    found = read(
        {"metric": {"__name__": "new", "a": "1"}, "values": [[T0 + 120, "3"]]},
        one([T0, "9"], a="0", __name__="x"),
        {"metric": {"__name__": "old", "a": "1"}, "values": [[T0, "1"]]},
        {"metric": {"__name__": "mid", "a": "1"}, "values": [[T0 + 60, "2"]]},
    )
    assert found.frame.labels == ((("a", "0"),), (("a", "1"),))
    np.testing.assert_array_equal(found.frame.values, [[9, np.nan, np.nan], [1, 2, 3]])


@pytest.mark.parametrize(
    "series",
    [
        {"metric": {"a": 1}, "values": []},
        {"metric": {"a": "\ud800"}, "values": []},
        {"metric": [], "values": []},
        {"metric": {}, "values": [[T0]]},
        {"metric": {}, "values": [[T0, "one"]]},
        {"metric": {}, "values": [[T0, None]]},
        {"metric": {}, "values": [[10**400, "1"]]},
        {"metric": {}, "values": 3},
        {"metric": {}},
        {"values": []},
        3,
    ],
)
def test_malformed_series(series: Any) -> None:  # noqa: ANN401 - anything but a series
    with pytest.raises(BadAnswerError, match="not a range of the Prometheus API"):
        read(series)


def test_series_outside_of_the_result() -> None:
    with pytest.raises(BadAnswerError, match="a series outside of the result"):
        read(one([T0, "1"], a="1"), stats=one([T0, "2"], a="2"))


def test_native_histograms() -> None:
    with pytest.raises(UnfitError, match="native histograms"):
        read({"metric": {}, "histograms": []})


@pytest.mark.parametrize("kind", ["scalar", "string", "vector"])
def test_other_results(kind: str) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": kind, "result": [T0, "1"]}}).encode()
    with pytest.raises(BadAnswerError, match=f"gives a {kind}, not a range"):
        read_range(body, T0, T0, 60)


def test_texts_of_others_are_shortened() -> None:
    body = json.dumps({"status": "error", "errorType": "bad_data", "error": "x" * 10_000}).encode()
    with pytest.raises(PrometheusError) as raised:
        read_range(body, T0, T0, 60)
    assert len(str(raised.value)) < 1100
    assert len(describe((("a", "x" * 10_000),))) < 1100


def test_labels_are_written_as_in_promql() -> None:
    assert describe((("a", 'q"\\\n'), ("b", "ü"))) == '{a="q\\"\\\\\\n", b="ü"}'


leaves = st.sampled_from([None, True, 0, T0, -1.5, 1e300, "", "1", "a", [], {}, [T0, "1"], [[T0, "1"]], {"a": "1"}])
nested = st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(["metric", "values", "a"]), leaves) | leaves


@given(nested | st.lists(nested, max_size=2) | st.lists(st.fixed_dictionaries({"metric": nested, "values": nested})))
def test_any_result_is_read_or_refused(result: object) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
    try:
        frame = read_range(body, T0, T0 + 120, 60).frame
    except (BadAnswerError, UnfitError):
        return
    assert frame.values.shape == (len(frame.labels), 3)


@given(st.binary(max_size=50), st.integers(0, 100), st.integers(0, 20))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int, cut: int) -> None:
    good = matrix(one([T0, "1"], a="1")).encode()
    try:
        frame = read_range(good[:at] + noise + good[at + cut :], T0, T0, 60).frame
    except PrometheusError:
        return
    assert frame.values.shape == (len(frame.labels), 1)


@pytest.mark.parametrize("data", ['["a", 1]', '{"a": "b"}', '"abc"', "3", '["\\ud83d"]'])
def test_what_is_no_list_of_texts(data: str) -> None:
    with pytest.raises(BadAnswerError, match="not a list of label values"):
        read_values(f'{{"status": "success", "data": {data}}}'.encode())
