"""How routes are added that all of the application's parts have in common."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


def readable(app: FastAPI, path: str, **described: Any) -> Callable[[Endpoint], Endpoint]:  # noqa: ANN401 as in `get`
    """Have the path answer GET, and HEAD, which the OpenAPI document need not repeat.

    `described` is what the document says of it.
    """

    def register(endpoint: Endpoint) -> Endpoint:
        app.get(path, **{"response_class": PlainTextResponse} | described)(endpoint)
        app.head(path, include_in_schema=False)(endpoint)
        return endpoint

    return register
