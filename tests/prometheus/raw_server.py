"""A server on loopback that answers whatever bytes a test wants, well-formed or not."""

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Any

TLS, SOCKS = b"\x16", b"\x05"  # what a handshake begins with
LET_IN, CONNECTED = b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)

Answer = Callable[["Connection"], None]


@dataclass
class Connection:
    """A request that was read, and the way to answer it."""

    head: str
    body: str
    send: Callable[[bytes], None]
    gone: threading.Event  # set when the server stops


@dataclass
class RawServer:
    """What the server was asked, and what it answers: one after the other, the last one for ever."""

    url: str
    answers: list[Answer]
    seen: list[Connection] = field(default_factory=list)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def http(status: int, body: bytes | str, *headers: str, length: int | None = None) -> Answer:
    """An answer with a status, a body and headers; `length` may lie about the body."""
    content = body.encode() if isinstance(body, str) else body
    size = len(content) if length is None else length
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", "Connection: close", *headers]
    head = "\r\n".join([*lines, "", ""]).encode()
    return lambda connection: connection.send(head + content)


def matrix(*series: dict[str, Any], **envelope: object) -> str:
    """A range query's answer."""
    data = {"resultType": "matrix", "result": series}
    return json.dumps({"status": "success", "data": data} | envelope)


def hangs(connection: Connection) -> None:
    connection.gone.wait()


def resets(connection: Connection) -> None:
    """Closes without an answer."""
    assert connection.head


def trickles(head: bytes) -> Answer:
    """Sends a head at once and then, for ever, a byte every now and then: sooner than any timeout."""

    def answer(connection: Connection) -> None:
        connection.send(head)
        while not connection.gone.wait(0.02):
            connection.send(b"1")

    return answer


@contextmanager
def raw_server(*answers: Answer) -> Iterator[RawServer]:
    """Serve on a free port until the end of the block."""
    gone = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        rfile: BufferedReader

        def read(self) -> tuple[str, str]:
            head = "".join(iter(lambda: self.rfile.readline().decode("latin-1").replace("\r\n", "\n"), "\n"))
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            return head, self.rfile.read(int(length[1])).decode() if length else ""

        def pretend_to_connect(self) -> None:
            """Answers as a SOCKS proxy does that needs no password and finds every host, by its name."""
            self.rfile.read(self.rfile.read(2)[1])
            self.request.sendall(LET_IN)
            self.rfile.read(self.rfile.read(5)[4] + 2)
            self.request.sendall(CONNECTED)

        def handle(self) -> None:
            if self.rfile.peek(1)[:1] == SOCKS:
                self.pretend_to_connect()
            head, body = ("", "") if self.rfile.peek(1)[:1] == TLS else self.read()
            connection = Connection(head, body, self.request.sendall, gone)
            server.seen.append(connection)
            with suppress(OSError):  # the client may have had enough
                server.next()(connection)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Listener(("127.0.0.1", 0), Handler) as listener:
        server = RawServer(f"http://127.0.0.1:{listener.server_address[1]}", list(answers))
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            gone.set()
            listener.shutdown()
            thread.join()
