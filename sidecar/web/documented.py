"""All routes with their descriptions: the API, the pages, and the OpenAPI document of these and of the plain ones."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sidecar.export.text import Format
from sidecar.web.api import serve_api
from sidecar.web.errors import answer_refusals
from sidecar.web.management import Management
from sidecar.web.pages import serve_pages
from sidecar.web.predict import serve_predict
from sidecar.web.routes import readable

DESCRIPTION = """\
Finds anomalies in Prometheus metrics without labels. A score of 1 is the threshold; higher is more anomalous.

All times are unix seconds. Requests that are not valid are answered with what is wrong and where.
"""
TEXT: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

EXPOSITION: dict[int | str, dict[str, Any]] = {
    200: {"content": {form.value.partition(";")[0]: {"schema": {"type": "string"}} for form in Format}}
}
NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not yet; the text says why.", **TEXT}}
NOT_RELOADED: dict[int | str, dict[str, Any]] = {
    403: {"description": "It is off.", **TEXT},
    500: {"description": "It is not valid; the former one stays.", **TEXT},
}


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
    _serve_management(app, prefix, management)
    serve_api(app, prefix, management.backend)
    serve_predict(app, prefix, management.backend)
    answer_refusals(app)
    serve_pages(app, prefix, management.backend)
    return app


def _serve_management(app: FastAPI, prefix: str, management: Management) -> None:
    responses: dict[int | str, dict[str, Any]]
    for path, endpoint, tag, summary, responses in (
        ("/metrics", management.metrics, "metrics", "What Prometheus scrapes", EXPOSITION),
        ("/-/healthy", management.healthy, "management", "Does the process answer?", {}),
        ("/-/ready", management.ready, "management", "Was every query attempted?", NOT_READY),
    ):
        readable(app, f"{prefix}{path}", tags=[tag], summary=summary, responses=responses)(endpoint)
    app.post(
        f"{prefix}/-/reload",
        response_class=PlainTextResponse,
        tags=["management"],
        summary="Load the configuration anew",
        responses=NOT_RELOADED,
    )(management.reload)
    app.put(f"{prefix}/-/reload", include_in_schema=False)(management.reload)
