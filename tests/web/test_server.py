import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from sidecar.web.app import create_app
from sidecar.web.server import HttpServer, ListenError, parse_listen_address
from tests.web.conftest import Sidecar


@contextmanager
def serving(sidecar: Sidecar, listen_address: str = "127.0.0.1:0") -> Iterator[HttpServer]:
    server = HttpServer(create_app(sidecar.backend, version="0", enable_lifecycle=True), listen_address)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9847", ("", 9847)),
        ("127.0.0.1:9847", ("127.0.0.1", 9847)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_listen_address(text: str, address: tuple[str, int]) -> None:
    assert parse_listen_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "9847", "localhost", ":", ":http", ":-1", ":65536", "::1:9847", "[::1]", "[a]:1", ":\u0661"]
)
def test_a_bad_listen_address_is_a_clear_error(text: str) -> None:
    with pytest.raises(ListenError, match=r"is not an address to listen on: write HOST:PORT, :PORT or \[IPV6\]:PORT"):
        parse_listen_address(text)


@pytest.mark.parametrize("listen_address", [":0", "127.0.0.1:0", "localhost:0"])
def test_serves_on_a_free_port(sidecar: Sidecar, listen_address: str) -> None:
    sidecar.publish("cpu", {f"pod-{i}": i for i in range(1000)})
    with serving(sidecar, listen_address) as server:
        answer = httpx.get(f"{server.url}/metrics")

    [score, flag] = parse_text(answer.text)
    assert answer.headers["content-encoding"] == "gzip"
    assert "server" not in answer.headers
    assert [sample.value for sample in score.samples] == list(range(1000))
    assert len(flag.samples) == 1000


def test_serves_on_ipv6(sidecar: Sidecar) -> None:
    with serving(sidecar, "[::1]:0") as server:
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(f"{server.url}/-/healthy").status_code == 200


def test_serves_all_ipv4_interfaces_where_there_is_no_ipv6(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with serving(sidecar, ":0") as server:
        assert server.address[0] == "0.0.0.0"  # noqa: S104
        assert httpx.get(f"{server.url}/-/healthy").status_code == 200


def test_a_port_in_use_is_a_clear_error(sidecar: Sidecar) -> None:
    with serving(sidecar) as server:
        taken = f"127.0.0.1:{server.address[1]}"
        with pytest.raises(ListenError, match=f"cannot listen on {taken}: Address already in use"):
            HttpServer(create_app(sidecar.backend, version="0"), taken).start()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300])
def test_an_unknown_host_is_a_clear_error(sidecar: Sidecar, host: str) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on {re.escape(host)}:1: "):
        HttpServer(create_app(sidecar.backend, version="0"), f"{host}:1").start()


def test_stopping_frees_the_port_and_ends_the_thread(sidecar: Sidecar) -> None:
    with serving(sidecar) as server:
        address = server.address
        httpx.get(f"{server.url}/-/healthy")

    assert not [thread for thread in threading.enumerate() if thread.name == "http-server"]
    with socket.create_server(address):
        pass


def test_stopping_a_server_that_never_started_does_nothing(sidecar: Sidecar) -> None:
    HttpServer(create_app(sidecar.backend, version="0"), ":0").stop()


def test_answers_while_a_request_hangs_and_stops_all_the_same(sidecar: Sidecar) -> None:
    began, release = Event(), Event()

    def hang() -> None:
        began.set()
        release.wait(30)

    sidecar.reload = hang  # type: ignore[method-assign]
    with serving(sidecar) as server, ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(httpx.post, f"{server.url}/-/reload")
        assert began.wait(10)
        assert httpx.get(f"{server.url}/metrics").status_code == 200
        server.stop()

        assert not [thread for thread in threading.enumerate() if thread.name == "http-server"]
        assert hanging.result(10).status_code == 500
        release.set()
