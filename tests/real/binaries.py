"""Where the real Prometheus, promtool, Alertmanager, node_exporter and VictoriaMetrics are, and openssl."""

import os
import shutil
from pathlib import Path

import pytest

_CACHE = Path(__file__).parents[2] / ".cache"
_NAMES = {
    "PROMETHEUS_BIN": ("prometheus",),
    "PROMTOOL_BIN": ("promtool",),
    "AMTOOL_BIN": ("amtool",),
    "ALERTMANAGER_BIN": ("prometheus-alertmanager", "alertmanager"),
    "NODE_EXPORTER_BIN": ("prometheus-node-exporter", "node_exporter"),
    "OPENSSL_BIN": ("openssl",),
    "VICTORIA_METRICS_BIN": ("victoria-metrics", str(_CACHE / "victoria-metrics" / "victoria-metrics")),
}


def binary(variable: str) -> str:
    """The program an environment variable names, or else the one on PATH; a missing one fails the test."""
    named = os.environ.get(variable)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES[variable])), None)
    if found is None:
        where = f"{variable}={named}" if named else f"{' or '.join(_NAMES[variable])} on PATH"
        pytest.fail(f"needs {where}: `make test` installs it, `make test-unit` does without", pytrace=False)
    return found
