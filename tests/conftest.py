"""Real servers for tests; each is killed when its test ends."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.real.certificates import Authority
from tests.real.processes import Server
from tests.real.servers import AlertmanagerServer, NodeExporter, PrometheusServer, VictoriaMetrics
from tests.real.sidecar import SidecarProcess

S = TypeVar("S", bound=Server)

# Nothing fails for being slow: the machine may be busy. The same examples in every run, so that a change is not blamed
# for what chance has found; `make explore` looks for new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeat", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeat")


def _starter(kind: Callable[..., S], directory: Path, started: list[Server]) -> Callable[..., S]:
    numbers = count()

    def start(*args: object, **keywords: object) -> S:
        server = kind(directory / f"{kind.__name__}-{next(numbers)}", *args, **keywords)
        started.append(server)
        server.start()
        return server

    return start


@pytest.fixture
def started() -> Iterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
def prometheus_server(tmp_path: Path, started: list[Server]) -> Callable[..., PrometheusServer]:
    """Starts a Prometheus; the arguments are those of `PrometheusServer` after the directory."""
    return _starter(PrometheusServer, tmp_path, started)


@pytest.fixture
def victoria_metrics(tmp_path: Path, started: list[Server]) -> Callable[..., VictoriaMetrics]:
    """Starts a VictoriaMetrics with a history."""
    return _starter(VictoriaMetrics, tmp_path, started)


@pytest.fixture
def alertmanager(tmp_path: Path, started: list[Server]) -> Callable[..., AlertmanagerServer]:
    """Starts an Alertmanager; the arguments are those of `AlertmanagerServer` after the directory."""
    return _starter(AlertmanagerServer, tmp_path, started)


@pytest.fixture
def node_exporter(tmp_path: Path, started: list[Server]) -> Callable[..., NodeExporter]:
    """Starts a node_exporter."""
    return _starter(NodeExporter, tmp_path, started)


@pytest.fixture
def sidecar(tmp_path: Path, started: list[Server]) -> Callable[..., SidecarProcess]:
    """Starts `sidecar run`; the arguments are those of `SidecarProcess` after the directory."""
    return _starter(SidecarProcess, tmp_path, started)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs certificates."""
    return Authority(tmp_path / "authority")
