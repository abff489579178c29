"""The sidecar as a process: how it starts, reloads and stops, whatever is in flight."""

import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from sidecar import service
from tests.real.processes import wait_until
from tests.real.sidecar import SidecarProcess

CONFIG = """\
prometheus:
  url: {url}
queries:
  - name: {name}
    expr: up
"""
AWAY = "http://127.0.0.1:9"
STOP_SECONDS = 5


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        yield f"http://{host}:{port}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_with_a_request_in_flight(
    sidecar: Callable[..., SidecarProcess], black_hole: str, number: signal.Signals
) -> None:
    process = sidecar(CONFIG.format(url=black_hole, name="slow"), ready="/-/healthy", measured=True)
    begin = time.monotonic()
    assert process.end(number, timeout=STOP_SECONDS) == 0
    assert time.monotonic() - begin < STOP_SECONDS
    assert "event=stopped" in process.log.read_text()


def test_it_answers_while_a_query_hangs(sidecar: Callable[..., SidecarProcess], black_hole: str) -> None:
    process = sidecar(CONFIG.format(url=black_hole, name="slow"), ready="/-/healthy")
    ready = requests.get(f"{process.url}/-/ready", timeout=5)
    assert ready.status_code == 503
    assert "slow" in ready.text
    assert requests.get(f"{process.url}/metrics", timeout=5).ok


def reloaded(process: SidecarProcess) -> float:
    [value] = process.samples("anomaly_sidecar_config_last_reload_successful").values()
    return value


def test_sighup_reloads_and_a_bad_file_keeps_the_old_configuration(sidecar: Callable[..., SidecarProcess]) -> None:
    process = sidecar(CONFIG.format(url=AWAY, name="first"))
    process.config.write_text(CONFIG.format(url=AWAY, name="second"))
    process.send(signal.SIGHUP)
    wait_until(lambda: "name: second" in requests.get(f"{process.url}/config", timeout=5).text, "the new query")
    process.config.write_text("queries: nonsense\n")
    process.send(signal.SIGHUP)
    wait_until(lambda: reloaded(process) == 0, "the bad file to be noticed")
    assert "name: second" in requests.get(f"{process.url}/config", timeout=5).text
    assert "queries" in process.log.read_text()


def test_a_changed_file_is_noticed_without_a_signal(sidecar: Callable[..., SidecarProcess]) -> None:
    process = sidecar(CONFIG.format(url=AWAY, name="first"))
    changed = process.config.with_suffix(".new")
    changed.write_text(CONFIG.format(url=AWAY, name="second"))
    changed.replace(process.config)
    wait_until(
        lambda: "name: second" in requests.get(f"{process.url}/config", timeout=5).text,
        "the new file to be noticed",
        deadline=4 * service.POLL_SECONDS,
    )


def test_logs_are_json_where_asked(sidecar: Callable[..., SidecarProcess]) -> None:
    process = sidecar(CONFIG.format(url=AWAY, name="first"), "--log.format=json")
    first = process.log.read_text().splitlines()[0]
    assert first.startswith("{")
    assert '"event": "listening"' in first
