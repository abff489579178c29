import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.config.load import parse
from tests.real.binaries import binary

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose" / name).read_text())
    return content


def docker_compose() -> str:
    named = os.environ.get("DOCKER_COMPOSE_BIN", ROOT / ".cache" / "compose" / "docker-compose")
    found = shutil.which(named)
    if found is None:
        pytest.fail("needs docker-compose: `make test` fetches it, DOCKER_COMPOSE_BIN names another", pytrace=False)
    return found


def check(text: str, directory: Path) -> str:
    """What Docker Compose says to a file: nothing if it is valid."""
    file = directory / "compose.yaml"
    file.write_text(text)
    command = [
        docker_compose(),
        "--file",
        str(file),
        "--project-directory",
        str(ROOT),
        "--profile",
        "*",
        "config",
        "-q",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.mark.real
def test_compose_accepts_the_file(tmp_path: Path) -> None:
    assert check((ROOT / "compose.yaml").read_text(), tmp_path) == ""


@pytest.mark.real
def test_compose_would_refuse_a_typo(tmp_path: Path) -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert "mem_limitt is not allowed" in check(text.replace("mem_limit:", "mem_limitt:"), tmp_path)


def test_it_is_the_whole_chain() -> None:
    assert {"sidecar", "prometheus", "alertmanager", "grafana", "node_exporter"} <= SERVICES.keys()


def test_every_mounted_file_exists() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [source for source, *_ in mounts if source.startswith("./")]
    assert len(files) >= 7
    for file in files:
        assert (ROOT / file).exists(), file
    for source, _, *mode in mounts:
        assert source in COMPOSE["volumes"] or mode[0].startswith("ro"), source


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_sidecar_needs_no_rights_and_no_disk() -> None:
    service = SERVICES["sidecar"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_image_is_of_a_version() -> None:
    for name, service in SERVICES.items():
        assert name == "sidecar" or service["image"].rpartition(":")[2][-1].isdigit(), service["image"]


def test_the_sidecar_accepts_its_configuration() -> None:
    config = parse((ROOT / "compose" / "sidecar.yaml").read_text(), "sidecar.yaml", {})
    assert config.prometheus.url == "http://prometheus:9090"


@pytest.mark.real
def test_prometheus_accepts_its_configuration_with_the_rules_where_they_are_mounted(tmp_path: Path) -> None:
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["prometheus"]["volumes"])
    for source, target in mounts.items():
        if source.startswith("./"):
            place = tmp_path / target.removeprefix("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    config = tmp_path / "etc" / "prometheus" / "prometheus.yaml"
    command = [binary("PROMTOOL_BIN"), "check", "config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len(list((ROOT / "rules").glob("*.rules.yaml")))


def test_prometheus_keeps_the_labels_of_the_series_and_reaches_every_service() -> None:
    jobs = {job["job_name"]: job for job in read("prometheus.yaml")["scrape_configs"]}
    assert jobs["anomaly-sidecar"]["honor_labels"] is True
    targets = [target for job in jobs.values() for config in job["static_configs"] for target in config["targets"]]
    assert {target.rpartition(":")[0] for target in targets} - {"localhost"} <= SERVICES.keys()


@pytest.mark.real
def test_alertmanager_accepts_its_configuration() -> None:
    command = [binary("AMTOOL_BIN"), "check-config", str(ROOT / "compose" / "alertmanager.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_is_given_the_dashboards_and_where_their_data_is() -> None:
    [source] = read("grafana/datasources/prometheus.yaml")["datasources"]
    [provider] = read("grafana/dashboards/files.yaml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert mounts["./dashboards"] == provider["options"]["path"]
    assert list((ROOT / "dashboards").glob("*.json"))
