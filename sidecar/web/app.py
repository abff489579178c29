"""The application: the plain endpoints at once, everything else when it is first asked for."""

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.web.backend import Backend
from sidecar.web.management import Management


class Deferred:
    """An application that is built when it is first asked, beside the event loop.

    Args:
        build: makes the application.
    """

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._building = asyncio.Lock()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does."""
        await (await self._built())(scope, receive, send)

    async def _built(self) -> ASGIApp:
        async with self._building:
            if self._app is None:
                self._app = await run_in_threadpool(self._build)
            return self._app


def create_app(
    backend: Backend,
    *,
    version: str,
    route_prefix: str = "/",
    enable_lifecycle: bool = False,
    disable_api: bool = False,
) -> ASGIApp:
    """The application that serves `backend`.

    Args:
        backend: what the routes read and call.
        version: of the sidecar.
        route_prefix: what the path of every route begins with.
        enable_lifecycle: allow a reload by HTTP.
        disable_api: serve `/metrics` and `/-/` only.
    """
    prefix = "/" + route_prefix.strip("/") if route_prefix.strip("/") else ""
    management = Management(backend, enable_lifecycle)

    def documented() -> ASGIApp:
        # The framework takes as long to import as all else does until `/metrics` is served.
        from sidecar.web.documented import create_documented_app  # noqa: PLC0415

        return create_documented_app(management, prefix, version)

    app = Starlette(routes=management.routes(prefix))
    app.router.redirect_slashes = False
    if not disable_api:
        app.router.default = Deferred(documented)
    return app
