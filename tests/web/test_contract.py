"""Requests made up from the OpenAPI document: whatever is asked, the answer is one that the document knows."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import BaseSchema, Case, GenerationMode, checks, openapi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sidecar.export.labels import exported
from sidecar.export.snapshot import State
from sidecar.web.app import create_app
from sidecar.web.listing import series_id
from tests.web.conftest import Sidecar
from tests.web.test_api import case as case_of

LABELS = exported((("pod", "a"),), "cpu", {})
CHECKS = [
    checks.not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
PLAIN = (
    "GET /metrics",
    "GET /-/healthy",
    "GET /-/ready",
    "POST /-/reload",
    "GET /api/v1/queries",
    "GET /config",
)
ASKING = ("GET /api/v1/series", "GET /api/v1/series/{series_id}", "POST /predict")


@pytest.fixture(scope="module")
def document() -> BaseSchema:
    sidecar = Sidecar()
    sidecar.board.configure(["cpu", "load"], 300)
    sidecar.publish("cpu", {"a": 2.0, "b": 0.5}, {"young": State.WARMING})
    sidecar.cases[LABELS] = case_of(LABELS)
    return openapi.from_asgi("/openapi.json", create_app(sidecar.backend, version="1.2.3"))


def test_the_operations_are_all_of_the_document(document: BaseSchema) -> None:
    found = {f"{method.upper()} {path}" for path, methods in document.items() for method in methods}

    assert found == {*PLAIN, *ASKING}


@pytest.mark.parametrize(
    ("label", "mode", "expected"),
    [
        *((label, GenerationMode.POSITIVE, None) for label in PLAIN),
        *((label, GenerationMode.POSITIVE, 200) for label in ASKING),
        *((label, GenerationMode.NEGATIVE, 422) for label in ASKING),
    ],
)
def test_every_answer_is_as_the_document_says(
    document: BaseSchema, label: str, mode: GenerationMode, expected: int | None
) -> None:
    method, path = label.split()
    seen = set()

    @seed(0)
    @settings(max_examples=50, suppress_health_check=list(HealthCheck), database=None)
    @given(document[path][method].as_strategy(generation_mode=mode))
    def ask(case: "Case[Any]") -> None:
        if "series_id" in case.path_parameters and len(str(case.path_parameters["series_id"])) % 2:
            case.path_parameters["series_id"] = series_id(LABELS)
        seen.add(case.call_and_validate(checks=CHECKS).status_code)

    ask()

    assert expected is None or expected in seen
