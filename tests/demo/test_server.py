import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sidecar.demo.api import EXPRESSION
from sidecar.demo.config import EPOCH
from sidecar.demo.server import _handler, _Server, serve
from tests.real.processes import answers, wait_until

RANGE = {"query": EXPRESSION, "start": str(EPOCH - 600), "end": str(EPOCH), "step": "300"}


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    with serve(lambda: EPOCH, EPOCH) as url:
        yield url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def shape(document: Any) -> Any:  # noqa: ANN401 -- any JSON document
    """The keys and types of a document; of a list, those of its first element, but of a pair (time, text) both."""
    if isinstance(document, dict):
        return {key: shape(value) for key, value in document.items()}
    if isinstance(document, list):
        return [shape(one) for one in (document if len(document) == 2 else document[:1])]
    return type(document)


def test_get_and_post_answer_the_same(source: str, session: requests.Session) -> None:
    got = session.get(f"{source}/api/v1/query_range", params=RANGE)
    posted = session.post(f"{source}/api/v1/query_range", data=RANGE)
    assert got.status_code == posted.status_code == 200
    assert got.headers["Content-Type"] == "application/json"
    assert got.json() == posted.json()
    assert len(got.json()["data"]["result"][0]["values"]) == 3


def test_the_form_stands_above_the_url(source: str, session: requests.Session) -> None:
    answer = session.post(f"{source}/api/v1/query_range", params=RANGE, data={"end": str(EPOCH - 300)})
    assert len(answer.json()["data"]["result"][0]["values"]) == 2


def test_instant_queries_and_refusals(source: str, session: requests.Session) -> None:
    assert session.get(f"{source}/api/v1/query", params={"query": EXPRESSION}).json()["status"] == "success"
    refused = session.get(f"{source}/api/v1/query", params={"query": "up"})
    assert refused.status_code == 400
    assert refused.json()["errorType"] == "bad_data"


def test_probes_and_unknown_paths(source: str, session: requests.Session) -> None:
    assert session.get(f"{source}/-/ready").text == "Prometheus Server is Ready.\n"
    assert session.get(f"{source}/-/healthy").ok
    assert session.get(f"{source}/graph").status_code == 404


def test_the_terminal_stays_silent(source: str, session: requests.Session, capfd: pytest.CaptureFixture[str]) -> None:
    session.get(f"{source}/-/ready")
    session.get(f"{source}/nowhere")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("error", "told"), [(ConnectionResetError("gone"), ""), (ValueError("a bug"), "a bug")])
def test_a_client_that_hangs_up_is_no_error_and_all_else_is(
    error: Exception, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with _Server(("127.0.0.1", 0), _handler(lambda: EPOCH, EPOCH)) as server:
        try:
            raise error
        except (ConnectionError, ValueError):
            server.handle_error(None, ("127.0.0.1", 1))
    printed = capfd.readouterr().err
    assert told in printed
    assert bool(printed) == bool(told)


def test_it_stops_with_its_context() -> None:
    with serve(lambda: EPOCH, EPOCH) as url:
        assert requests.get(f"{url}/-/ready", timeout=5).ok
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/-/ready", timeout=5)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty Prometheus."""
    home = tmp_path_factory.mktemp("prometheus")
    (home / "prometheus.yml").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={address}"]
    with (home / "log").open("wb") as log, subprocess.Popen(command, cwd=home, stderr=log) as process:
        try:
            wait_until(lambda: answers(f"http://{address}/-/ready"), "the demo to be ready")
            yield f"http://{address}"
        finally:
            process.terminate()


@pytest.mark.real
@pytest.mark.parametrize("path", ["query_range", "query"])
def test_answers_have_the_shape_of_a_real_prometheus(
    prometheus: str, source: str, session: requests.Session, path: str
) -> None:
    # A vector of 0.25 with the labels of a recorded series.
    expression = "vector(0.25)"
    for name, value in (("__name__", EXPRESSION), ("instance", "web-1:9100"), ("job", "node")):
        expression = f'label_replace({expression}, "{name}", "{value}", "", "")'
    parameters = RANGE | {"time": str(EPOCH)}
    real = session.post(f"{prometheus}/api/v1/{path}", data=parameters | {"query": expression})
    ours = session.post(f"{source}/api/v1/{path}", data=parameters)
    assert real.status_code == ours.status_code == 200
    assert real.headers["Content-Type"] == ours.headers["Content-Type"]
    assert shape(real.json()) == shape(ours.json() | {"data": _first(ours.json()["data"])})


def _first(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"result": data["result"][:1]}


@pytest.mark.real
@pytest.mark.parametrize(
    "change", [{"query": "]"}, {"start": ""}, {"end": str(EPOCH - 900)}, {"step": "0"}, {"step": "0.01"}]
)
def test_refusals_are_those_of_a_real_prometheus(
    prometheus: str, source: str, session: requests.Session, change: dict[str, str]
) -> None:
    real = session.post(f"{prometheus}/api/v1/query_range", data=RANGE | {"query": "up"} | change)
    ours = session.post(f"{source}/api/v1/query_range", data=RANGE | change)
    assert real.status_code == ours.status_code == 400
    assert shape(real.json()) == shape(ours.json())
    assert real.json()["errorType"] == ours.json()["errorType"]
