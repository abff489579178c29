"""The commands of the README, each run as it stands there."""

import json
import re
import signal
import sys

import pytest

from tests.docs.conftest import Start
from tests.docs.pages import ROOT, Page
from tests.real.processes import wait_until

README = Page(ROOT / "README.md")
COMMANDS = [block.text.strip() for block in README.blocks("sh") if block.notes != "no-run"]
SECONDS = 60


def test_there_is_no_command_that_is_not_run_below() -> None:
    assert [command.split(" --")[0].partition('"')[0] for command in COMMANDS] == [
        "make demo",
        "curl -s localhost:9847/predict -d '{",
        "make test",
        "sidecar check-config",
        "sidecar run",
    ]


def test_the_demo_tells_where_its_metrics_are(start: Start) -> None:
    demo = start(COMMANDS[0], ROOT, ARGS="--web.listen-address=127.0.0.1:0 --exit-after=1s", VENV=sys.prefix)
    assert "/metrics" in demo.finish(SECONDS)


@pytest.mark.parametrize("page", [README, Page(ROOT / "docs/reference/http.md")], ids=str)
def test_the_outlier_of_the_list_is_found(page: Page, start: Start) -> None:
    [command] = [block.text for block in page.blocks("sh") if "/predict" in block.text]
    demo = start("exec sidecar demo --web.listen-address=127.0.0.1:0", ROOT)
    wait_until(lambda: "event=listening" in demo.said, "the demo to listen")
    found = re.search(r"http://([\d.]+:\d+)", demo.said)
    assert found
    told = json.loads(start(command.replace("localhost:9847", found[1]), ROOT).finish(SECONDS))
    assert told["anomaly"] == [0] * 20 + [1] + [0] * 4


def test_make_knows_how_to_test(start: Start) -> None:
    assert "scripts/test.sh" in start(COMMANDS[2], ROOT, MAKEFLAGS="--dry-run", VENV=sys.prefix).finish(SECONDS)


def test_the_configuration_that_ships_is_valid(start: Start) -> None:
    assert "config.yaml: valid" in start(COMMANDS[3], ROOT).finish(SECONDS)


def test_it_runs_until_it_is_stopped(start: Start) -> None:
    """With Prometheus away, and on a port that nobody uses."""
    running = start(f"exec {COMMANDS[4]} --web.listen-address=127.0.0.1:0", ROOT, PROMETHEUS_URL="http://127.0.0.1:9")
    wait_until(lambda: "event=listening" in running.said, "the sidecar to listen")
    running.process.send_signal(signal.SIGTERM)
    running.finish(SECONDS)
