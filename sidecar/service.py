"""The sidecar as a process: signals, the configuration file on disk, exit codes."""

import hashlib
import signal
import threading
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path

import structlog

from sidecar.app import Sidecar, WebOptions
from sidecar.config.load import ConfigError, load
from sidecar.execution.process import ProcessExecutor
from sidecar.loop.clock import SystemClock
from sidecar.web.server import ListenError

log = structlog.get_logger()

POLL_SECONDS = 5.0
"""How often the configuration file is looked at: ConfigMap updates are symlink swaps, which file events miss."""


class Signals:
    """What the process was told to do: stop, or reload."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()
        self._any = threading.Event()

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Takes SIGTERM, SIGINT and SIGHUP for as long as the context lasts."""
        meant = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self.reload}

        def handle(number: int, _frame: object) -> None:
            meant[signal.Signals(number)].set()
            self._any.set()

        before = {number: signal.signal(number, handle) for number in meant}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Waits for a signal, at most some seconds."""
        self._any.wait(seconds)
        self._any.clear()


def serve(config_file: Path, web: WebOptions) -> int:
    """Runs the sidecar until it is told to stop; the exit code."""
    signals = Signals()
    executor = ProcessExecutor()
    with signals.handled():
        try:
            sidecar = Sidecar(lambda: load(config_file), web, SystemClock(), executor)
            sidecar.start()
        except (ConfigError, ListenError) as error:
            log.error("not started", error=str(error))
            return 1
        try:
            _reload_until_stopped(sidecar, config_file, signals)
        finally:
            sidecar.stop()
    log.info("stopped")
    return 0


def _reload_until_stopped(sidecar: Sidecar, config_file: Path, signals: Signals) -> None:
    known = _digest(config_file)
    while not signals.stop.is_set():
        signals.wait(POLL_SECONDS)
        content = _digest(config_file)
        if signals.reload.is_set() or content not in (known, None):
            signals.reload.clear()
            known = content
            sidecar.reload()


def _digest(config_file: Path) -> bytes | None:
    """A digest of the file's content; None while it cannot be read, as in the middle of a swap."""
    try:
        return hashlib.sha256(config_file.read_bytes()).digest()
    except OSError:
        return None
