"""The routes: each turns a request into a response and decides nothing."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from sidecar.export.exposition import Exposition
from sidecar.export.snapshot import Snapshot
from sidecar.web.negotiation import accepts_gzip, exposition_format
from sidecar.web.page import status_page

_READ = ["GET", "HEAD"]


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
    app.include_router(_metrics(backend), prefix=prefix)
    app.include_router(_management(backend, enable_lifecycle=enable_lifecycle), prefix=prefix)
    if not disable_api:
        app.include_router(_pages(backend, version), prefix=prefix)
        if prefix:
            _redirect_to(prefix + "/", app, ("/", prefix))
    return app


def _metrics(backend: Backend) -> APIRouter:
    router = APIRouter()

    # A plain function, so that the first rendering of a snapshot runs beside the event loop and not in it.
    @router.api_route("/metrics", methods=_READ)
    def metrics(request: Request) -> Response:
        form = exposition_format(request.headers.get("accept", ""))
        compress = accepts_gzip(request.headers.get("accept-encoding", ""))
        pieces = backend.exposition.render(form, compress=compress)
        headers = {"content-length": str(sum(map(len, pieces))), "vary": "accept, accept-encoding"}
        if compress:
            headers["content-encoding"] = "gzip"
        body = () if request.method == "HEAD" else pieces
        return StreamingResponse(_each(body), media_type=form.value, headers=headers)

    return router


def _management(backend: Backend, *, enable_lifecycle: bool) -> APIRouter:
    router = APIRouter(prefix="/-", default_response_class=PlainTextResponse)

    @router.api_route("/healthy", methods=_READ)
    async def healthy() -> PlainTextResponse:
        return PlainTextResponse("The sidecar is healthy.\n")

    @router.api_route("/ready", methods=_READ)
    async def ready() -> PlainTextResponse:
        reason = backend.not_ready()
        if reason is not None:
            return PlainTextResponse(f"The sidecar is not ready: {reason}\n", status_code=503)
        return PlainTextResponse("The sidecar is ready.\n")

    @router.api_route("/reload", methods=["POST", "PUT"])
    def reload() -> PlainTextResponse:
        if not enable_lifecycle:
            return PlainTextResponse("Reload by HTTP is off: start with --web.enable-lifecycle.\n", status_code=403)
        reason = backend.reload()
        if reason is not None:
            return PlainTextResponse(f"The configuration was not reloaded: {reason}\n", status_code=500)
        return PlainTextResponse("The configuration was reloaded.\n")

    return router


def _pages(backend: Backend, version: str) -> APIRouter:
    router = APIRouter()

    @router.api_route("/", methods=_READ)
    def status() -> HTMLResponse:
        page = status_page(backend.snapshot(), backend.clock(), version, backend.not_ready())
        return HTMLResponse(page, headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    @router.api_route("/config", methods=_READ)
    def config() -> PlainTextResponse:
        return PlainTextResponse(backend.config())

    return router


def _redirect_to(target: str, app: FastAPI, paths: Iterable[str]) -> None:
    async def redirect() -> RedirectResponse:
        return RedirectResponse(target)

    for path in paths:
        app.add_api_route(path, redirect, methods=_READ)


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
