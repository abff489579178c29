from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest

from sidecar.config.schema import QueryConfig
from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import NEVER
from sidecar.detection.detector import fit
from sidecar.detection.review import Case
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings
from sidecar.export.labels import exported
from sidecar.export.snapshot import Failure, State
from sidecar.prometheus.frame import Frame, LabelSet
from tests.web.client import client
from tests.web.conftest import AT, Sidecar

STEP, DAY = 300, 86_400


def series(sidecar: Sidecar, **parameters: Any) -> Any:  # noqa: ANN401
    answer = client(sidecar).get("/api/v1/series", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pods(page: dict[str, Any]) -> list[str]:
    return [each["labels"]["pod"] for each in page["series"]]


@pytest.fixture
def cpu(sidecar: Sidecar) -> Sidecar:
    sidecar.publish("cpu", {"a": 0.5, "b": 2.0, "c": 0.7}, {"young": State.WARMING, "gone": State.NO_DATA})
    sidecar.publish("load", {"a": 1.5})
    return sidecar


def test_queries_tell_how_they_fare(cpu: Sidecar) -> None:
    cpu.board.fail("load", Failure(AT, "Prometheus is away"))
    body = client(cpu).get("/api/v1/queries").json()

    assert body["ready"] is True
    assert [each["name"] for each in body["queries"]] == ["cpu", "load"]
    first, second = body["queries"]
    assert first["series"] == {"ok": 3, "warming": 1, "no_data": 1, "stale": 0, "error": 0}
    assert (first["flagged"], first["health"], first["healthy"], first["unit"]) == (1, "ok", True, "ratio")
    assert (second["health"], second["healthy"], second["flagged"]) == ("failing: Prometheus is away", False, 1)


def test_a_query_that_was_never_evaluated_says_so(sidecar: Sidecar) -> None:
    first = client(sidecar).get("/api/v1/queries").json()["queries"][0]

    assert (first["health"], first["healthy"], first["evaluated"]) == ("not evaluated yet", False, None)
    assert first["flagged"] is None


def test_series_come_most_anomalous_first_and_those_without_a_score_last(cpu: Sidecar) -> None:
    page = series(cpu)

    assert pods(page) == ["b", "a", "c", "a", "young", "gone"]
    assert page["total"] == 6
    assert [each["state"] for each in page["series"]] == ["ok"] * 4 + ["warming", "no_data"]
    assert page["series"][0] | {"id": ""} == {
        "id": "",
        "anomaly_name": "cpu",
        "labels": {"pod": "b"},
        "unit": "ratio",
        "state": "ok",
        "finding": "Anomalous: - where - was to be expected.",
        "score": 2.0,
        "flag": True,
        "since": None,
        "value": None,
        "expected": None,
        "lower": None,
        "upper": None,
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"anomaly_name": "cpu", "sort": "score"}, ["a", "c", "b", "young", "gone"]),
        ({"sort": "flagged"}, ["b", "a", "c", "a", "young", "gone"]),
        ({"anomaly_name": "cpu", "sort": "labels"}, ["a", "b", "c", "gone", "young"]),
        ({"state": "warming"}, ["young"]),
        ({"flag": True}, ["b", "a"]),
        ({"flag": False}, ["c", "a"]),
        ({"label": "pod=a"}, ["a", "a"]),
        ({"label": ["pod=a", "anomaly_name=load"]}, ["a"]),
        ({"label": "zone="}, ["b", "a", "c", "a", "young", "gone"]),
        ({"label": "zone=x"}, []),
        ({"search": "YOU"}, ["young"]),
        ({"limit": 2}, ["b", "a"]),
        ({"limit": 2, "offset": 5}, ["gone"]),
        ({"offset": 100}, []),
    ],
)
def test_series_are_filtered_sorted_and_cut_into_pages(
    cpu: Sidecar, parameters: dict[str, Any], expected: list[str]
) -> None:
    assert pods(series(cpu, **parameters)) == expected


def test_pages_together_are_the_whole(cpu: Sidecar) -> None:
    parts = [pods(series(cpu, limit=2, offset=offset)) for offset in (0, 2, 4)]

    assert list(chain(*parts)) == pods(series(cpu))


def test_an_expired_result_is_listed_as_stale_and_shows_no_verdict(cpu: Sidecar) -> None:
    cpu.now += 301
    page = series(cpu, anomaly_name="cpu")

    assert [each["state"] for each in page["series"]] == ["stale"] * 3 + ["warming", "no_data"]
    assert {(each["score"], each["flag"]) for each in page["series"]} == {(None, None)}
    assert client(cpu).get("/api/v1/queries").json()["queries"][0]["flagged"] is None


def test_a_series_that_vanished_and_is_flagged_for_it_has_no_data(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": float("nan")})
    sidecar.board.snapshot.results["cpu"].series.gauges["anomaly_flag"][:] = 1
    [shown] = series(sidecar)["series"]

    assert (shown["state"], shown["flag"], shown["score"]) == ("no_data", True, None)


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("series?anomaly_name=x", 404, ("anomaly_name", None, "no query is called 'x'")),
        ("series?label=a=b&label=c", 422, ("label", 1, "label[1]: 'c' must be NAME=VALUE")),
        ("series?limit=0", 422, ("limit", None, "limit: Input should be greater than or equal to 1")),
        ("series?state=fine", 422, ("state", None, "state: Input should be 'ok', 'warming'")),
        ("series?flagged=1", 422, ("flagged", None, "flagged: Extra inputs are not permitted")),
        ("series/0", 404, ("series_id", None, "no series has the id '0': it may have vanished")),
        ("series/0?points=x", 422, ("points", None, "points: Input should be a valid integer")),
    ],
)
def test_what_is_refused_says_what_is_wrong_and_where(
    cpu: Sidecar, path: str, status: int, problem: tuple[str, int | None, str]
) -> None:
    answer = client(cpu).get(f"/api/v1/{path}")
    body = answer.json()
    field, index, message = problem

    assert answer.status_code == status
    assert (body["field"], body["index"]) == (field, index)
    assert body["error"].startswith(message)


