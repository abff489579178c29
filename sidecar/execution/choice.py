"""Where mass work runs, by the name it has on the command line."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from sidecar.execution.dask import DaskExecutor
from sidecar.execution.local import LocalExecutor
from sidecar.execution.process import ProcessExecutor

CONNECT_SECONDS = 10


class ExecutorError(Exception):
    """Work cannot be sent where it should run; the text says why and what to do."""


def workers_of(jobs: int | None) -> int:
    """How many processes of this machine work: as many as asked for, or one for each core that we may use."""
    return jobs or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@contextmanager
def chosen_executor(name: str, workers: int) -> Iterator[Executor]:
    """The executor called `in-process`, `processes`, or `dask://HOST:PORT` for an existing Dask cluster.

    Raises:
        ExecutorError: there is none of that name, or it cannot be reached.
    """
    if name.startswith("dask://"):
        with dask_cluster(name) as executor:
            yield executor
    elif name == "in-process" or (name == "processes" and workers == 1):
        yield LocalExecutor()
    elif name == "processes":
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        raise ExecutorError(f"{name!r} is no executor: write in-process, processes or dask://HOST:PORT")


def lasting_executor(name: str) -> Executor:
    """The executor called `processes` or `dask://HOST:PORT` for a run that has no end: work that fails ends nothing.

    Raises:
        ExecutorError: there is none of that name, or what it needs is not installed.
    """
    if name == "processes":
        return ProcessExecutor()
    if name.startswith("dask://"):
        return DaskExecutor(partial(dask_client, name))
    raise ExecutorError(f"{name!r} is no executor of a run: write processes or dask://HOST:PORT")


@contextmanager
def dask_cluster(url: str) -> Iterator[Executor]:
    """A Dask cluster, by the address of its scheduler; its workers need the same version of the sidecar."""
    with dask_client(url) as client:
        yield client.get_executor(pure=False)


def dask_client(url: str) -> Any:  # noqa: ANN401 the package is optional, and so are its types
    """A client of the scheduler at `dask://HOST:PORT`; ExecutorError where there is none."""
    match = re.fullmatch(r"dask://(\[[0-9a-fA-F:]+\]|[^/:@\s]+):([0-9]{1,5})", url)
    if match is None:
        raise ExecutorError(f"{url!r} is no address of a scheduler: write dask://HOST:PORT")
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ExecutorError(f"{url} needs Dask: install the extra dask") from None
    try:
        return distributed.Client(f"tcp://{match[1]}:{match[2]}", timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise ExecutorError(f"{url}: {error}: start a scheduler there") from None
