"""What Prometheus, the kubelet and operators ask: plain text, by no more libraries than that takes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sidecar.web.backend import Backend
from sidecar.web.negotiation import accepts_gzip, exposition_format

_SLICE = 1 << 18


@dataclass(frozen=True, slots=True)
class Management:
    """The endpoints: `/metrics` and those below `/-/`.

    Attributes:
        backend: what they read and call.
        enable_lifecycle: allow a reload by HTTP.
    """

    backend: Backend
    enable_lifecycle: bool
    # Beside the event loop, and not among the threads that the API has: a scrape must not wait for its readers.
    _renderer: Executor = field(default_factory=partial(ThreadPoolExecutor, 1, "metrics"))

    def routes(self, prefix: str) -> list[Route]:
        """A route for each endpoint, under a prefix; named after its method."""
        return [
            Route(f"{prefix}/metrics", self.metrics, methods=["GET"]),
            Route(f"{prefix}/-/healthy", self.healthy, methods=["GET"]),
            Route(f"{prefix}/-/ready", self.ready, methods=["GET"]),
            Route(f"{prefix}/-/reload", self.reload, methods=["POST", "PUT"]),
        ]

    async def metrics(self, request: Request) -> Response:
        """What Prometheus scrapes."""
        form = exposition_format(request.headers.get("accept", ""))
        compress = accepts_gzip(request.headers.get("accept-encoding", ""))
        render = partial(self.backend.exposition.render, form, compress=compress)
        pieces = await asyncio.get_running_loop().run_in_executor(self._renderer, render)
        headers = {"content-length": str(sum(map(len, pieces))), "vary": "accept, accept-encoding"}
        if compress:
            headers["content-encoding"] = "gzip"
        body = () if request.method == "HEAD" else pieces
        return StreamingResponse(_each(body), media_type=form.value, headers=headers)

    async def healthy(self, _request: Request) -> Response:
        """Whether the process answers."""
        return PlainTextResponse("The sidecar is healthy.\n")

    async def ready(self, _request: Request) -> Response:
        """Whether every query was attempted."""
        reason = self.backend.not_ready()
        if reason is not None:
            return PlainTextResponse(f"The sidecar is not ready: {reason}\n", status_code=503)
        return PlainTextResponse("The sidecar is ready.\n")

    def reload(self, _request: Request) -> Response:
        """Loads the configuration anew."""
        if not self.enable_lifecycle:
            return PlainTextResponse("Reload by HTTP is off: start with --web.enable-lifecycle.\n", status_code=403)
        reason = self.backend.reload()
        if reason is not None:
            return PlainTextResponse(f"The configuration was not reloaded: {reason}\n", status_code=500)
        return PlainTextResponse("The configuration was reloaded.\n")


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[memoryview]:
    # In slices, so that a client that does not read holds up one of them and no copy of the whole.
    for piece in pieces:
        for first in range(0, len(piece), _SLICE):
            yield memoryview(piece)[first : first + _SLICE]