def case(labels: LabelSet, *, fitted: bool = True, newest: float = 30) -> Case:
    """Five days, the last value far off unless told otherwise."""
    query = QueryConfig(name="cpu", expr="up", step=STEP, fit_window=4 * DAY, fit_every=DAY, min_history=DAY)
    settings = Settings(query.step, query.fit_window, query.min_history)
    schedule = Schedule(settings, query.fit_every)
    values = np.random.default_rng(3).normal(0.3, 0.03, (1, 5 * DAY // STEP))
    values[0, -1], values[0, -3] = newest, np.nan
    end = int(AT) // STEP * STEP
    frame = Frame((labels,), end - (values.shape[1] - 1) * STEP, STEP, values)
    instant = end - DAY // 2
    models = fit(values[:, : -DAY // 2 // STEP], instant, settings)
    return Case(frame, models, instant if fitted else NEVER, schedule, Policy())


def detail(sidecar: Sidecar, pod: str, **parameters: Any) -> Any:  # noqa: ANN401
    [found] = series(sidecar, anomaly_name="cpu", label=f"pod={pod}")["series"]
    answer = client(sidecar).get(f"/api/v1/series/{found['id']}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_series_in_detail_shows_its_recent_past(cpu: Sidecar) -> None:
    labels = exported((("pod", "b"),), "cpu", {})
    cpu.cases[labels] = case(labels)
    body = detail(cpu, "b", points=10)
    points = body["points"]

    assert (body["labels"], body["unit"], body["step"]) == ({"pod": "b"}, "ratio", STEP)
    assert {len(each) for each in points.values()} == {10}
    assert points["time"][-1] == int(AT) // STEP * STEP
    assert points["value"][-3] is None
    assert points["score"][-3] is None
    assert points["score"][-1] > 1 > points["score"][-4]
    assert points["flag"] == [False] * 9 + [True]
    assert points["expected"][-1] == pytest.approx(0.3, abs=0.1)
    assert (body["alarm"], body["reason"]) == ("firing", "exceeded")
    assert points["lower"][-1] < points["expected"][-1] < points["upper"][-1] < 30
    assert body["explanation"]["changed"][0] in {"level", "trend", "spread"}
    assert body["explanation"]["features"][0]["score_without"] <= points["score"][-1]
    assert len(body["explanation"]["sentences"]) >= 2


@pytest.mark.parametrize(("asked", "known"), [(0, 0), (1, 1), (20, 19)])
def test_every_step_that_is_scored_has_its_band(cpu: Sidecar, asked: int, known: int) -> None:
    labels = exported((("pod", "b"),), "cpu", {})
    cpu.cases[labels] = case(labels, newest=0.3)
    points = detail(cpu, "b", points=asked)["points"]

    for end in ("lower", "upper"):
        assert [value is None for value in points[end]] == [score is None for score in points["score"]]
        assert sum(value is not None for value in points[end]) == known


@pytest.mark.parametrize("direction", ["above", "below"])
def test_the_side_that_does_not_count_has_no_end(cpu: Sidecar, direction: str) -> None:
    labels = exported((("pod", "b"),), "cpu", {})
    some = case(labels)
    cpu.cases[labels] = replace(some, policy=replace(some.policy, direction=direction))
    points = detail(cpu, "b")["points"]

    assert (points["lower"][-1] is None, points["upper"][-1] is None) == (direction == "above", direction == "below")


def test_a_series_without_a_model_shows_its_values_only(cpu: Sidecar) -> None:
    labels = exported((("pod", "young"),), "cpu", {})
    cpu.cases[labels] = case(labels, fitted=False)
    body = detail(cpu, "young")

    assert body["state"] == "warming"
    assert (body["alarm"], body["score"], body["flag"]) == (None, None, None)
    assert body["points"]["value"][-1] == 30
    assert set(body["points"]["score"]) == {None}


def test_a_series_that_the_loop_holds_no_more_has_no_points(cpu: Sidecar) -> None:
    body = detail(cpu, "a")

    assert body["points"]["time"] == []
    assert (body["score"], body["alarm"]) == (0.5, None)


def test_the_id_of_a_series_is_a_function_of_its_labels(cpu: Sidecar) -> None:
    before = {each["id"] for each in series(cpu)["series"]}
    cpu.publish("cpu", {"b": 0.1, "c": 0.2, "a": 0.3})

    assert len(before) == 6
    assert {each["id"] for each in series(cpu)["series"]} < before


def test_an_answer_of_the_moment_is_not_stored(cpu: Sidecar) -> None:
    for path in ("/api/v1/queries", "/api/v1/series"):
        assert client(cpu).get(path).headers["cache-control"] == "no-store"
