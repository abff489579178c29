"""The whole chain, every part real: Prometheus, sidecar, Prometheus' rules, Alertmanager, a webhook."""

import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.processes import wait_until
from tests.real.servers import AlertmanagerServer, PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess
from tests.rules.loopback import Loopback, hastened

pytestmark = pytest.mark.real

RULES = Path(__file__).parents[2] / "rules/anomaly.rules.yaml"
FACTOR = 60
STEP = 15
HISTORY = 3 * 3600
HOSTS = ("db1", "db2", "db3")

CONFIG = """\
prometheus: {{url: {url}}}
evaluation_interval: 1s
offset: 1s
staleness: 30s
queries:
  - name: db_cpu
    expr: db_cpu_cores
    unit: cores
    labels: {{team: storage}}
    step: 15s
    fit_window: 90m
    fit_every: 1h
    min_history: 1h
"""


def cores(host: str, at: float) -> float:
    """CPU of a host: about 1.5, with some noise."""
    return 1.5 + random.Random(f"{host} {at:.0f}").gauss(0, 0.05)  # noqa: S311 noise, not a secret


ORDINARY = 1.5
"""Cores that each host uses, about."""


def history(now: int) -> Iterator[Sample]:
    for host in HOSTS:
        for at in range(now - HISTORY, now, STEP):
            yield {"instance": f"{host}:9100", "job": "node"}, at, cores(host, at)


def live(**extra: float) -> str:
    """The CPU of the hosts as it is scraped now: each about 1.5 cores, and what comes on top."""
    now = time.time()
    return "".join(
        f'db_cpu_cores{{instance="{host}:9100",job="node"}} {cores(host, now) + extra[host]}\n' for host in extra
    )


def scrape(name: str, url: str) -> dict[str, object]:
    target = url.removeprefix("http://")
    return {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [target]}]}


def test_an_anomaly_reaches_the_webhook_and_so_does_its_end_when_the_host_is_taken_away(  # noqa: PLR0917 fixtures come by name
    tmp_path: Path,
    wires: Loopback,
    prometheus_server: Callable[..., PrometheusServer],
    alertmanager: Callable[..., AlertmanagerServer],
    sidecar: Callable[..., SidecarProcess],
    record_property: Callable[[str, object], None],
) -> None:
    rules = tmp_path / "anomaly.rules.yaml"
    rules.write_text(hastened(RULES.read_text(), FACTOR))
    wires.exposition = lambda: live(db1=0, db2=0, db3=0)
    source = prometheus_server(
        openmetrics(db_cpu_cores=history(int(time.time()))), scrape_configs=[scrape("hosts", wires.address)]
    )
    anomalies = sidecar(CONFIG.format(url=source.url), "--web.external-url=https://sidecar.example.org/anomalies/")
    notified = alertmanager(f"http://{wires.address}/webhook")
    prometheus = prometheus_server(
        scrape_configs=[scrape("sidecar", anomalies.url)], rule_files=[rules], alertmanager=notified.url
    )
    wait_until(lambda: bool(prometheus.query("count(anomaly_flag == 0) == 3")), "all hosts to be scored")

    began = time.time()
    wires.exposition = lambda: live(db1=0, db2=60, db3=0)
    wait_until(lambda: notified_of(wires, "firing"), "the webhook to be told of the anomaly")
    record_property("seconds_from_anomaly_to_webhook", round(time.time() - began, 1))
    alert = next(alert for alert in wires.alerts("firing") if alert["labels"]["instance"] == "db2:9100")
    assert alert["labels"] == {
        "alertname": "AnomalyDetected",
        "severity": "warning",
        "anomaly_name": "db_cpu",
        "instance": "db2:9100",
        "job": "node",
        "team": "storage",
    }
    told = re.fullmatch(
        r'db_cpu\{instance="db2:9100", job="node", team="storage"\} is at 61\.\d+ cores, '
        r"expected ([\d.]+) to ([\d.]+), anomalous since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.",
        alert["annotations"]["description"],
    )
    assert told is not None, alert["annotations"]["description"]
    lower, upper = map(float, told.groups())
    assert 0 < lower < ORDINARY < upper < 5
    assert alert["annotations"]["sidecar_url"] == (
        "https://sidecar.example.org/anomalies/?anomaly_name=db_cpu&instance=db2%3A9100&job=node&team=storage"
    )

    wires.exposition = lambda: live(db1=0, db3=0)
    wait_until(lambda: notified_of(wires, "resolved"), "the webhook to be told of its end")


def notified_of(wires: Loopback, status: str) -> bool:
    return any(alert["labels"]["instance"] == "db2:9100" for alert in wires.alerts(status))
