"""HTTP with a deadline for the whole exchange: a server that sends a byte a second cannot hold us."""

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol, Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, PoolManager
from urllib3.connection import HTTPConnection


class SupportsFileno(Protocol):
    """A socket, plain or of TLS."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        ...


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
            self._let_go()

    def hold(self, connected: SupportsFileno) -> None:
        """Take hold of the connection that the exchange runs on: of a copy, for TLS takes the socket over."""
        with self._lock:
            self._let_go()
            self._socket = socket.socket(fileno=os.dup(connected.fileno()))
            if self.was_cut:
                self._shut()

    def cut(self) -> None:
        """End the exchange: whoever reads from its connection finds the end of the stream."""
        with self._lock:
            self.was_cut = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the other side may have been faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_current: ContextVar[Exchange] = ContextVar("exchange")


class _Held(HTTPConnection):
    """What a connection of any kind does so that its exchange can cut it."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()  # a handshake may come next
        _current.get().hold(connected)
        return connected

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        _current.get().hold(self.sock)
        return super().getresponse()


class Adapter(HTTPAdapter):
    """Sends requests over connections that the current `Exchange` can cut.

    Args:
        connections: how many are kept open.
        server_name: the name the server's certificate must have, where it is not the host's.
    """

    def __init__(self, connections: int, server_name: str | None = None) -> None:
        self._making = threading.Lock()
        self._names = {} if server_name is None else {"server_hostname": server_name, "assert_hostname": server_name}
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **keywords: object) -> None:  # noqa: FBT001, FBT002 - the base class's signature
        """Make the pools of direct connections."""
        super().init_poolmanager(connections, maxsize, block, **self._names, **keywords)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **keywords: object) -> PoolManager:
        """Make the pools of connections through a proxy, once for all threads."""
        with self._making:
            known: PoolManager | None = self.proxy_manager.get(proxy)
            if known is not None:
                return known
            manager: PoolManager = super().proxy_manager_for(proxy, **self._names, **keywords)
            _watch(manager)
            return manager


def _watch(manager: PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _holding(pool) for scheme, pool in pools.items()}


def _holding(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """The same kind of pool, of connections that are held: direct ones, or such that go through a proxy."""
    connection = type("Connection", (_Held, pool.ConnectionCls), {})
    return type("Pool", (pool,), {"ConnectionCls": connection})
