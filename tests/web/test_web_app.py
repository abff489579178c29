import asyncio
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from unittest.mock import Mock

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sidecar.prometheus.frame import LabelSet
from sidecar.web.access import Access, guarded
from sidecar.web.app import Deferred, create_app
from sidecar.web.documented import create_documented_app
from sidecar.web.listing import series_id
from sidecar.web.management import Management
from tests.web.client import client
from tests.web.conftest import AT, Sidecar

NEED_THE_API = ("config", "docs", "openapi.json", "assets/page.js", "api/v1/queries", "api/v1/series", "predict")
ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/http.md"
ASKED_FOR = """
import sys
import sidecar.service
from tests.web.client import client
from tests.web.conftest import Sidecar

ask = client(Sidecar(not_ready="starting"))
print(ask.get("/metrics").status_code, ask.get("/-/ready").status_code, "fastapi" in sys.modules)
print(ask.get("/nothing").status_code, "fastapi" in sys.modules)
"""


def test_metrics_are_text_by_default(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 0.5})
    answer = client(sidecar).get("/metrics", headers={"accept-encoding": "identity"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "content-encoding" not in answer.headers
    assert 'anomaly_score{anomaly_name="cpu",instance="",job="",pod="a"} 0.5\n' in answer.text


def test_metrics_are_openmetrics_where_asked_for(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 0.5})
    answer = client(sidecar).get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
    assert [family.name for family in families] == ["anomaly_score", "anomaly_flag"]


def test_metrics_are_compressed_where_accepted(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {f"pod-{i}": 0.5 for i in range(100)})
    plain = client(sidecar).get("/metrics", headers={"accept-encoding": "identity"})
    answer = client(sidecar).get("/metrics", headers={"accept-encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept, accept-encoding"
    assert int(answer.headers["content-length"]) < len(plain.content) / 4
    assert answer.text == plain.text


def test_an_expired_result_is_not_served(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 2.0})
    sidecar.now += 301

    assert "anomaly_flag" not in client(sidecar).get("/metrics").text


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/", "/config", "/docs", "/assets/page.js"])
def test_head_is_get_without_a_body(sidecar: Sidecar, path: str) -> None:
    sidecar.publish("cpu", {"a": 0.5})
    get, head = client(sidecar).get(path), client(sidecar).head(path)

    assert (head.status_code, head.headers) == (get.status_code, get.headers)


def test_head_of_metrics_sends_nothing(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 0.5})

    assert client(sidecar).head("/metrics", headers={"accept-encoding": "identity"}).content == b""


def test_healthy_as_long_as_it_answers(sidecar: Sidecar) -> None:
    sidecar.not_ready = "starting"

    assert client(sidecar).get("/-/healthy").text == "The sidecar is healthy.\n"


def test_not_ready_says_why(sidecar: Sidecar) -> None:
    sidecar.not_ready = "cpu was not evaluated yet"
    answer = client(sidecar).get("/-/ready")

    assert answer.status_code == 503
    assert answer.text == "The sidecar is not ready: cpu was not evaluated yet\n"

    sidecar.not_ready = None
    answer = client(sidecar).get("/-/ready")

    assert (answer.status_code, answer.text) == (200, "The sidecar is ready.\n")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_reload(sidecar: Sidecar, method: str) -> None:
    answer = client(sidecar, enable_lifecycle=True).request(method, "/-/reload")

    assert (answer.status_code, answer.text) == (200, "The configuration was reloaded.\n")
    assert sidecar.reloads == 1


def test_a_failed_reload_says_why(sidecar: Sidecar) -> None:
    sidecar.reload_failure = "config.yaml:3: queries[0].step: 5x is no duration"
    answer = client(sidecar, enable_lifecycle=True).post("/-/reload")

    assert answer.status_code == 500
    assert answer.text == f"The configuration was not reloaded: {sidecar.reload_failure}\n"


def test_reload_is_off_by_default(sidecar: Sidecar) -> None:
    answer = client(sidecar).post("/-/reload")

    assert answer.status_code == 403
    assert "--web.enable-lifecycle" in answer.text
    assert sidecar.reloads == 0


def test_reload_is_no_matter_of_reading(sidecar: Sidecar) -> None:
    assert client(sidecar, enable_lifecycle=True).get("/-/reload").status_code == 405
    assert sidecar.reloads == 0


def test_config_is_the_text_given(sidecar: Sidecar) -> None:
    answer = client(sidecar).get("/config")

    assert answer.text == "queries: []\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_load_nothing_from_elsewhere(sidecar: Sidecar, path: str) -> None:
    answer = client(sidecar).get(path)
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self';" in policy
    assert "//" not in re.sub(r"<svg.*?</svg>", "", answer.text)


@pytest.mark.parametrize("path", ["/nothing", "/redoc", "/metrics/", "/-/", "/assets/", "/api/v1"])
def test_the_rest_is_not_found(sidecar: Sidecar, path: str) -> None:
    assert client(sidecar).get(path).status_code == 404


@pytest.mark.parametrize("prefix", ["/cpu", "cpu/", "/cpu/"])
def test_route_prefix(sidecar: Sidecar, prefix: str) -> None:
    prefixed = client(sidecar, route_prefix=prefix)

    assert prefixed.get("/cpu/-/healthy").status_code == 200
    assert prefixed.get("/cpu/metrics").status_code == 200
    assert prefixed.get("/cpu/").status_code == 200
    assert prefixed.get("/metrics").status_code == 404
    for path in ("/", "/cpu"):
        assert prefixed.get(path).headers["location"] == "/cpu/"


@pytest.mark.parametrize("prefix", ["/", "", "/cpu"])
def test_without_the_api_only_metrics_and_management_are_left(sidecar: Sidecar, prefix: str) -> None:
    left = client(sidecar, route_prefix=prefix, disable_api=True)
    base = prefix.rstrip("/")

    assert left.get(f"{base}/metrics").status_code == 200
    assert left.get(f"{base}/-/ready").status_code == 200
    for path in ("/", f"{base}/", *(f"{base}/{rest}" for rest in NEED_THE_API)):
        assert left.get(path).status_code == 404


def test_every_route_is_documented_and_nothing_else(sidecar: Sidecar) -> None:
    served: dict[str, set[str]] = {}
    for route in create_documented_app(Management(sidecar.backend, enable_lifecycle=False), "", "0").routes:
        assert isinstance(route, Route)
        served.setdefault(route.path, set()).update(route.methods or ())
    rows = re.findall(r"^\| `(/\S*)` \| ([A-Z, ]+) \|", REFERENCE.read_text(), re.MULTILINE)

    assert {path: set(methods.split(", ")) for path, methods in rows} == served


def test_time_comes_from_the_clock(sidecar: Sidecar) -> None:
    assert sidecar.now == AT
    assert "2023-11-14 22:13:20 UTC" in client(sidecar).get("/").text


def test_metrics_and_management_are_served_without_the_framework() -> None:
    asked = subprocess.run([sys.executable, "-c", ASKED_FOR], cwd=ROOT, check=True, capture_output=True, text=True)

    assert asked.stdout.split() == ["200", "503", "False", "404", "True"]


def test_the_rest_is_built_once_beside_the_event_loop() -> None:
    built: list[threading.Thread] = []

    def build() -> ASGIApp:
        built.append(threading.current_thread())
        return PlainTextResponse("here")

    async def asked() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Deferred(build)), base_url="http://sidecar") as ask:
            return await asyncio.gather(*(ask.get("/") for _ in range(8)))

    assert [answer.text for answer in asyncio.run(asked())] == ["here"] * 8
    assert len(built) == 1
    assert built[0] is not threading.main_thread()


