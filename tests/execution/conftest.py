"""A real Dask scheduler with two worker processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.processes import UNMEASURED, free_port, wait_until


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, directory: Path) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        self.url = f"dask://{self._address}"
        self._directory = directory
        self._log = directory / "dask.log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, workers: int) -> None:
        self._log.write_bytes(b"")
        host, port = self._address.split(":")
        self._run("scheduler", f"--host={host}", f"--port={port}")
        for _ in range(workers):
            self._run(
                "worker", f"tcp://{self._address}", "--no-nanny", "--nthreads=1", f"--local-directory={self._directory}"
            )
        wait_until(lambda: self._log.read_text().count("Registered to:") == workers, "the workers to register")

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        with self._log.open("ab") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | UNMEASURED))


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests: who kills it starts it again."""
    pytest.importorskip("distributed")
    running = Cluster(tmp_path_factory.mktemp("dask"))
    running.start(workers=2)
    yield running
    running.kill()
