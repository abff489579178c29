"""What stands at both ends of the chain: an exposition that is scraped, a webhook that is notified."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def hastened(text: str, factor: int) -> str:
    """Rules or the configuration of an Alertmanager, all durations a factor shorter: a test sees them pass."""

    def shorter(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2]) * UNITS[match[3]] * 1000 // factor}ms{match[4]}"

    keys = "for|keep_firing_for|group_wait|group_interval|repeat_interval"
    text = re.sub(r"(\[)(\d+)([smhd])(\])", shorter, text)
    return re.sub(rf"(\b(?:{keys}): )(\d+)([smhd])()$", shorter, text, flags=re.MULTILINE)


class _Handler(BaseHTTPRequestHandler):
    server: "Loopback"

    def do_GET(self) -> None:
        body = self.server.exposition().encode()
        self.send_response(200 if body else 503)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.notifications.append(json.loads(body) | {"path": self.path})
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as the base class names it
        pass


class Loopback(ThreadingHTTPServer):
    """Serves what `exposition` gives (nothing as 503), and keeps the notifications that are posted, in their order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exposition: Callable[[], str] = str
        self.notifications: list[dict[str, Any]] = []
        self.address = f"127.0.0.1:{self.server_port}"

    def alerts(self, status: str) -> Iterator[dict[str, Any]]:
        """The alerts of all notifications so far, firing or resolved."""
        return (
            alert
            for notification in list(self.notifications)
            for alert in notification["alerts"]
            if alert["status"] == status
        )


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A server of its own, for as long as the context lasts."""
    server = Loopback()
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
