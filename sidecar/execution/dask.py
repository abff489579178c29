"""Runs work on a Dask cluster that may come and go."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PAUSE = 60.0
"""Seconds for which work fails at once after a scheduler was not there: who submits must not wait for it each time."""


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
        self._absent: str | None = None  # a text, as an error would hold what it was raised for
        self._absent_until = 0.0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Calls `fn` on a worker; it and its arguments and result are pickled."""
        try:
            with self._lock:
                future: Future[T] = self._connected().get_executor(pure=False).submit(fn, *args, **kwargs)
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

    def _connected(self) -> Any:  # noqa: ANN401 the package is optional, and so are its types
        """A client that works."""
        if self._client is None or self._client.status == "closed":
            if self._absent is not None and time.monotonic() < self._absent_until:
                raise ConnectionError(self._absent)
            try:
                self._client = self._connect()
            except Exception as error:
                self._absent, self._absent_until = str(error), time.monotonic() + PAUSE
                raise
        return self._client
