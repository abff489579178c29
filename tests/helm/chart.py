"""The chart, and the tools that render it."""

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "prometheus-anomaly-sidecar"
HELMS = ("helm3", "helm4")
SCENARIOS = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
MONITORING_CRDS = "monitoring.coreos.com/v1"

Document = dict[str, Any]


def tool(name: str) -> str:
    """A binary: named by an environment variable (HELM3), fetched by scripts/fetch-helm.sh, or on PATH."""
    fetched = ROOT / ".cache" / "helm" / name
    found = os.environ.get(name.upper()) or (str(fetched) if fetched.exists() else shutil.which(name))
    if not found:
        raise FileNotFoundError(f"{name} is missing: run scripts/fetch-helm.sh PYTHON .cache/helm")
    return found


def values_file(scenario: str) -> str:
    return str(CHART / "ci" / f"{scenario}-values.yaml")


def documents(text: str) -> list[Document]:
    return [document for document in yaml.safe_load_all(text) if document]


def template(helm: str, *arguments: str, chart: Path = CHART) -> str:
    """What `helm template` writes; the error's text is Helm's own."""
    command = [tool(helm), "template", "release", str(chart), "--namespace", "monitoring", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


@functools.cache
def rendered(helm: str, scenario: str, api_version: str = "") -> tuple[Document, ...]:
    """The documents of a scenario, rendered once a test run."""
    known = ["--api-versions", api_version] if api_version else []
    return tuple(documents(template(helm, "--values", values_file(scenario), *known)))


def of_kind(found: "tuple[Document, ...] | list[Document]", kind: str) -> Document:
    """The one document of a kind."""
    [document] = [document for document in found if document["kind"] == kind]
    return document
