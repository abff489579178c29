"""The commands of the tutorial, one after the other as they stand there, with everything real."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.conftest import Start
from tests.docs.pages import ROOT, Page
from tests.real.binaries import binary
from tests.real.processes import free_port

TUTORIAL = Page(ROOT / "docs/tutorial/first-alert.md")
SECONDS = 120
"""After which something hangs. It takes less than half a minute."""
COMMANDS = {
    "prometheus": "PROMETHEUS_BIN",
    "promtool": "PROMTOOL_BIN",
    "prometheus-alertmanager": "ALERTMANAGER_BIN",
    "amtool": "AMTOOL_BIN",
    "prometheus-node-exporter": "NODE_EXPORTER_BIN",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the tutorial begins with: a checkout with its virtual environment."""
    place = tmp_path / "checkout"
    place.mkdir()
    for part in ("docs", "rules"):
        (place / part).symlink_to(ROOT / part)
    (place / ".venv").symlink_to(sys.prefix)
    return place


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The programs by the names that the tutorial calls them."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, variable in COMMANDS.items():
        (place / name).symlink_to(binary(variable))
    return place


def at_free_ports(text: str) -> str:
    """The same with ports that nobody uses."""
    for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text))):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    return text


def runnable() -> str:
    return "\n".join(block.text for block in TUTORIAL.blocks("sh") if block.notes != "no-run")


@pytest.mark.real
def test_the_tutorial_leads_from_nothing_to_an_alert_and_leaves_nothing(
    start: Start, checkout: Path, programs: Path, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    said = start(at_free_ports(runnable()), checkout, programs).finish(SECONDS)
    record_property("seconds", round(time.monotonic() - began, 1))

    assert len(set(re.findall(r'^anomaly_score\{.*instance="([^"]+)"', said, re.MULTILINE))) == 3
    assert set(re.findall(r'^anomaly_flag\{.*instance="([^"]+)".*\} 1', said, re.MULTILINE)) == {"web-2"}
    [alert] = re.findall(r"^.*AnomalyDetected.*$", said, re.MULTILINE)
    assert 'instance="web-2"' in alert
    assert "is at 15.5 cores, expected" in alert
    assert not (checkout / "anomaly-tutorial").exists()


def test_only_what_installs_is_not_run() -> None:
    skipped = [block.text for block in TUTORIAL.blocks("sh") if block.notes]
    assert skipped
    assert all(re.match(r"sudo apt-get install |make \.venv/", text) for text in skipped)
