import asyncio
import json
import socket
import threading
import time
from typing import Any

import httpx
import numpy as np
import pytest
import requests

from sidecar.export.labels import exported
from sidecar.export.snapshot import State
from sidecar.web import predict
from sidecar.web.app import create_app
from sidecar.web.errors import Refused
from sidecar.web.predict import LARGEST_BODY, Desk
from sidecar.web.predict_schemas import EXAMPLE, MOST_VALUES
from sidecar.web.server import HttpServer
from tests.web.client import client
from tests.web.conftest import AT, Sidecar
from tests.web.test_api import STEP, case

KEYS = ("anomaly", "anomaly_score", "expected", "lower", "upper")


def ask(sidecar: Sidecar, **body: Any) -> httpx.Response:  # noqa: ANN401
    return client(sidecar).post("/predict", json=body)


def predicted(sidecar: Sidecar, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = ask(sidecar, **body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert {len(told[key]) for key in KEYS} == {len(body["values"])}
    return told


def ones(told: dict[str, Any]) -> list[int]:
    return [index for index, flag in enumerate(told["anomaly"]) if flag == 1]


def counted(sidecar: Sidecar, name: str) -> float | None:
    return sidecar.registry.get_sample_value(f"anomaly_sidecar_{name}")


def noise(count: int) -> list[float]:
    return [float(value) for value in 42.4 + 0.2 * np.random.default_rng(1).standard_normal(count)]


def test_the_outlier_of_the_example_and_only_it_is_anomalous(sidecar: Sidecar) -> None:
    told = predicted(sidecar, **EXAMPLE)

    assert len(EXAMPLE["values"]) == 25
    assert EXAMPLE["values"][20] == 89.7
    assert ones(told) == [20]
    assert told["warmup_points_dropped"] <= 10
    assert (told["threshold"], told["detector"], told["message"]) == (1.0, "short", None)
    assert told["lower"][20] < told["expected"][20] < told["upper"][20] < 89.7


def test_too_short_a_list_is_no_error_but_nothing_is_said_of_it(sidecar: Sidecar) -> None:
    told = predicted(sidecar, values=[0.13, 0.134, 0.132, 2.34, 0.133])

    assert all(told[key] == [None] * 5 for key in KEYS)
    assert told["warmup_points_dropped"] == 5
    assert told["message"] == "At least 20 values that are not null are needed, got 5."


def test_missing_values_come_back_as_null(sidecar: Sidecar) -> None:
    values = [None, None, *noise(25)]
    values[10] = None
    told = predicted(sidecar, values=values)

    for key in KEYS:
        assert [index for index, value in enumerate(told[key]) if value is None] == [0, 1, 10]
    assert told["warmup_points_dropped"] == 2


def test_with_a_number_the_first_values_are_trained_on_and_the_rest_is_scored(sidecar: Sidecar) -> None:
    values = noise(60)
    values[40] = 89.7
    told = predicted(sidecar, values=values, fit=30)

    assert told["warmup_points_dropped"] == 30
    assert ones(told) == [40]


def test_too_few_values_to_train_on_are_told_of(sidecar: Sidecar) -> None:
    told = predicted(sidecar, values=noise(60), fit=5)

    assert told["message"] == "At least 20 values that are not null are needed among the first 5, got 5."


def test_long_lists_get_the_detector_of_the_loop(sidecar: Sidecar) -> None:
    told = predicted(sidecar, values=noise(1000), timestamps=[float(AT + 300 * i) for i in range(1000)], fit=900)

    assert told["detector"] == "loop"
    assert told["warmup_points_dropped"] == 900
    for end in ("lower", "upper"):
        assert [value is None for value in told[end]] == [True] * 900 + [False] * 100


def test_gaps_between_timestamps_are_no_values(sidecar: Sidecar) -> None:
    times = [AT + 60 * i + (600 if i > 12 else 0) for i in range(25)]
    told = predicted(sidecar, **EXAMPLE, timestamps=times)

    assert ones(told) == [20]


@pytest.mark.parametrize("step", [3_600, 86_400, 7 * 86_400, 90 * 86_400])
def test_values_may_be_hours_days_or_quarters_apart(sidecar: Sidecar, step: int) -> None:
    told = predicted(sidecar, **EXAMPLE, timestamps=[step * i for i in range(25)])

    assert ones(told) == [20]


@pytest.mark.parametrize(("direction", "expected"), [("above", [20]), ("below", [10]), ("both", [10, 20])])
def test_only_the_direction_asked_for_counts(sidecar: Sidecar, direction: str, expected: list[int]) -> None:
    values = noise(30)
    values[20], values[10] = 89.7, 1.3
    told = predicted(sidecar, values=values, direction=direction)

    assert ones(told) == expected
    assert (told["lower"][0] is None) == (direction == "above")
    assert (told["upper"][0] is None) == (direction == "below")
    assert min(told["anomaly_score"][20], told["anomaly_score"][10]) > 1


def test_a_higher_threshold_flags_less_and_has_a_wider_band(sidecar: Sidecar) -> None:
    usual, high = (predicted(sidecar, **EXAMPLE, threshold=threshold) for threshold in (1.0, 4.0))

    assert ones(high) == []
    assert high["upper"][20] > 89.7 > usual["upper"][20]
    assert high["threshold"] == 4.0


@pytest.fixture
def live(sidecar: Sidecar) -> Sidecar:
    sidecar.publish("cpu", {"a": 0.5, "b": 0.5}, {"young": State.WARMING})
    for pod in ("a", "young"):
        labels = exported((("pod", pod),), "cpu", {})
        sidecar.cases[labels] = case(labels, fitted=pod == "a", newest=0.3)
    return sidecar


def test_values_are_scored_with_the_live_model_of_a_series(live: Sidecar) -> None:
    told = predicted(live, values=[0.3, None, 0.31, 0.9], query="cpu", labels={"pod": "a"})

    assert told["detector"] == "live"
    assert told["anomaly"] == [0, None, 0, 1]


def test_timestamps_of_a_query_lie_on_its_steps(live: Sidecar) -> None:
    now = int(AT) // STEP * STEP
    asked = {"values": [0.3, 0.9], "query": "cpu", "labels": {"pod": "a"}}

    assert predicted(live, **asked, timestamps=[now + STEP, now + 2 * STEP])["anomaly"] == [0, 1]
    answer = ask(live, **asked, timestamps=[now + STEP / 2, now + STEP * 1.5])
    assert (answer.status_code, answer.json()["field"]) == (422, "timestamps")


def test_the_direction_may_differ_from_that_of_the_query(live: Sidecar) -> None:
    told = predicted(live, values=[0.9], query="cpu", labels={"pod": "a"}, direction="below")

    assert told["anomaly"] == [0]


def test_a_series_without_a_model_yet_is_told_of(live: Sidecar) -> None:
    for pod in ("young", "b"):
        told = predicted(live, values=[0.3], query="cpu", labels={"pod": pod})
        assert told["message"] == "The series has no model yet: it has too little history."


@pytest.mark.parametrize(
    ("body", "status", "field", "message"),
    [
        ({"query": "x"}, 404, "query", "none is called 'x'"),
        ({"query": "cpu", "labels": {"pod": "z"}}, 404, "labels", "no series of cpu has them"),
        ({"query": "cpu"}, 422, "labels", "3 series of cpu have them: name more"),
        ({"query": "cpu", "labels": {"pod": "a"}, "fit": "self"}, 422, "fit", "fitted already"),
        ({"labels": {"pod": "a"}}, 422, "labels", "name the query"),
    ],
)
def test_which_series_is_meant_must_be_clear(
    live: Sidecar, body: dict[str, Any], status: int, field: str, message: str
) -> None:
    answer = ask(live, values=[0.3], **body)

    assert answer.status_code == status
    assert answer.json()["field"] == field
    assert message in answer.json()["error"]


GOOD = {"values": [1.0] * 25}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"values": []}, "values:"),
        ({"values": [1, "2"]}, "values[1]:"),
        ({"values": [1, True]}, "values[1]:"),
        ({"values": [1, [2]]}, "values[1]:"),
        ({"values": [1, 2, 1e101]}, "values[2]:"),
        ({"values": 1}, "values:"),
        ({"values": [1.0] * (MOST_VALUES + 1)}, "values:"),
        ({}, "values:"),
        (GOOD | {"value": 1}, "value:"),
        (GOOD | {"timestamps": [1, 2]}, "timestamps:"),
        (GOOD | {"timestamps": [60 * i for i in range(24)] + ["x"]}, "timestamps[24]:"),
        (GOOD | {"timestamps": [60 * i for i in range(24)] + [60]}, "timestamps[24]:"),
        (GOOD | {"timestamps": [1_700_000_000_000 + i for i in range(25)]}, "timestamps[0]:"),
        (GOOD | {"fit": 25}, "fit:"),
        (GOOD | {"fit": 0}, "fit:"),
        (GOOD | {"fit": True}, "fit:"),
        (GOOD | {"fit": "all"}, "fit:"),
        (GOOD | {"threshold": 0}, "threshold:"),
        (GOOD | {"direction": "up"}, "direction:"),
    ],
)
def test_bad_input_is_refused_with_its_place(sidecar: Sidecar, body: dict[str, Any], place: str) -> None:
    answer = client(sidecar).post("/predict", content=json.dumps(body))

    assert answer.status_code == 422
    assert answer.json()["error"].startswith(place)
    assert (counted(sidecar, "predictions_total"), counted(sidecar, "predictions_rejected_total")) == (1, 1)


