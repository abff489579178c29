"""The HTTP server: uvicorn in a thread of its own, so that the loop need not know of it."""

import socket
import ssl
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from sidecar.web.listener import listen

# What is still in flight when the server stops gets this long.
_GRACE_SECONDS = 1
_HIGHEST_PORT = 65535


class ListenError(Exception):
    """The address cannot be listened on."""


def parse_listen_address(text: str) -> tuple[str, int]:
    """Host, empty for all interfaces, and port of `HOST:PORT`, `:PORT` or `[IPV6]:PORT`.

    Raises:
        ListenError: the text is of another form.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or (":" in host) != bracketed or not (port.isascii() and port.isdigit()) or int(port) > _HIGHEST_PORT:
        raise ListenError(f'"{text}" is not an address to listen on: write HOST:PORT, :PORT or [IPV6]:PORT')
    return host, int(port)


class HttpServer:
    """Serves an application on an address of the form that `parse_listen_address` knows; port 0 takes a free one.

    Attributes:
        address: host and port that are listened on, an empty host and 0 before the start.
    """

    def __init__(self, app: ASGIApp, listen_address: str, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port = parse_listen_address(listen_address)
        self._listen_address = listen_address
        self._thread: Thread | None = None
        self.address: tuple[str, int] = ("", 0)
        # The logging of the process is the command line's; uvicorn's messages go where its loggers lead.
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        config.ssl = tls
        self._scheme = "https" if tls else "http"
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """Where this machine reaches the server."""
        host, port = self.address
        host = {"::": "localhost", "0.0.0.0": "localhost"}.get(host, host)  # noqa: S104
        return f"{self._scheme}://[{host}]:{port}" if ":" in host else f"{self._scheme}://{host}:{port}"

    def start(self) -> None:
        """Listen and answer until `stop`; requests are queued from the moment this returns.

        Raises:
            ListenError: the address is in use, not one of this machine's, or not allowed.
        """
        try:
            listening = listen(self._host, self._port)
        except (OSError, UnicodeError) as error:  # the latter of what cannot be a host name
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise ListenError(f"cannot listen on {self._listen_address}: {reason}") from error
        # asyncio does this for sockets that it makes itself: else a small answer waits 40 ms for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = listening.getsockname()[:2]
        self._thread = Thread(target=self._server.run, args=([listening],), name="http-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the socket and end the thread, after at most about two seconds; a second call does nothing."""
        self._server.should_exit = True
        if self._thread:
            self._thread.join(_GRACE_SECONDS + 1)
