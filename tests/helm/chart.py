"""The chart, and the tools that render it."""

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "prometheus-anomaly-sidecar"
HELMS = ("helm3", "helm4")
SCENARIOS = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
MONITORING_CRDS = "monitoring.coreos.com/v1"

Document = dict[str, Any]


def tool(name: str) -> str:
    """A binary: the one an environment variable names (HELM3_BIN), or what scripts/fetch-helm.sh fetched."""
    variable = f"{name.upper()}_BIN"
    found = shutil.which(os.environ.get(variable, ROOT / ".cache" / "helm" / name))
    if found is None:
        pytest.fail(f"needs {name}: `make test` fetches it, {variable} names another", pytrace=False)
    return found


def setting(*values: str) -> list[str]:
    """The arguments that set values."""
    return [part for value in values for part in ("--set", value)]


def values_file(scenario: str) -> str:
    return str(CHART / "ci" / f"{scenario}-values.yaml")


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is written twice, as kustomize and stricter readers than Helm do."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"written twice: {sorted(twice)}", node.start_mark)
        super().flatten_mapping(node)


def documents(text: str) -> list[Document]:
    """The documents of a text; an error where a key is written twice."""
    return [document for document in yaml.load_all(text, _StrictLoader) if document]


def template(helm: str, *arguments: str, chart: Path = CHART, release: str = "release") -> str:
    """What `helm template` writes; the error's text is Helm's own."""
    command = [tool(helm), "template", release, str(chart), "--namespace", "monitoring", *arguments]
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
