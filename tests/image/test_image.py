"""The image, built from the Dockerfile and run: it scrapes a real Prometheus and serves what it finds."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import sidecar
from tests.real.processes import answers, free_port, wait_until
from tests.real.servers import PrometheusServer, openmetrics
from tests.real.test_main_job import CONFIG, STEP, ec2_cpu

pytestmark = [pytest.mark.real, pytest.mark.image]

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / ".cache" / "image"
IMAGE = "localhost/anomaly-sidecar:test"
LARGEST = 400e6
"""Bytes unpacked, with a stand-in below it that is larger than the official base image."""

HARDENED = [
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--ulimit=nofile=1024:4096",
    "--ulimit=nproc=1024:1024",
]


def as_root(*command: str | Path) -> subprocess.CompletedProcess[str]:
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)


def podman(*arguments: str) -> str:
    storage = [f"--root={DIRECTORY / 'storage'}", f"--runroot={DIRECTORY / 'run'}"]
    done = as_root("podman", *storage, "--runtime=runc", "--cgroup-manager=cgroupfs", *arguments)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    done = as_root(ROOT / "scripts" / "image-test.sh", DIRECTORY)
    assert done.returncode == 0, done.stdout + done.stderr
    return IMAGE


@pytest.fixture
def run(image: str) -> Iterator[Callable[..., str]]:
    """Starts a container; the arguments go before the image's name and after it."""
    containers: list[str] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> str:
        containers.append(podman("run", "--detach", *HARDENED, *options, image, *command))
        return containers[-1]

    yield start
    for container in containers:
        podman("rm", "--force", "--time=0", container)


def inspected(kind: str, name: str) -> dict[str, Any]:
    [found] = json.loads(podman(kind, "inspect", name))
    assert isinstance(found, dict)
    return found


def test_the_image_is_small_and_says_what_it_is(image: str) -> None:
    found = inspected("image", image)
    config = found["Config"]
    assert found["Size"] < LARGEST
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["sidecar"]
    assert config["ExposedPorts"] == {"9847/tcp": {}}
    assert found["Healthcheck"]["Test"][0] == "CMD"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["version"] == sidecar.__version__
    assert labels["licenses"] == "Apache-2.0"
    assert {"title", "description", "source", "revision"} <= labels.keys()


def test_it_finds_the_anomaly_of_a_real_prometheus_and_stops_when_told(
    run: Callable[..., str], prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    now = int(time.time()) // STEP * STEP
    history = prometheus_server(openmetrics(ec2_cpu_utilization=ec2_cpu(now)))
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(url=history.url))
    config.chmod(0o644)
    port = free_port()
    container = run(
        "--network=host",
        f"--volume={config}:/etc/sidecar/config.yaml:ro",
        command=("run", "--config.file=/etc/sidecar/config.yaml", f"--web.listen-address=127.0.0.1:{port}"),
    )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/-/ready"), f"the container to be ready: {podman('logs', container)}")
    flagged = 'anomaly_flag{anomaly_name="ec2_cpu",instance="i-2",job="ec2",zone="eu-1"} 1'
    wait_until(lambda: flagged in requests.get(f"{url}/metrics", timeout=10).text, "the anomaly to be flagged")
    podman("stop", "--time=10", container)
    assert inspected("container", container)["State"]["ExitCode"] == 0


def test_as_it_comes_it_is_healthy_and_waits_for_a_prometheus(run: Callable[..., str]) -> None:
    container = run("--network=none")

    def healthy() -> bool:
        try:
            podman("healthcheck", "run", container)
        except AssertionError:
            return False
        return True

    wait_until(healthy, "the health check to succeed")
    assert inspected("container", container)["State"]["Running"]


def test_the_version_is_that_of_the_package(run: Callable[..., str]) -> None:
    container = run(command=("--version",))
    podman("wait", container)
    assert podman("logs", container).endswith(sidecar.__version__)
