"""The routes: each turns a request into a response and decides nothing."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from sidecar.export.exposition import Exposition
from sidecar.export.snapshot import Snapshot
from sidecar.web.negotiation import accepts_gzip, exposition_format
from sidecar.web.page import status_page

_SLICE = 1 << 16

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the routes read and call.

    Attributes:
        exposition: renders `/metrics`.
        snapshot: gives the newest snapshot.
        clock: unix seconds now.
        not_ready: why the sidecar is not ready; None once it is.
        config: gives the text of the effective configuration, without its secrets.
        reload: loads the configuration anew; returns why that failed, None if it did not.
    """

    exposition: Exposition
    snapshot: Callable[[], Snapshot]
    clock: Callable[[], float]
    not_ready: Callable[[], str | None]
    config: Callable[[], str]
    reload: Callable[[], str | None]


def create_app(
    backend: Backend,
    *,
    version: str,
    route_prefix: str = "/",
    enable_lifecycle: bool = False,
    disable_api: bool = False,
) -> FastAPI:
    """The application that serves `backend`.

    Args:
        backend: what the routes read and call.
        version: of the sidecar.
        route_prefix: what the path of every route begins with.
        enable_lifecycle: allow a reload by HTTP.
        disable_api: serve `/metrics` and `/-/` only.
    """
    prefix = "/" + route_prefix.strip("/") if route_prefix.strip("/") else ""
    app = FastAPI(title="Prometheus Anomaly Sidecar", version=version, openapi_url=None, redirect_slashes=False)
    _serve_metrics(app, prefix, backend)
    _serve_management(app, prefix, backend, enable_lifecycle=enable_lifecycle)
    if not disable_api:
        _serve_pages(app, prefix, backend)
    return app


def _serve_metrics(app: FastAPI, prefix: str, backend: Backend) -> None:
    # A plain function, so that the first rendering of a snapshot runs beside the event loop and not in it.
    @_readable(app, f"{prefix}/metrics")
    def metrics(request: Request) -> Response:
        form = exposition_format(request.headers.get("accept", ""))
        compress = accepts_gzip(request.headers.get("accept-encoding", ""))
        pieces = backend.exposition.render(form, compress=compress)
        headers = {"content-length": str(sum(map(len, pieces))), "vary": "accept, accept-encoding"}
        if compress:
            headers["content-encoding"] = "gzip"
        body = () if request.method == "HEAD" else pieces
        return StreamingResponse(_each(body), media_type=form.value, headers=headers)


def _serve_management(app: FastAPI, prefix: str, backend: Backend, *, enable_lifecycle: bool) -> None:
    @_readable(app, f"{prefix}/-/healthy")
    async def healthy() -> Response:
        return PlainTextResponse("The sidecar is healthy.\n")

    @_readable(app, f"{prefix}/-/ready")
    async def ready() -> Response:
        reason = backend.not_ready()
        if reason is not None:
            return PlainTextResponse(f"The sidecar is not ready: {reason}\n", status_code=503)
        return PlainTextResponse("The sidecar is ready.\n")

    @app.post(f"{prefix}/-/reload", response_class=PlainTextResponse)
    @app.put(f"{prefix}/-/reload", include_in_schema=False)
    def reload() -> Response:
        if not enable_lifecycle:
            return PlainTextResponse("Reload by HTTP is off: start with --web.enable-lifecycle.\n", status_code=403)
        reason = backend.reload()
        if reason is not None:
            return PlainTextResponse(f"The configuration was not reloaded: {reason}\n", status_code=500)
        return PlainTextResponse("The configuration was reloaded.\n")


def _serve_pages(app: FastAPI, prefix: str, backend: Backend) -> None:
    @_readable(app, f"{prefix}/")
    def status() -> Response:
        page = status_page(backend.snapshot(), backend.clock(), app.version, backend.not_ready())
        return HTMLResponse(page, headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    @_readable(app, f"{prefix}/config")
    def config() -> Response:
        return PlainTextResponse(backend.config())

    async def to_status() -> Response:
        return RedirectResponse(f"{prefix}/")

    if prefix:
        for path in ("/", prefix):
            app.add_api_route(path, to_status, methods=["GET", "HEAD"], include_in_schema=False)


def _readable(app: FastAPI, path: str) -> Callable[[_Endpoint], _Endpoint]:
    """Have the path answer GET, and HEAD, which the OpenAPI document need not repeat."""

    def register(endpoint: _Endpoint) -> _Endpoint:
        app.get(path, response_class=PlainTextResponse)(endpoint)
        app.head(path, include_in_schema=False)(endpoint)
        return endpoint

    return register


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    # In slices, so that a client that does not read holds up one of them and no copy of the whole.
    for piece in pieces:
        for first in range(0, len(piece), _SLICE):
            yield piece[first : first + _SLICE]
