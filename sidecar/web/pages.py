"""The routes of the pages for people, and of what they load."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from sidecar.web.assets import POLICY, serve_assets
from sidecar.web.backend import Backend
from sidecar.web.page.docs import DOCS_PAGE
from sidecar.web.page.status import View, status_page
from sidecar.web.routes import readable


def serve_pages(app: FastAPI, prefix: str, backend: Backend) -> None:
    """Add the routes."""
    serve_assets(app, prefix)

    @readable(app, f"{prefix}/", include_in_schema=False)
    def status(request: Request) -> Response:
        view = View(
            snapshot=backend.snapshot(),
            queries=backend.queries(),
            now=backend.clock(),
            version=app.version,
            not_ready=backend.not_ready(),
            parameters=request.query_params.multi_items(),
        )
        if view.foreign:
            known = [(name, value) for name, value in view.parameters if name not in view.foreign]
            return RedirectResponse(f"?{urlencode(known)}")
        return _page(status_page(view))

    @readable(app, f"{prefix}/docs", include_in_schema=False)
    async def docs() -> Response:
        return _page(DOCS_PAGE)

    @readable(app, f"{prefix}/config", tags=["management"], summary="The configuration in force, without its secrets")
    def config() -> Response:
        return PlainTextResponse(backend.config())

    async def to_status() -> Response:
        return RedirectResponse(f"{prefix}/")

    if prefix:
        for path in ("/", prefix):
            app.add_api_route(path, to_status, methods=["GET", "HEAD"], include_in_schema=False)


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers={"content-security-policy": POLICY})
