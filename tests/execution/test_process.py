import os
import signal
import time
from concurrent.futures import CancelledError

import pytest

from sidecar.execution import process
from sidecar.execution.local import LocalExecutor
from sidecar.execution.process import ProcessExecutor, WorkerDiedError, WorkerTimeoutError


def divide(a: float, b: float) -> float:
    return a / b


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(3600)


def process_id() -> int:
    return os.getpid()


def test_local_calls_at_once_and_keeps_the_error_for_the_caller() -> None:
    executor = LocalExecutor()
    assert executor.submit(divide, 6, 3).result() == 2
    with pytest.raises(ZeroDivisionError):
        executor.submit(divide, 1, 0).result()


def test_each_call_has_a_process_of_its_own() -> None:
    executor = ProcessExecutor()
    pids = {executor.submit(process_id).result(timeout=60) for _ in range(2)}
    assert len(pids | {os.getpid()}) == 3


def test_an_error_in_the_process_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        ProcessExecutor().submit(divide, 1, b=0).result(timeout=60)


def test_a_process_that_dies_is_told_of_and_harms_no_other() -> None:
    executor = ProcessExecutor()
    with pytest.raises(WorkerDiedError, match="exit code -9"):
        executor.submit(die).result(timeout=60)
    assert executor.submit(divide, 6, 3).result(timeout=60) == 2


def test_a_process_that_hangs_is_killed() -> None:
    with pytest.raises(WorkerTimeoutError, match="did not answer within 1 s"):
        ProcessExecutor(timeout=1.0).submit(hang).result(timeout=60)


def test_a_process_that_hangs_before_it_takes_its_work_is_killed_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executor, bootstrap = ProcessExecutor(timeout=1.0), process.BOOTSTRAP
    monkeypatch.setattr(
        process, "BOOTSTRAP", bootstrap.replace("from sidecar", "import time; time.sleep(600)\nfrom sidecar")
    )
    stuck = executor.submit(len, bytes(32 << 20))
    with pytest.raises(WorkerTimeoutError, match="did not answer within 1 s"):
        stuck.result(timeout=60)
    monkeypatch.setattr(process, "BOOTSTRAP", bootstrap)
    executor._timeout = 60.0
    assert executor.submit(divide, 6, 3).result(timeout=60) == 2


def test_shutdown_ends_what_runs_and_what_waits() -> None:
    executor = ProcessExecutor()
    running, waiting = executor.submit(hang), executor.submit(hang)
    while not running.running():
        time.sleep(0.01)
    executor.shutdown()
    with pytest.raises(WorkerDiedError, match="shut down"):
        running.result(timeout=60)
    with pytest.raises(CancelledError):
        waiting.result(timeout=60)
