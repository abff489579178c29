"""The commands of the README, each run as it stands there."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page
from tests.real.processes import wait_until

README = Page(ROOT / "README.md")
COMMANDS = [block.text.strip() for block in README.blocks("sh") if block.notes != "no-run"]
SECONDS = 60

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in the checkout, its output in `output` of the test's directory."""
    groups: list[subprocess.Popen[bytes]] = []

    def run(command: str, **variables: str) -> "subprocess.Popen[bytes]":
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment: Mapping[str, str] = os.environ | {"PATH": path} | variables
        with (tmp_path / "output").open("wb") as sink:
            process = subprocess.Popen(
                ["/bin/sh", "-ec", command],
                cwd=ROOT,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        groups.append(process)
        return process

    yield run
    for process in groups:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_there_is_no_command_that_is_not_run_below() -> None:
    assert [command.split(" --")[0] for command in COMMANDS] == [
        "make demo",
        "make test",
        "sidecar check-config",
        "sidecar run",
    ]


def test_the_demo_tells_where_its_metrics_are(start: Start, tmp_path: Path) -> None:
    demo = start(COMMANDS[0], ARGS="--web.listen-address=127.0.0.1:0 --exit-after=1s", VENV=sys.prefix)
    assert demo.wait(SECONDS) == 0, (tmp_path / "output").read_text()
    assert "/metrics" in (tmp_path / "output").read_text()


def test_make_knows_how_to_test(start: Start, tmp_path: Path) -> None:
    plan = start(COMMANDS[1], MAKEFLAGS="--dry-run", VENV=sys.prefix)
    assert plan.wait(SECONDS) == 0, (tmp_path / "output").read_text()
    assert "-m pytest" in (tmp_path / "output").read_text()


def test_the_configuration_that_ships_is_valid(start: Start, tmp_path: Path) -> None:
    assert start(COMMANDS[2]).wait(SECONDS) == 0
    assert "config.yaml: valid" in (tmp_path / "output").read_text()


def test_it_runs_until_it_is_stopped(start: Start, tmp_path: Path) -> None:
    """With Prometheus away, and on a port that nobody uses."""
    running = start(f"exec {COMMANDS[3]} --web.listen-address=127.0.0.1:0", PROMETHEUS_URL="http://127.0.0.1:9")
    wait_until(lambda: "event=listening" in (tmp_path / "output").read_text(), "the sidecar to listen")
    running.send_signal(signal.SIGTERM)
    assert running.wait(SECONDS) == 0
