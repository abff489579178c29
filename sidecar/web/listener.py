"""The socket that is listened on, with a bound on how many connections it lets stand at once."""

import resource
import socket
from contextlib import suppress

MOST_CONNECTIONS = 512
"""Connections that stand at once at most."""

MOST_CLOSING = 8
"""Connections beyond them that are closing already; further ones wait for that."""

_BACKLOG = 1024


class Listener(socket.socket):
    """A listening socket that closes the oldest connection for each one beyond the limit.

    A client that opens connections and sends nothing, or very slowly, so loses its own, and a scrape is always let in.
    """

    def __init__(self, bound: socket.socket, limit: int = MOST_CONNECTIONS) -> None:
        """Takes over a socket that listens."""
        super().__init__(bound.family, bound.type, bound.proto, bound.detach())
        self.limit = limit
        self._open: list[socket.socket] = []

    def accept(self) -> tuple[socket.socket, object]:
        """Takes the next connection, and closes the oldest where there are too many.

        Raises:
            BlockingIOError: the event loop, which takes all that wait in one go, must first let go of those.
        """
        self._open = [each for each in self._open if each.fileno() != -1]
        if len(self._open) >= self.limit + MOST_CLOSING:
            raise BlockingIOError
        connection, address = super().accept()
        self._open.append(connection)
        for surplus in self._open[: -self.limit]:
            with suppress(OSError):  # the other side may have been faster
                surplus.shutdown(socket.SHUT_RDWR)
        return connection, address


def listen(host: str, port: int) -> Listener:
    """A listener on a port of a host of this machine, of all interfaces where it is empty.

    Raises:
        OSError: the address cannot be listened on.
    """
    # The other half of the descriptors is for Prometheus, the fits and files.
    return Listener(_bound(host, port), min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))


def _bound(host: str, port: int) -> socket.socket:
    if host:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", port), backlog=_BACKLOG)
