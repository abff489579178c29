"""HTTP with a deadline for the whole exchange: a server that sends a byte a second cannot hold us."""

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class Exchange:
    """One request and its answer; at the deadline, or from another thread, its socket is cut."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.was_cut = False

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _current.reset(self._token)
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def hold(self, connected: socket.socket) -> None:
        """Remember the socket that the exchange runs on."""
        with self._lock:
            self._socket = connected
            if self.was_cut:
                _shut(connected)

    def cut(self) -> None:
        """End the exchange: whoever reads from its socket finds the end of the stream."""
        with self._lock:
            self.was_cut = True
            if self._socket is not None:
                _shut(self._socket)


_current: ContextVar[Exchange] = ContextVar("exchange")


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been faster
        # The plain socket's method: that of a TLS socket takes the cipher from under the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        _current.get().hold(self.sock)
        return super().getresponse()


class _TLSConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        _current.get().hold(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Adapter(HTTPAdapter):
    """Sends requests over connections that the current `Exchange` can cut."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **keywords: object) -> None:  # noqa: FBT001, FBT002 - the base class's signature
        """Make the pools of direct connections."""
        super().init_poolmanager(connections, maxsize, block, **keywords)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **keywords: object) -> PoolManager:
        """Make the pools of connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **keywords)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
