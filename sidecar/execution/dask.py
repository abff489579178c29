"""Runs work on a Dask cluster that may come and go."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaskExecutor(Executor):
    """An executor on the cluster of one scheduler; its workers must have this package in the same version.

    It connects when there is work, and anew when the scheduler was gone: until then work fails, and can be asked for
    again.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        """Calls `connect` for a client of the scheduler whenever it has none that works."""
        self._connect = connect
        self._lock = threading.Lock()
        self._client: Any = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Calls `fn` on a worker; it and its arguments and result are pickled."""
        try:
            with self._lock:
                if self._client is None or self._client.status == "closed":
                    self._client = self._connect()
                future: Future[T] = self._client.get_executor(pure=False).submit(fn, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 the caller gets it from the future
            future = Future()
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Leaves the cluster; what runs there for us is cancelled."""
        del wait, cancel_futures
        with self._lock:
            if self._client is not None:
                self._client.close(timeout=1)
                self._client = None
