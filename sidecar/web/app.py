"""The routes: each turns a request into a response and decides nothing."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from sidecar.export.text import Format
from sidecar.web.api import serve_api
from sidecar.web.backend import Backend
from sidecar.web.errors import answer_refusals
from sidecar.web.negotiation import accepts_gzip, exposition_format
from sidecar.web.pages import serve_pages
from sidecar.web.predict import serve_predict
from sidecar.web.routes import readable

DESCRIPTION = """\
Finds anomalies in Prometheus metrics without labels. A score of 1 is the threshold; higher is more anomalous.

All times are unix seconds. Requests that are not valid are answered with what is wrong and where.
"""
TEXT: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_SLICE = 1 << 18
LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

EXPOSITION: dict[int | str, dict[str, Any]] = {
    200: {"content": {form.value.partition(";")[0]: {"schema": {"type": "string"}} for form in Format}}
}
NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not yet; the text says why.", **TEXT}}
NOT_RELOADED: dict[int | str, dict[str, Any]] = {
    403: {"description": "It is off.", **TEXT},
    500: {"description": "It is not valid; the former one stays.", **TEXT},
}


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
    app = FastAPI(
        title="Prometheus Anomaly Sidecar",
        version=version,
        description=DESCRIPTION,
        license_info=LICENCE,
        openapi_url=None if disable_api else f"{prefix}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _serve_metrics(app, prefix, backend)
    _serve_management(app, prefix, backend, enable_lifecycle=enable_lifecycle)
    if not disable_api:
        serve_api(app, prefix, backend)
        serve_predict(app, prefix, backend)
        answer_refusals(app)
        serve_pages(app, prefix, backend)
    return app


def _serve_metrics(app: FastAPI, prefix: str, backend: Backend) -> None:
    # A plain function, so that the first rendering of a snapshot runs beside the event loop and not in it.
    @readable(app, f"{prefix}/metrics", tags=["metrics"], summary="What Prometheus scrapes", responses=EXPOSITION)
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
    @readable(app, f"{prefix}/-/healthy", tags=["management"], summary="Does the process answer?")
    async def healthy() -> Response:
        return PlainTextResponse("The sidecar is healthy.\n")

    @readable(app, f"{prefix}/-/ready", tags=["management"], summary="Was every query attempted?", responses=NOT_READY)
    async def ready() -> Response:
        reason = backend.not_ready()
        if reason is not None:
            return PlainTextResponse(f"The sidecar is not ready: {reason}\n", status_code=503)
        return PlainTextResponse("The sidecar is ready.\n")

    @app.post(
        f"{prefix}/-/reload",
        response_class=PlainTextResponse,
        tags=["management"],
        summary="Load the configuration anew",
        responses=NOT_RELOADED,
    )
    @app.put(f"{prefix}/-/reload", include_in_schema=False)
    def reload() -> Response:
        if not enable_lifecycle:
            return PlainTextResponse("Reload by HTTP is off: start with --web.enable-lifecycle.\n", status_code=403)
        reason = backend.reload()
        if reason is not None:
            return PlainTextResponse(f"The configuration was not reloaded: {reason}\n", status_code=500)
        return PlainTextResponse("The configuration was reloaded.\n")


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[memoryview]:
    # In slices, so that a client that does not read holds up one of them and no copy of the whole.
    for piece in pieces:
        for first in range(0, len(piece), _SLICE):
            yield memoryview(piece)[first : first + _SLICE]
