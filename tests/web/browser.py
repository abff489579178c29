"""A headless Chromium that reaches nothing but this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import Any

from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE, DESK = (390, 844), (1280, 900)


class Browser:
    """What the tests ask of Chromium.

    Attributes:
        driver: Selenium's own face of it.
    """

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, size: tuple[int, int] = DESK, *, dark: bool = False) -> None:
        """Shows a page in a window of a size, in light or dark colours."""
        self.log("browser")
        self.log("performance")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)

    def run(self, script: str) -> Any:  # noqa: ANN401 whatever the script returns
        """Runs JavaScript on the page."""
        return self.driver.execute_script(script)

    def log(self, which_one: str) -> list[dict[str, Any]]:
        """What was logged since the last look."""
        entries: list[dict[str, Any]] = self.driver.get_log(which_one)  # type: ignore[no-untyped-call]
        return entries

    def complaints(self) -> list[str]:
        """Warnings and errors on the console, those of the content security policy included."""
        return [entry["message"] for entry in self.log("browser") if entry["level"] in {"WARNING", "SEVERE"}]

    def requested(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def barriers(self) -> list[str]:
        """What keeps people from using the page, according to axe."""
        violations = Axe().run(self.driver)["violations"]
        return [f"{each['id']}: {node['target']}" for each in violations for node in each["nodes"]]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts Chromium, which finds no name and so nothing elsewhere."""
    options = ChromeOptions()
    options.binary_location = which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests run as root in containers
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
