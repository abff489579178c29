import json
import math
from http import HTTPStatus

import numpy as np
import pytest

from sidecar.demo import api
from sidecar.demo.config import EPOCH
from sidecar.demo.incidents import utilisation
from sidecar.demo.series import HOSTS

RANGE = {"query": api.EXPRESSION, "start": str(EPOCH - 900), "end": str(EPOCH), "step": "300"}


def test_a_range_is_a_matrix_of_every_host_at_every_step() -> None:
    status, document = api.query_range(RANGE, EPOCH, EPOCH)
    assert status == HTTPStatus.OK
    assert document["data"]["resultType"] == "matrix"
    series = document["data"]["result"]
    assert [one["metric"]["instance"] for one in series] == [host.name for host in HOSTS]
    for host, one in zip(HOSTS, series, strict=True):
        times, values = zip(*one["values"], strict=True)
        assert times == (EPOCH - 900, EPOCH - 600, EPOCH - 300, EPOCH)
        assert [float(value) for value in values] == utilisation(host, np.array(times, np.float64), EPOCH).tolist()


def test_whole_seconds_have_no_point_and_values_no_exponent() -> None:
    series = api.query_range(RANGE | {"end": str(EPOCH - 600), "step": "0.5"}, EPOCH, EPOCH)[1]["data"]["result"][0]
    text = json.dumps(series["values"])
    assert f"[{EPOCH - 900}, " in text
    assert f"[{EPOCH - 900}.5, " in text
    assert "e" not in text


def test_nothing_later_than_now_is_served() -> None:
    series = api.query_range(RANGE, EPOCH - 301.5, EPOCH)[1]["data"]["result"]
    assert [time for time, _ in series[0]["values"]] == [EPOCH - 900, EPOCH - 600]
    assert api.query_range(RANGE, EPOCH - 901, EPOCH)[1]["data"]["result"] == []


def test_an_answer_does_not_change_when_it_is_asked_for_again_later() -> None:
    assert api.query_range(RANGE, EPOCH, EPOCH) == api.query_range(RANGE, EPOCH + 86400, EPOCH)


def test_a_week_at_five_minutes_is_served_at_once() -> None:
    series = api.query_range(RANGE | {"start": str(EPOCH - 7 * 86400)}, EPOCH, EPOCH)[1]["data"]["result"]
    assert {len(one["values"]) for one in series} == {2017}


@pytest.mark.parametrize("start", ["2026-01-07T09:45:00Z", "2026-01-07T10:45:00+01:00", f"{EPOCH - 900}.0"])
def test_times_are_unix_seconds_or_rfc_3339(start: str) -> None:
    assert api.query_range(RANGE | {"start": start}, EPOCH, EPOCH) == api.query_range(RANGE, EPOCH, EPOCH)


def test_an_instant_query_answers_the_newest_value() -> None:
    status, document = api.query({"query": f" {api.EXPRESSION} "}, EPOCH + 0.5, EPOCH)
    assert status == HTTPStatus.OK
    assert document["data"]["resultType"] == "vector"
    assert [one["value"][0] for one in document["data"]["result"]] == [EPOCH + 0.5] * len(HOSTS)


def test_an_instant_query_goes_into_the_past_but_not_into_the_future() -> None:
    at = {"query": api.EXPRESSION, "time": str(EPOCH - 300)}
    series = api.query_range(RANGE, EPOCH, EPOCH)[1]["data"]["result"]
    vector = api.query(at, EPOCH, EPOCH)[1]["data"]["result"]
    assert [one["value"] for one in vector] == [one["values"][-2] for one in series]
    assert api.query(at, EPOCH - 301, EPOCH)[1]["data"]["result"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": "up"}, f"knows only {api.EXPRESSION}, not 'up'"),
        ({"start": ""}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ({"end": "soon"}, 'invalid parameter "end": cannot parse "soon" to a valid timestamp'),
        ({"end": "nan"}, 'invalid parameter "end": cannot parse "nan" to a valid timestamp'),
        ({"step": "x"}, 'invalid parameter "step": cannot parse "x" to a valid duration in seconds'),
        ({"end": str(EPOCH - 901)}, 'invalid parameter "end": end timestamp must not be before start time'),
        ({"step": "0"}, "zero or negative query resolution step widths are not accepted"),
        ({"step": "-1"}, "zero or negative query resolution step widths are not accepted"),
        ({"step": "0.01"}, "exceeded maximum resolution of 11,000 points per timeseries"),
    ],
)
def test_bad_requests_are_refused_with_what_is_wrong(change: dict[str, str], message: str) -> None:
    status, document = api.query_range(RANGE | change, EPOCH, EPOCH)
    assert status == HTTPStatus.BAD_REQUEST
    assert document["status"] == "error"
    assert document["errorType"] == "bad_data"
    assert message in document["error"]


def test_the_most_points_of_one_request_are_answered() -> None:
    end = EPOCH - 900 + api.MAX_POINTS
    series = api.query_range(RANGE | {"end": str(end), "step": "1"}, math.inf, EPOCH)[1]["data"]["result"]
    assert len(series[0]["values"]) == api.MAX_POINTS + 1


@pytest.mark.parametrize("parameters", [{}, {"query": "up"}, {"query": api.EXPRESSION, "time": "x"}])
def test_bad_instant_queries_are_refused(parameters: dict[str, str]) -> None:
    assert api.query(parameters, EPOCH, EPOCH)[0] == HTTPStatus.BAD_REQUEST
