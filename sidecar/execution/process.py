"""Runs each piece of work in a short-lived process of its own: its memory goes with it, and so does a crash."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Generic, ParamSpec, TypeVar, cast

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
    """An executor that starts a fresh process for each call, a few at a time.

    Unlike a process pool it survives a worker that is killed, and kills one that hangs.
    """

    def __init__(self, max_workers: int = 1, timeout: float = 600.0) -> None:
        """Allows `max_workers` processes at once, `timeout` seconds each."""
        self._slots = threading.Semaphore(max_workers)
        self._timeout = timeout
        self._stopped = threading.Event()
        self._context = get_context("spawn")

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
        self._stopped.set()

    def _run(self, future: Future[T], call: Callable[[], T]) -> None:
        with self._slots:
            if self._stopped.is_set() or not future.set_running_or_notify_cancel():
                future.cancel()
                return
            try:
                result = self._call(call)
            except Exception as error:  # noqa: BLE001 the caller gets it from the future
                future.set_exception(error)
            else:
                future.set_result(result)

    def _call(self, call: Callable[[], T]) -> T:
        ours, theirs = self._context.Pipe(duplex=True)
        process = self._context.Process(target=_work, args=(theirs,), name="sidecar-fit", daemon=True)
        process.start()
        theirs.close()
        try:
            ours.send(call)
            answer: Answer[T] = self._answer(ours, process)
        except (EOFError, OSError) as error:
            process.join(1.0)
            raise WorkerDiedError(f"the worker process died (exit code {process.exitcode})") from error
        finally:
            process.kill()
            process.join()
            process.close()
            ours.close()
        if answer.error is not None:
            raise answer.error
        return cast("T", answer.result)

    def _answer(self, ours: Connection, process: BaseProcess) -> "Answer[T]":
        deadline = time.monotonic() + self._timeout
        while not ours.poll(POLL):
            if self._stopped.is_set():
                raise WorkerDiedError("the executor was shut down")
            if time.monotonic() >= deadline:
                raise WorkerTimeoutError(f"{process.name} did not answer within {self._timeout:.0f} s and was killed")
        answer: Answer[T] = ours.recv()
        return answer


POLL = 0.2
"""Seconds between two looks at whether a worker must be given up."""


def _work(pipe: Connection) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        call = pipe.recv()
        try:
            answer = Answer(result=call())
        except Exception as error:  # noqa: BLE001 the parent raises it
            answer = Answer(error=error)
        pipe.send(answer)
