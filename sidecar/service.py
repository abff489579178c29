"""The sidecar as a process: signals, the configuration file on disk, the demonstration, exit codes."""

import hashlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import structlog

from sidecar.allocator import give_back_large_blocks
from sidecar.app import Sidecar, WebOptions
from sidecar.config.load import LARGEST, load, parse
from sidecar.config.problems import ConfigError
from sidecar.config.schema import Config
from sidecar.demo.clock import SpedUpClock
from sidecar.demo.config import EPOCH, SPEED, config_text
from sidecar.demo.narrator import Narrator
from sidecar.demo.server import serve as serve_source
from sidecar.execution.process import ProcessExecutor
from sidecar.export.snapshot import QueryResult
from sidecar.loop.clock import SystemClock
from sidecar.web.server import ListenError

log = structlog.get_logger()

POLL_SECONDS = 5.0
"""How often the configuration file is looked at: ConfigMap updates are symlink swaps, which file events miss."""


MOST_AWAY = 3
"""Looks at which a file cannot be read before that counts as a change: a swap is over by then."""


NARRATION_SECONDS = 0.2
"""How often the demonstration looks for a new result to tell of."""


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


class WatchedFiles:
    """The files that a reload reads, and what they held when it did, by whichever way it was asked for.

    Else a change that is loaded over HTTP and taken back before the next look would stay in force.
    """

    def __init__(self, config_file: Path) -> None:
        self._config_file = config_file
        self._others: Callable[[], Iterable[Path]] = tuple
        self._known: dict[Path, bytes | None] = {}
        self._away = 0

    def read(self) -> Config:
        """Reads the configuration, and takes note: a change in the middle of it will be noticed."""
        self._known = _digests((self._config_file, *self._others()))
        return load(self._config_file)

    def watch(self, others: Callable[[], Iterable[Path]]) -> None:
        """Watches further files too, which have just been read."""
        self._others = others
        self._known |= _digests(others())

    def look(self) -> bool:
        """Looks whether they hold something else by now: while one cannot be read, True after some looks, and once."""
        found = _digests((self._config_file, *self._others()))
        self._away = self._away + 1 if None in found.values() else 0
        return found != self._known and self._away in {0, MOST_AWAY}


def serve(config_file: Path, web: WebOptions, executor: Executor) -> int:
    """Runs the sidecar, its fits on `executor`, until it is told to stop; the exit code."""
    give_back_large_blocks()
    signals = Signals()
    with signals.handled():
        try:
            files = WatchedFiles(config_file)
            sidecar = Sidecar(files.read, web, SystemClock(), executor)
            files.watch(lambda: sidecar.access.files)
            sidecar.start()
        except (ConfigError, ListenError) as error:
            log.error("not started", error=str(error))
            return 1
        try:
            _reload_until_stopped(sidecar, files, signals)
        finally:
            sidecar.stop()
    log.info("stopped")
    return 0


def demonstrate(listen_address: str, exit_after: float | None, stream: TextIO) -> int:
    """Runs the main job on the embedded source, and tells of it, until stopped or for some seconds; the exit code."""
    signals = Signals()
    clock = SpedUpClock(EPOCH, SPEED)
    narrator = Narrator(stream)
    deadline = math.inf if exit_after is None else time.monotonic() + exit_after
    with signals.handled(), serve_source(clock.now, EPOCH) as url:
        try:
            sidecar = Sidecar(
                lambda: parse(config_text(url), "demo", {}), WebOptions(listen_address), clock, ProcessExecutor()
            )
            sidecar.start()
        except ListenError as error:
            log.error("not started", error=str(error))
            return 1
        try:
            narrator.introduce(f"{sidecar.server.url}/metrics", SPEED)
            _narrate_until_stopped(sidecar, narrator, signals, deadline)
        finally:
            sidecar.stop()
    return 0


def _narrate_until_stopped(sidecar: Sidecar, narrator: Narrator, signals: Signals, deadline: float) -> None:
    told: Mapping[str, QueryResult] = {}
    while not signals.stop.is_set() and time.monotonic() < deadline:
        results = sidecar.board.snapshot.results
        for name, result in results.items():
            if result is not told.get(name):
                narrator.report(result)
        told = results
        signals.wait(NARRATION_SECONDS)


def _reload_until_stopped(sidecar: Sidecar, files: WatchedFiles, signals: Signals) -> None:
    while not signals.stop.is_set():
        signals.wait(POLL_SECONDS)
        if signals.reload.is_set() or files.look():
            signals.reload.clear()
            sidecar.reload()


def _digests(files: Iterable[Path]) -> dict[Path, bytes | None]:
    """A digest of what each file holds; None where it cannot be read."""
    return {file: _digest(file) for file in files}


def _digest(file: Path) -> bytes | None:
    try:
        with file.open("rb") as stream:  # no more than a reload takes: it may be anything by now
            return hashlib.sha256(stream.read(LARGEST + 1)).digest()
    except OSError:
        return None
