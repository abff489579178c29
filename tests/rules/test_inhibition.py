"""What the example mutes, asked of a real Alertmanager."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml

from tests.real.processes import wait_until
from tests.real.servers import AlertmanagerServer

pytestmark = pytest.mark.real

EXAMPLE = Path(__file__).parents[2] / "rules/alertmanager.example.yaml"

MUTED, HEARD = "suppressed", "active"

ALERTS = [
    # One replica without new results, which mutes nothing that another may have found.
    (HEARD, "AnomalySidecarResultsStale", {"anomaly_name": "stale", "instance": "a:9847", "job": "sidecar"}),
    (HEARD, "AnomalyDetected", {"anomaly_name": "stale", "instance": "db-1"}),
    (HEARD, "AnomalyInWorkload", {"anomaly_name": "stale", "namespace": "shop", "workload": "api"}),
    # One alert for all series of a team, and no other team muted.
    (HEARD, "AnomalyWidespread", {"anomaly_name": "shared", "team": "web"}),
    (MUTED, "AnomalyDetected", {"anomaly_name": "shared", "team": "web", "instance": "db-1"}),
    (HEARD, "AnomalyInWorkload", {"anomaly_name": "shared", "team": "data", "namespace": "n", "workload": "etl"}),
    # One alert for a query that is anomalous in many places.
    (HEARD, "AnomalyWidespread", {"anomaly_name": "wide"}),
    (MUTED, "AnomalyInWorkload", {"anomaly_name": "wide", "namespace": "shop", "workload": "api"}),
    (MUTED, "AnomalyPersists", {"anomaly_name": "wide", "instance": "db-1"}),
    (MUTED, "AnomalySeriesVanished", {"anomaly_name": "wide", "instance": "db-2"}),
    # One alert for a workload, and no other workload muted.
    (HEARD, "AnomalyInWorkload", {"anomaly_name": "pods", "namespace": "shop", "workload": "api"}),
    (MUTED, "AnomalyDetected", {"anomaly_name": "pods", "namespace": "shop", "workload": "api", "pod": "api-1"}),
    (HEARD, "AnomalyDetected", {"anomaly_name": "pods", "namespace": "shop", "workload": "db", "pod": "db-1"}),
    (HEARD, "AnomalyDetected", {"anomaly_name": "pods", "namespace": "test", "workload": "api", "pod": "api-1"}),
    # A long episode of one host, and no other host muted.
    (HEARD, "AnomalyPersists", {"anomaly_name": "hosts", "instance": "long", "job": "node"}),
    (MUTED, "AnomalyDetected", {"anomaly_name": "hosts", "instance": "long", "job": "node"}),
    (HEARD, "AnomalyDetected", {"anomaly_name": "hosts", "instance": "short", "job": "node"}),
    # Of the sidecar's own alerts, the cause.
    (HEARD, "AnomalySidecarDown", {"instance": "b:9847", "job": "sidecar"}),
    (MUTED, "AnomalySidecarAbsent", {}),
    (HEARD, "AnomalySidecarPrometheusUnreachable", {"instance": "c:9847", "job": "sidecar"}),
    (MUTED, "AnomalySidecarResultsStale", {"anomaly_name": "q", "instance": "c:9847", "job": "sidecar"}),
    (MUTED, "AnomalySidecarEvaluationsFailing", {"anomaly_name": "q", "instance": "c:9847", "job": "sidecar"}),
]


def test_the_wider_alert_mutes_the_narrower_and_nothing_else(alertmanager: Callable[..., AlertmanagerServer]) -> None:
    server = alertmanager(config=yaml.safe_load(EXAMPLE.read_text()))
    posted = [{"labels": {"alertname": name, **labels}} for _, name, labels in ALERTS]
    requests.post(f"{server.url}/api/v2/alerts", json=posted, timeout=10).raise_for_status()
    wait_until(lambda: len(server.alerts()) == len(posted), "the alerts to arrive")

    expected = {frozenset({"alertname": name, **labels}.items()): state for state, name, labels in ALERTS}

    def states() -> dict[frozenset[tuple[str, str]], str]:
        return {frozenset(alert["labels"].items()): alert["status"]["state"] for alert in server.alerts()}

    wait_until(lambda: states() == expected, "the alerts to be muted")
