import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from sidecar.web.app import create_app
from sidecar.web.listener import MOST_CLOSING, MOST_CONNECTIONS, Listener, listen
from sidecar.web.server import HttpServer
from tests.web.conftest import Sidecar


@contextmanager
def serving(sidecar: Sidecar) -> Iterator[HttpServer]:
    server = HttpServer(create_app(sidecar.backend, version="0"), "127.0.0.1:0")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed; nothing else is ever sent on it."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_beyond_the_limit_the_oldest_connection_goes() -> None:
    plain = socket.create_server(("127.0.0.1", 0))
    with Listener(plain, limit=2) as listener, ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(4)]
        accepted = [stack.enter_context(listener.accept()[0]) for _ in clients]
        assert [is_closed(client) for client in clients] == [True, True, False, False]
        accepted[2].close()
        stack.enter_context(socket.create_connection(listener.getsockname()))
        stack.enter_context(listener.accept()[0])
        assert not is_closed(clients[3])


def test_while_too_many_are_closing_none_is_taken() -> None:
    plain = socket.create_server(("127.0.0.1", 0))
    with Listener(plain, limit=2) as listener, ExitStack() as stack:
        for _ in range(2 + MOST_CLOSING + 1):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        accepted = [stack.enter_context(listener.accept()[0]) for _ in range(2 + MOST_CLOSING)]
        with pytest.raises(BlockingIOError):
            listener.accept()
        accepted[0].close()
        stack.enter_context(listener.accept()[0])


def test_a_thousand_idle_and_slow_connections_do_not_keep_a_scrape_out(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"pod-0": 1.0})
    with serving(sidecar) as server, ExitStack() as stack:
        clients = []
        for number in range(1000):
            client = stack.enter_context(socket.create_connection(server.address, timeout=10))
            if number % 2:
                client.sendall(b"POST /predict HTTP/1.1\r\nHost: slow\r\nX-Slow: ")  # and no more
            clients.append(client)
            if number % 250 == 0:
                assert httpx.get(f"{server.url}/metrics").status_code == 200
        assert httpx.get(f"{server.url}/metrics").status_code == 200
        closed = sum(map(is_closed, clients))
    assert closed >= 1000 - MOST_CONNECTIONS


def test_clients_that_do_not_read_do_not_keep_a_scrape_out(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {f"pod-{i}": 1.0 for i in range(20_000)})
    with serving(sidecar) as server, ExitStack() as stack:
        for _ in range(60):
            client = stack.enter_context(socket.create_connection(server.address, timeout=10))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: deaf\r\n\r\n")
        assert httpx.get(f"{server.url}/metrics", timeout=20).status_code == 200


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
def test_with_few_descriptors_half_of_them_are_left_to_the_others() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.limit == 100
