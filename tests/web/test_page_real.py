"""The status page in a browser, on a real run of the demonstration and with a thousand series.

With UPDATE_IMAGES=1 in the environment the picture in the documentation is taken anew.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sidecar.web.app import create_app
from sidecar.web.server import HttpServer
from tests.real.processes import free_port, wait_until
from tests.web.browser import PHONE, Browser
from tests.web.conftest import Sidecar
from tests.web.test_api import case

pytestmark = pytest.mark.real

IMAGE = Path(__file__).parents[2] / "docs/images/status-page.png"


def wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, "the page shows it")


def flagged(url: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = requests.get(f"{url}/api/v1/series?flag=true", timeout=5).json()["series"]
    except requests.ConnectionError:
        return []
    return found


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """A running demonstration in which a series is flagged."""
    url = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "sidecar", "demo", f"--web.listen-address={url}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait(lambda: bool(flagged(f"http://{url}")))
            yield f"http://{url}"
        finally:
            process.terminate()


def drawn(browser: Browser) -> int:
    return int(browser.run("return document.querySelectorAll('#series canvas').length"))


def test_a_flagged_series_of_a_real_run_is_shown_and_opened(demo: str, browser: Browser) -> None:
    browser.open(f"{demo}/")
    wait(lambda: drawn(browser) >= 2)
    found = {each["id"] for each in flagged(demo)}
    first = browser.run("return document.querySelector('#series > li.flagged').dataset.id")
    browser.run("document.querySelector('#series > li.flagged summary').click()")
    wait(lambda: browser.run("return document.querySelectorAll('#series .large canvas').length == 2"))
    told = browser.run("return document.querySelector('#series > li.flagged .finding').textContent")
    if os.environ.get("UPDATE_IMAGES"):
        browser.driver.save_screenshot(str(IMAGE))

    assert first in found
    assert "nomal" in told
    assert browser.complaints() == []
    assert browser.barriers() == []
    assert all(url.startswith((demo, "data:")) for url in browser.requested())


def test_the_page_is_live(demo: str, browser: Browser) -> None:
    browser.open(f"{demo}/")
    shown = "return document.querySelector('#status time').textContent"
    before = browser.run(shown)

    wait(lambda: browser.run(shown) != before)
    assert browser.run("return performance.getEntriesByType('navigation').length") == 1


def test_what_is_open_stays_open_while_the_list_changes(demo: str, browser: Browser) -> None:
    browser.open(f"{demo}/")
    wait(lambda: drawn(browser) >= 2)
    last = browser.run("return document.querySelector('#series > li:last-child').dataset.id")
    browser.run("document.querySelector('#series > li:last-child summary').click()")
    before = browser.run("return document.querySelector('#status time').textContent")
    wait(lambda: browser.run("return document.querySelector('#status time').textContent") != before)

    assert browser.run(f"return document.querySelector('[data-id=\"{last}\"] details').open")


def test_the_link_of_an_alert_leads_to_the_series(demo: str, browser: Browser) -> None:
    series = flagged(demo)[0]
    address = requests.Request("GET", f"{demo}/", params={"anomaly_name": "node_cpu", **series["labels"]}).prepare().url
    browser.open(str(address))
    wait(lambda: browser.run("return document.querySelectorAll('#series .large canvas').length == 2"))

    assert browser.run("return [...document.querySelectorAll('#series > li')].map(li => li.dataset.id)") == [
        series["id"]
    ]


def test_on_a_phone_and_in_the_dark(demo: str, browser: Browser) -> None:
    browser.open(f"{demo}/", PHONE, dark=True)
    wait(lambda: drawn(browser) >= 2)
    browser.run("document.querySelector('#series summary').click()")
    wait(lambda: browser.run("return document.querySelectorAll('#series .large canvas').length == 2"))
    back = browser.run("return getComputedStyle(document.body).backgroundColor")

    assert browser.overflow() <= 0
    assert back == "rgb(16, 21, 27)"
    assert browser.barriers() == []
    assert browser.complaints() == []


def test_without_scripts_the_basics_can_be_read(demo: str, browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(f"{demo}/")
        text = browser.driver.find_element("css selector", "body").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert "node_cpu" in text
    assert "web-3:9100" in text


@pytest.fixture
def thousand(sidecar: Sidecar) -> Iterator[str]:
    sidecar.publish("cpu", {f"pod-{number}": number / 2000 for number in range(1000)})
    some = case(())
    sidecar.cases = dict.fromkeys(sidecar.board.snapshot.results["cpu"].series.labels, some)
    server = HttpServer(create_app(sidecar.backend, version="1.2.3"), "127.0.0.1:0")
    server.start()
    yield server.url
    server.stop()


def test_a_thousand_series_are_usable(thousand: str, browser: Browser) -> None:
    browser.open(f"{thousand}/")
    count = "return document.querySelectorAll('#series > li').length"
    wait(lambda: browser.run(count) == 100)
    browser.run("document.getElementById('more').click()")
    wait(lambda: browser.run(count) == 1000)
    wait(lambda: drawn(browser) >= 2)

    # Only what can be seen is drawn.
    assert drawn(browser) < 300
    assert browser.overflow() <= 0
    browser.run("window.scrollTo(0, document.body.scrollHeight)")
    wait(lambda: browser.run("return document.querySelector('#series > li:last-child canvas') !== null"))
    assert browser.complaints() == []


def test_a_search_narrows_the_list_and_the_address(thousand: str, browser: Browser) -> None:
    browser.open(f"{thousand}/")
    field = browser.driver.find_element("name", "page.search")
    field.send_keys("pod-77")
    wait(lambda: browser.run("return document.querySelectorAll('#series > li').length") == 11)

    assert "page.search=pod-77" in browser.driver.current_url
    assert browser.run("return document.activeElement.name") == "page.search"


def text(browser: Browser, css: str) -> str:
    return str(browser.run(f"return document.querySelector('{css}')?.textContent ?? ''"))


def test_losing_the_sidecar_is_told_and_nothing_is_shown_as_fine(sidecar: Sidecar, browser: Browser) -> None:
    sidecar.publish("cpu", {"a": 2.0, "b": 0.5})
    server = HttpServer(create_app(sidecar.backend, version="1.2.3"), "127.0.0.1:0")
    server.start()
    browser.open(f"{server.url}/")
    assert "ok" in text(browser, "#queries")
    server.stop()

    wait(lambda: "No news since 2023-11-14 22:13:20 UTC" in text(browser, "#status"))
    assert "ok" not in text(browser, "#queries td")
    states = browser.run("return [...document.querySelectorAll('#series .state')].map((each) => each.textContent)")
    assert states == ["unknown", "unknown"]
    assert "As usual" not in text(browser, "#series")


def test_a_series_whose_result_expires_keeps_no_verdict(sidecar: Sidecar, browser: Browser) -> None:
    sidecar.publish("cpu", {"a": 2.0})
    [labels] = sidecar.board.snapshot.results["cpu"].series.labels
    sidecar.cases = {labels: case(labels)}
    server = HttpServer(create_app(sidecar.backend, version="1.2.3"), "127.0.0.1:0")
    server.start()
    try:
        browser.open(f"{server.url}/")
        wait(lambda: text(browser, "#series .explanation") != "")
        sidecar.now += sidecar.board.snapshot.staleness + 1
        wait(lambda: text(browser, "#series .state") == "stale")
        wait(lambda: text(browser, "#series .explanation") == "")
    finally:
        server.stop()


@pytest.mark.parametrize("asked", ["anomaly_name=renamed", "page.state=bogus"])
def test_a_link_that_asks_in_vain_gets_news_all_the_same(sidecar: Sidecar, browser: Browser, asked: str) -> None:
    sidecar.publish("cpu", {"a": 0.5})
    server = HttpServer(create_app(sidecar.backend, version="1.2.3"), "127.0.0.1:0")
    server.start()
    try:
        browser.open(f"{server.url}/?{asked}")
        sidecar.now += 60
        wait(lambda: "22:14:20 UTC" in text(browser, "#status"))
        assert ("No series now" in text(browser, "#count")) == asked.startswith("anomaly_name")
    finally:
        server.stop()
