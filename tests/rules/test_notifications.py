"""Few notifications for many anomalies: real Prometheus, real Alertmanager, the rules and the example as they are."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.real.processes import wait_until
from tests.real.servers import AlertmanagerServer, PrometheusServer
from tests.rules.loopback import Loopback, hastened

pytestmark = pytest.mark.real

RULES = Path(__file__).parents[2] / "rules"

FACTOR = 120
"""Two minutes of the rules are a second of the test."""

FLEETS = {"in_fifty_workloads": 50, "in_five_workloads": 5}
SERIES = 500


def exposition(flag: int) -> str:
    series = (
        f'{{anomaly_name="{name}",namespace="shop",workload="workload-{pod % workloads}",pod="pod-{pod}"}}'
        for name, workloads in FLEETS.items()
        for pod in range(SERIES)
    )
    return "".join(f"anomaly_value{labels} 3.1\nanomaly_flag{labels} {flag}\n" for labels in series)


def test_a_shift_of_500_series_sends_at_most_ten_notifications_from_firing_to_resolved(
    tmp_path: Path,
    wires: Loopback,
    prometheus_server: Callable[..., PrometheusServer],
    alertmanager: Callable[..., AlertmanagerServer],
) -> None:
    rules = tmp_path / "anomaly.rules.yaml"
    rules.write_text(hastened((RULES / "anomaly.rules.yaml").read_text(), FACTOR))
    example = (RULES / "alertmanager.example.yaml").read_text()
    example = example.replace("https://alerts.example.org", f"http://{wires.address}")
    notified = alertmanager(config=yaml.safe_load(hastened(example, FACTOR)))
    prometheus = prometheus_server(
        scrape_configs=[{"job_name": "s", "honor_labels": True, "static_configs": [{"targets": [wires.address]}]}],
        rule_files=[rules],
        alertmanager=notified.url,
        interval="500ms",
    )

    wires.exposition = lambda: exposition(flag=0)
    prometheus.wait_for("count(anomaly_flag == 0) == 1000")
    wires.exposition = lambda: exposition(flag=1)
    wait_until(lambda: len(notified.alerts()) >= SERIES * len(FLEETS), "every series to alert")
    wait_until(lambda: notified_of(wires, "firing") == FLEETS.keys(), "a notification of each fleet")
    wires.exposition = lambda: exposition(flag=0)
    wait_until(lambda: notified_of(wires, "resolved") == FLEETS.keys(), "each fleet to be resolved")
    wait_until(lambda: not notified.alerts(), "no alert to be left")

    sent = Counter(notification["groupLabels"]["anomaly_name"] for notification in wires.notifications)
    assert max(sent.values()) <= 10, sent
    assert {alert["labels"]["alertname"] for alert in wires.alerts("firing")} == {
        "AnomalyWidespread",
        "AnomalyInWorkload",
    }


def notified_of(wires: Loopback, status: str) -> set[str]:
    return {alert["labels"]["anomaly_name"] for alert in wires.alerts(status)}
