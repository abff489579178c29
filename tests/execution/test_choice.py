import operator
import os
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.execution.choice import ExecutorError, chosen_executor, workers_of
from sidecar.execution.local import LocalExecutor
from tests.real.processes import Server, free_port


def test_work_may_run_in_this_process() -> None:
    for name, workers in (("in-process", 4), ("processes", 1)):
        with chosen_executor(name, workers) as executor:
            assert isinstance(executor, LocalExecutor)
            assert executor.submit(os.getpid).result() == os.getpid()


def test_work_may_run_in_processes_of_this_machine() -> None:
    with chosen_executor("processes", 2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


def test_there_are_as_many_workers_as_asked_for_or_cores() -> None:
    assert workers_of(3) == 3
    assert workers_of(None) >= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("threads", "'threads' is no executor: write in-process, processes or dask://HOST:PORT"),
        ("dask://", "'dask://' is no address of a scheduler: write dask://HOST:PORT"),
        ("dask://user@host:1", "'dask://user@host:1' is no address"),
    ],
)
def test_an_unknown_executor_is_refused(name: str, message: str) -> None:
    with pytest.raises(ExecutorError) as caught, chosen_executor(name, 2):
        pass
    assert str(caught.value).startswith(message)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match="install the extra dask"), chosen_executor("dask://localhost:1", 2):
        pass


class DaskProcess(Server):
    """A scheduler, or a worker of one, of a Dask cluster."""

    def __init__(self, directory: Path, *arguments: str, port: int | None = None) -> None:
        directory.mkdir(parents=True)
        command = [sys.executable, "-m", "dask", *arguments]
        super().__init__(command, port or 0, "", directory / "dask.log")

    def _is_ready(self) -> bool:
        if not self.port:
            return b"Registered to" in self.log.read_bytes()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def dask(tmp_path: Path, started: list[Server]) -> str:
    """The address of a cluster of two worker processes."""
    pytest.importorskip("distributed")
    port = free_port()
    scheduler = ["scheduler", "--host=127.0.0.1", f"--port={port}", "--no-dashboard"]
    worker = ["worker", f"tcp://127.0.0.1:{port}", "--no-nanny", "--no-dashboard", "--nthreads=1"]
    servers = [
        DaskProcess(tmp_path / "scheduler", *scheduler, port=port),
        *(DaskProcess(tmp_path / name, *worker, f"--local-directory={tmp_path / name}") for name in ("one", "two")),
    ]
    for server in servers:
        started.append(server)
        server.start()
    return f"dask://127.0.0.1:{port}"


@pytest.mark.real
def test_work_may_run_on_a_dask_cluster(dask: str) -> None:
    with chosen_executor(dask, 2) as executor:
        futures = [executor.submit(operator.mul, number, number) for number in range(20)]
        assert [future.result(timeout=60) for future in futures] == [number * number for number in range(20)]
        assert executor.submit(os.getpid).result(timeout=60) != os.getpid()


def write(path: Path, seed: int) -> None:
    rows = [f"{1_714_521_600 + 3_600 * hour},{(hour * (seed + 7)) % 24}" for hour in range(80)]
    path.write_text("\n".join(["timestamp,value", *rows]))


@pytest.mark.real
def test_a_backtest_on_a_cluster_gives_what_it_gives_here(dask: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        write(tmp_path / "in" / f"{number}.csv", number)
    for name, target in (("in-process", "here"), (dask, "there")):
        flags = [f"--input={tmp_path / 'in'}", f"--output={tmp_path / target}", f"--executor={name}"]
        assert CliRunner().invoke(main, ["backtest", *flags]).exit_code == 0
    here, there = ({path.name: path.read_text() for path in (tmp_path / of).iterdir()} for of in ("here", "there"))
    assert here == there
    assert len(here) == 4