def test_a_scrape_does_not_wait_for_readers_of_the_api(sidecar: Sidecar) -> None:
    readers, let_go = threading.Semaphore(0), threading.Event()

    def stuck(_: str, __: LabelSet) -> None:
        readers.release()
        assert let_go.wait(60)

    sidecar.publish("cpu", {"a": 0.5})
    [labels] = sidecar.board.snapshot.results["cpu"].series.labels
    app = create_app(replace(sidecar.backend, case=stuck), version="0")

    async def asked() -> tuple[int, int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sidecar") as ask:
            waiting = [asyncio.create_task(ask.get(f"/api/v1/series/{series_id(labels)}")) for _ in range(100)]
            await asyncio.to_thread(lambda: [readers.acquire() for _ in range(40)])
            scraped = await ask.get("/metrics")
            busy = sum(not task.done() for task in waiting)
            let_go.set()
            await asyncio.gather(*waiting)
            return scraped.status_code, busy

    assert asyncio.run(asked()) == (200, 100)


@pytest.mark.parametrize("path", ["/metrics", "/-/reload", "/config"])
def test_what_goes_wrong_within_is_answered_with_all_headers(sidecar: Sidecar, path: str) -> None:
    def fails(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a bug")

    backend = replace(sidecar.backend, config=fails, reload=fails, exposition=Mock(render=fails))
    app = guarded(create_app(backend, version="0", enable_lifecycle=True), Access())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar") as ask:
            return await ask.request("POST" if path == "/-/reload" else "GET", path)

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_labels_that_a_scrape_added_to_an_alert_are_left_out_of_its_link(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 2.0, "b": 0.5})
    ask = client(sidecar)

    led = ask.get("/?anomaly_name=cpu&pod=a&cluster=west&page.search=a&pod=a%26b")
    assert (led.status_code, led.headers["location"]) == (307, "?anomaly_name=cpu&pod=a&page.search=a&pod=a%26b")
    for known in ("/?anomaly_name=cpu&pod=a", "/?pod=gone", "/?cluster=", "/?anomaly_name=other&cluster=west"):
        assert ask.get(known).status_code == 200


def test_what_is_not_there_is_refused_in_the_words_of_the_api(sidecar: Sidecar) -> None:
    unknown, not_so = client(sidecar).get("/api/v1"), client(sidecar).post("/api/v1/queries")
    assert unknown.json() == {"error": "Not Found", "field": None, "index": None}
    assert (not_so.status_code, not_so.json()["error"]) == (405, "Method Not Allowed")
    assert not_so.headers["allow"] == "GET"
