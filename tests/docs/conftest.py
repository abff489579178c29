"""Commands of the documentation, run in a shell."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Run:
    """A script that runs, with a group of its own for all that it starts, and the file with what it says."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def finish(self, seconds: float) -> str:
        """Wait for it to end well; what it said."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"not done after {seconds} s:\n{self.said}", pytrace=False)
        assert code == 0, f"exit {code}:\n{self.said}"
        return self.said

    def kill(self) -> None:
        """End it, and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a script in a directory, as in a shell in which `sidecar` and some more programs are on the path."""
    runs: list[Run] = []

    def run(script: str, directory: Path, *programs: Path, **variables: str) -> Run:
        path = os.pathsep.join([*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        output = tmp_path / f"output-{len(runs)}"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                ["/bin/bash", "-euo", "pipefail", "-c", script],
                cwd=directory,
                env=os.environ | {"PATH": path, "MAKEFLAGS": ""} | variables,  # of a make that runs the tests
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        runs.append(Run(process, output))
        return runs[-1]

    yield run
    for each in runs:
        each.kill()
