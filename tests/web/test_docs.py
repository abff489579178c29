import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from sidecar.web.app import create_app
from sidecar.web.server import HttpServer
from tests.web.browser import Browser
from tests.web.client import client
from tests.web.conftest import Sidecar


def document(sidecar: Sidecar) -> dict[str, Any]:
    told: dict[str, Any] = client(sidecar).get("/openapi.json").json()
    return told


def operations(sidecar: Sidecar) -> Iterator[dict[str, Any]]:
    for methods in document(sidecar)["paths"].values():
        yield from methods.values()


def test_every_operation_says_what_it_is_for_and_what_it_answers(sidecar: Sidecar) -> None:
    for operation in operations(sidecar):
        assert operation["summary"]
        assert operation["tags"]
        for response in operation["responses"].values():
            assert response["description"]
            assert all(content["schema"] for content in response["content"].values())


def test_every_field_and_parameter_is_described(sidecar: Sidecar) -> None:
    for name, schema in document(sidecar)["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert described.keys() & {"description", "$ref"} or field in {"points", "queries", "series"}, (name, field)
    for operation in operations(sidecar):
        assert all(parameter["description"] for parameter in operation.get("parameters", []))


def test_no_schema_of_the_framework_is_left(sidecar: Sidecar) -> None:
    assert "HTTPValidationError" not in json.dumps(document(sidecar))


def test_assets_are_served_by_name_and_nothing_else_is(sidecar: Sidecar) -> None:
    asset = client(sidecar).get("/assets/swagger-ui.css")

    assert asset.headers["content-type"].startswith("text/css")
    for name in ("x", "..%2f..%2fapp.py", "swagger-ui.css%00"):
        assert client(sidecar).get(f"/assets/{name}").status_code == 404


@pytest.mark.real
@pytest.mark.parametrize("prefix", ["/", "/cpu"])
def test_the_examples_run_from_the_page_with_the_network_shut(sidecar: Sidecar, browser: Browser, prefix: str) -> None:
    server = HttpServer(create_app(sidecar.backend, version="1.2.3", route_prefix=prefix), "127.0.0.1:0")
    server.start()
    browser.open(f"{server.url}{prefix.rstrip('/')}/docs")
    wait = WebDriverWait(browser.driver, 20)

    def find(css: str) -> Any:  # noqa: ANN401 an element
        return wait.until(lambda driver: driver.find_element(By.CSS_SELECTOR, css))

    find(".opblock-post[id*=predict] .opblock-summary-control").click()
    find(".opblock-post[id*=predict] .execute").click()
    answer = find(".opblock-post[id*=predict] .live-responses-table tbody .response-col_description pre").text
    status = find(".opblock-post[id*=predict] .live-responses-table tbody .response-col_status").text
    requested = browser.requested()
    server.stop()

    assert status.split()[0] == "200"
    assert '"warmup_points_dropped": 0' in answer
    assert requested
    assert all(url.startswith((server.url, "data:")) for url in requested)
    assert browser.complaints() == []
