"""A server on loopback that answers whatever bytes a test wants, well-formed or not."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

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
        def handle(self) -> None:
            head = "".join(iter(lambda: self.rfile.readline().decode("latin-1").replace("\r\n", "\n"), "\n"))
            if not head.startswith("POST "):
                return
            lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            body = self.rfile.read(int(lengths[0].partition(":")[2])).decode()
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
