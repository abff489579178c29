"""Runs each piece of work in a short-lived process of its own: its memory goes with it, and so does a crash."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, Pipe
from typing import Generic, ParamSpec, TypeVar, cast

from sidecar.allocator import keep_freed_blocks

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a worker sends back: a result, or an error."""

    result: T | None = None
    error: Exception | None = None


class WorkerDiedError(RuntimeError):
    """The process ended without an answer, killed by the system for its memory, say."""


class WorkerTimeoutError(RuntimeError):
    """The process did not answer in time and was killed."""


class ProcessExecutor(Executor):
    """An executor that starts a fresh process for each call, one at a time.

    Unlike a process pool it survives a worker that is killed, and kills one that hangs. Unlike those of
    `multiprocessing` its processes do not import the main module, and leave no resource tracker behind, which would
    hold several megabytes for good.
    """

    def __init__(self, timeout: float = 600.0) -> None:
        """Allows each process so many seconds."""
        self._slot = threading.Lock()
        self._timeout = timeout
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Calls `fn` in a new process; it and its arguments and result are pickled."""
        future: Future[T] = Future()
        threading.Thread(
            target=self._run, args=(future, partial(fn, *args, **kwargs)), name="worker", daemon=True
        ).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Kills what runs and starts nothing more: what was asked for can be asked for again."""
        del wait, cancel_futures
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _run(self, future: Future[T], call: Callable[[], T]) -> None:
        with self._slot:
            if self._stopped or not future.set_running_or_notify_cancel():
                future.cancel()
                return
            try:
                result = self._call(call)
            except Exception as error:  # noqa: BLE001 the caller gets it from the future
                future.set_exception(error)
            else:
                future.set_result(result)

    def _call(self, call: Callable[[], T]) -> T:
        with self._process() as (process, pipe), killed_after(self._timeout, process) as late:
            try:
                pipe.send(sys.path)
                pipe.send(call)
                answer: Answer[T] = pipe.recv()
            except (EOFError, ConnectionError) as error:
                if self._stopped:
                    raise WorkerDiedError("the executor was shut down") from error
                if late.is_set():
                    told = f"the process did not answer within {self._timeout:.0f} s and was killed"
                    raise WorkerTimeoutError(told) from error
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(DYING)
                raise WorkerDiedError(f"the worker process died (exit code {process.returncode})") from error
        if answer.error is not None:
            raise answer.error
        return cast("T", answer.result)

    @contextlib.contextmanager
    def _process(self) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
        """A new process and the pipe to it; killed at the end, if it has not ended."""
        ours, theirs = Pipe()
        with ours:
            with theirs, self._lock:
                descriptor = theirs.fileno()
                process = subprocess.Popen(  # noqa: S603 this very interpreter
                    [sys.executable, "-c", BOOTSTRAP, str(descriptor)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[descriptor],
                )
                self._running.add(process)
                if self._stopped:
                    process.kill()
            try:
                yield process, ours
            finally:
                process.kill()
                process.wait()
                with self._lock:
                    self._running.remove(process)


@contextlib.contextmanager
def killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kills a process that is not done in time, in whichever exchange with it; the event is set where it was."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


BOOTSTRAP = """\
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv()
from sidecar.execution.process import work
work(pipe)
"""
"""What a process runs: it finds modules where its parent does, before it needs any of them."""

DYING = 1.0
"""Seconds within which a process that has closed its pipe has ended."""


def work(pipe: Connection) -> None:
    """Makes the call that comes through a pipe, and sends back the answer."""
    keep_freed_blocks()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        call = pipe.recv()
        try:
            answer = Answer(result=call())
        except Exception as error:  # noqa: BLE001 the parent raises it
            answer = Answer(error=error)
        pipe.send(answer)
