"""All routes with their descriptions: the API, the pages, and the OpenAPI document of these and of the plain ones."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.routing import Route

from sidecar.export.text import Format
from sidecar.web.api import serve_api
from sidecar.web.errors import answer_refusals
from sidecar.web.management import Management
from sidecar.web.pages import serve_pages
from sidecar.web.predict import serve_predict

DESCRIPTION = """\
Finds anomalies in Prometheus metrics without labels. A score of 1 is the threshold; higher is more anomalous.

All times are unix seconds. Requests that are not valid are answered with what is wrong and where.
"""
TEXT: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

EXPOSITION = {form.value.partition(";")[0]: {"schema": {"type": "string"}} for form in Format}

PLAIN: dict[str, dict[str, Any]] = {
    "metrics": {
        "tags": ["metrics"],
        "summary": "What Prometheus scrapes",
        "responses": {200: {"content": EXPOSITION}},
    },
    "healthy": {"tags": ["management"], "summary": "Does the process answer?"},
    "ready": {
        "tags": ["management"],
        "summary": "Was every query attempted?",
        "responses": {503: {"description": "Not yet; the text says why.", **TEXT}},
    },
    "reload": {
        "tags": ["management"],
        "summary": "Load the configuration anew",
        "responses": {
            403: {"description": "It is off.", **TEXT},
            500: {"description": "It is not valid; the former one stays.", **TEXT},
        },
    },
}
"""What the document says of the plain endpoints, by their names."""


def create_documented_app(management: Management, prefix: str, version: str) -> FastAPI:
    """The application that serves everything."""
    app = FastAPI(
        title="Prometheus Anomaly Sidecar",
        version=version,
        description=DESCRIPTION,
        license_info=LICENCE,
        openapi_url=f"{prefix}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _describe(app, management.routes(prefix))
    serve_api(app, prefix, management.backend)
    serve_predict(app, prefix, management.backend)
    answer_refusals(app)
    serve_pages(app, prefix, management.backend)
    return app


def _describe(app: FastAPI, routes: Iterable[Route]) -> None:
    """Have the document tell of the plain routes, of each by one of its methods."""
    for route in routes:
        told, *others = sorted(route.methods or ())
        described = {"response_class": PlainTextResponse, **PLAIN[route.name]}
        app.add_api_route(route.path, route.endpoint, methods=[told], **described)
        app.add_api_route(route.path, route.endpoint, methods=others, include_in_schema=False)
