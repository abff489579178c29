"""Real servers on loopback: started, waited for, killed."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

DEADLINE = 120.0
"""Seconds after which a real process is taken to hang: far more than any needs, as a busy machine is no failure."""

UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
"""In the environment of a process, spares it the measurement of coverage, which would be lost where it is killed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str, deadline: float = DEADLINE) -> None:
    """Poll a real process until the condition holds; it has no other way to tell us."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"waited {deadline:g} s for {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


class Server:
    """A process that serves HTTP on a port of its own; its output is in `log`."""

    def __init__(self, command: Sequence[str], port: int, ready: str, log: Path) -> None:
        self.port, self.url, self.log = port, f"http://127.0.0.1:{port}", log
        self._command, self._ready = command, ready
        self._environment = os.environ | UNMEASURED
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, again after `kill`, and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment
            )
        wait_until(self._is_ready, f"{self._command[0]} to be ready")

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the process as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (
            f"{self._command[0]} ended:\n{self.log.read_text(errors='replace')[-3000:]}"
        )
        return answers(self.url + self._ready)
