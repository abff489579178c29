"""The demo's source: a small HTTP server on the loopback that answers as a Prometheus does."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sidecar.demo import api

ENDPOINTS = {"/api/v1/query": api.query, "/api/v1/query_range": api.query_range}
PROBES = {"/-/ready": "Prometheus Server is Ready.\n", "/-/healthy": "Prometheus Server is Healthy.\n"}


class _Server(ThreadingHTTPServer):
    def handle_error(self, *request: Any) -> None:  # noqa: ANN401 -- the overridden signature's own type
        """Leave it to the base class to print what went wrong, but for a client that hung up: stopping does that."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


@contextmanager
def serve(now: Callable[[], float], epoch: float) -> Iterator[str]:
    """Serve the demo's series on a free port of the loopback for as long as the context lasts; yields the URL.

    Args:
        now: the simulated instant, unix seconds: nothing later is served.
        epoch: when the script of incidents begins, unix seconds.
    """
    with _Server(("127.0.0.1", 0), _handler(now, epoch)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="demo-source", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _handler(now: Callable[[], float], epoch: float) -> type[BaseHTTPRequestHandler]:
    """The request handler for one clock: the standard library makes an instance of it per connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = self.rfile.read(length).decode(errors="replace")
            self._answer(f"{urlsplit(self.path).query}&{form}")

        def _answer(self, encoded: str) -> None:
            path = urlsplit(self.path).path
            if path in ENDPOINTS:
                status, document = ENDPOINTS[path](dict(parse_qsl(encoded, keep_blank_values=True)), now(), epoch)
                self._send(status, "application/json", json.dumps(document, separators=(",", ":")))
            elif path in PROBES:
                self._send(HTTPStatus.OK, "text/plain; charset=utf-8", PROBES[path])
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n")

        def _send(self, status: HTTPStatus, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_message: Any) -> None:  # noqa: ANN401 -- the overridden signature's own type
            """Stay silent: the terminal is the narrator's."""

    return Handler
