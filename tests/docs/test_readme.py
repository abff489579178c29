"""The commands of the README, each run as it stands there."""

import signal
import sys

from tests.docs.conftest import Start
from tests.docs.pages import ROOT, Page
from tests.real.processes import wait_until

README = Page(ROOT / "README.md")
COMMANDS = [block.text.strip() for block in README.blocks("sh") if block.notes != "no-run"]
SECONDS = 60


def test_there_is_no_command_that_is_not_run_below() -> None:
    assert [command.split(" --")[0] for command in COMMANDS] == [
        "make demo",
        "make test",
        "sidecar check-config",
        "sidecar run",
    ]


def test_the_demo_tells_where_its_metrics_are(start: Start) -> None:
    demo = start(COMMANDS[0], ROOT, ARGS="--web.listen-address=127.0.0.1:0 --exit-after=1s", VENV=sys.prefix)
    assert "/metrics" in demo.finish(SECONDS)


def test_make_knows_how_to_test(start: Start) -> None:
    assert "scripts/test.sh" in start(COMMANDS[1], ROOT, MAKEFLAGS="--dry-run", VENV=sys.prefix).finish(SECONDS)


def test_the_configuration_that_ships_is_valid(start: Start) -> None:
    assert "config.yaml: valid" in start(COMMANDS[2], ROOT).finish(SECONDS)


def test_it_runs_until_it_is_stopped(start: Start) -> None:
    """With Prometheus away, and on a port that nobody uses."""
    running = start(f"exec {COMMANDS[3]} --web.listen-address=127.0.0.1:0", ROOT, PROMETHEUS_URL="http://127.0.0.1:9")
    wait_until(lambda: "event=listening" in running.said, "the sidecar to listen")
    running.process.send_signal(signal.SIGTERM)
    running.finish(SECONDS)