def test_the_largest_value_is_told_in_short(sidecar: Sidecar) -> None:
    assert ask(sidecar, values=[1.0, 1e101]).json()["error"].endswith("than or equal to 1e+100")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_json_has_no_number_for_is_refused(sidecar: Sidecar, number: str) -> None:
    answer = client(sidecar).post("/predict", content=f'{{"values": [1, {number}]}}')

    assert answer.status_code in {400, 422}
    assert "values[1]" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"values=1", b'{"values":[1,]}', b"[" * 10_000])
def test_what_is_not_json_is_refused(sidecar: Sidecar, body: bytes) -> None:
    answer = client(sidecar).post("/predict", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Invalid JSON")


async def pieces(count: int) -> Any:  # noqa: ANN401
    for _ in range(count):
        yield b" " * 100_000


@pytest.mark.parametrize("body", [b" " * (LARGEST_BODY + 1), pieces(12)])
def test_a_body_over_the_limit_is_refused_told_beforehand_or_not(sidecar: Sidecar, body: Any) -> None:  # noqa: ANN401
    answer = client(sidecar).post("/predict", content=body)

    assert answer.status_code == 413
    assert answer.json()["error"] == f"the body is larger than {LARGEST_BODY} bytes"


def test_a_content_length_that_is_no_number_is_not_believed(sidecar: Sidecar) -> None:
    answer = client(sidecar).post("/predict", content=json.dumps(GOOD), headers={"content-length": "x"})

    assert answer.status_code == 200


def test_the_form_of_content_does_not_matter(sidecar: Sidecar) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert client(sidecar).post("/predict", content=json.dumps(GOOD), headers=headers).status_code == 200


def test_too_many_at_once_are_sent_away_until_there_is_room() -> None:
    gate, busy = threading.Event(), threading.Barrier(3)

    def slow() -> bytes:
        busy.wait(10)
        gate.wait(10)
        return b"done"

    async def crowd() -> None:
        desk = Desk(2)
        running = [asyncio.create_task(desk.run(slow)) for _ in range(2)]
        await asyncio.to_thread(busy.wait, 10)
        with pytest.raises(Refused) as refusal:
            await desk.run(lambda: b"")
        assert refusal.value.status == 429
        gate.set()
        assert await asyncio.gather(*running) == [b"done", b"done"]
        assert await desk.run(lambda: b"again") == b"again"

    asyncio.run(crowd())


def test_being_sent_away_comes_with_when_to_come_again(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "MOST_AT_ONCE", 0)
    answer = ask(sidecar, **GOOD)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture
def url(sidecar: Sidecar) -> Any:  # noqa: ANN401
    server = HttpServer(create_app(sidecar.backend, version="1"), "127.0.0.1:0")
    server.start()
    yield server.url
    server.stop()


def test_slow_clients_hold_up_nobody_and_are_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "READ_SECONDS", 1.0)
    host, port = url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for each in slow:
        each.sendall(b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"val')

    begun = time.monotonic()
    answer = requests.post(f"{url}/predict", json=EXAMPLE, timeout=10)

    assert answer.status_code == 200
    assert time.monotonic() - begun < 10
    for each in slow:
        each.settimeout(10)
        assert each.recv(100).startswith(b"HTTP/1.1 408")
        each.close()


def test_a_client_that_hangs_up_does_no_harm(url: str, sidecar: Sidecar) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client_:
        client_.sendall(b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"val')
    while not counted(sidecar, "predictions_rejected_total"):
        time.sleep(0.01)

    assert requests.post(f"{url}/predict", json=EXAMPLE, timeout=10).status_code == 200
