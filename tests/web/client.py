"""Asks an application without a server."""

import asyncio
from functools import partial
from typing import Any

import httpx
from starlette.types import ASGIApp

from sidecar.web.app import create_app
from tests.web.conftest import Sidecar


class Client:
    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app)
        self.get = partial(self.request, "GET")
        self.head = partial(self.request, "HEAD")
        self.post = partial(self.request, "POST")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://sidecar") as client:
                return await client.request(method, path, **options)

        return asyncio.run(answer())


def client(sidecar: Sidecar, **options: Any) -> Client:  # noqa: ANN401
    return Client(create_app(sidecar.backend, version="1.2.3", **options))
