import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, ROOT, Document, of_kind, rendered
from tests.real.binaries import binary
from tests.real.servers import PrometheusServer

FILES = CHART / "files"
RULES = sorted((ROOT / "rules").glob("*.rules.yaml"))
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))


def test_the_chart_brings_the_very_files_of_the_repository() -> None:
    originals = {"config.yaml": ROOT / "config.yaml"}
    originals |= {f"rules/{path.name}": path for path in RULES}
    originals |= {f"dashboards/{path.name}": path for path in DASHBOARDS}
    assert {str(path.relative_to(FILES)) for path in FILES.rglob("*") if path.is_file()} == set(originals)
    for name, path in originals.items():
        assert (FILES / name).read_bytes() == path.read_bytes(), f"{name}: run scripts/sync-chart.sh"
    assert RULES
    assert DASHBOARDS


def groups_of_the_files() -> list[Document]:
    return [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]


@pytest.mark.real
def test_the_prometheus_rule_holds_the_rules_unchanged() -> None:
    assert of_kind(rendered("helm4", "beside"), "PrometheusRule")["spec"]["groups"] == groups_of_the_files()


@pytest.mark.real
def test_alerts_can_be_labelled_left_out_and_added() -> None:
    groups = of_kind(rendered("helm4", "monitoring"), "PrometheusRule")["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    given = {rule["alert"]: rule for group in groups_of_the_files() for rule in group["rules"] if "alert" in rule}
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert alerts.keys() == given.keys() - {"AnomalySidecarAbsent"} | {"CheckoutAnomalous"}
    for name in alerts.keys() & given.keys():
        assert alerts[name]["labels"] == given[name].get("labels", {}) | {"team": "platform"}
    assert all("team" not in rule.get("labels", {}) for rule in rules if "record" in rule)


@pytest.mark.real
@pytest.mark.parametrize("scenario", ["monitoring", "beside"])
def test_promtool_accepts_the_rendered_rules(scenario: str, tmp_path: Path) -> None:
    rendered_rules = tmp_path / "rules.yaml"
    rendered_rules.write_text(yaml.safe_dump(of_kind(rendered("helm4", scenario), "PrometheusRule")["spec"]))
    done = subprocess.run(
        [binary("PROMTOOL_BIN"), "check", "rules", str(rendered_rules)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
def test_the_dashboards_are_a_config_map_that_grafana_finds() -> None:
    found = [document for document in rendered("helm4", "monitoring") if "dashboards" in document["metadata"]["name"]]
    [config_map] = found
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert config_map["metadata"]["annotations"] == {"grafana_folder": "Anomalies"}
    assert config_map["data"] == {path.name: path.read_text() for path in DASHBOARDS}
    assert sum(map(len, config_map["data"].values())) < 1_000_000  # what a ConfigMap may hold


@pytest.mark.real
def test_pods_without_an_operator_are_found_by_their_annotations() -> None:
    pod = of_kind(rendered("helm4", "annotations"), "Deployment")["spec"]["template"]
    annotations = pod["metadata"]["annotations"]
    assert {key: value for key, value in annotations.items() if key.startswith("prometheus.io/")} == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "prometheus.io/path": "/metrics",
    }
    assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == 8080


EXPOSITION = b"""\
anomaly_score{anomaly_name="node_cpu",instance="web-1:9100",job=""} 1.5
anomaly_score{anomaly_name="container_cpu",instance="",job="",namespace="shop",pod="checkout-0"} 0.5
anomaly_sidecar_series{anomaly_name="node_cpu",state="ok"} 1
process_cpu_seconds_total 1
"""


@pytest.fixture
def exporter() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(EXPOSITION)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def snake_case(relabelings: list[Document]) -> list[Document]:
    """Relabelings of the operator's objects in the words of Prometheus' own configuration."""
    return [{re.sub("([A-Z])", r"_\1", key).lower(): value for key, value in one.items()} for one in relabelings]


def scrape_config(endpoint: Document, target: str) -> Document:
    """What the operator makes of an endpoint: target labels first, the relabelings after them."""
    labels = ("namespace", "pod", "container", "service", "endpoint")
    return {
        "job_name": "serviceMonitor/monitoring/anomalies/0",
        "honor_labels": endpoint["honorLabels"],
        "metrics_path": endpoint["path"],
        "static_configs": [{"targets": [target], "labels": {label: f"own-{label}" for label in labels}}],
        "relabel_configs": snake_case(endpoint["relabelings"]),
        "metric_relabel_configs": snake_case(endpoint["metricRelabelings"]),
    }


@pytest.mark.real
def test_series_keep_the_labels_of_their_source_and_the_sidecar_those_of_its_pod(
    prometheus_server: Callable[..., PrometheusServer], exporter: str
) -> None:
    monitor = of_kind(rendered("helm4", "monitoring"), "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    prometheus = prometheus_server(scrape_configs=[scrape_config(endpoint, exporter)])
    prometheus.wait_for("process_cpu_seconds_total")

    def labels(expr: str) -> list[dict[str, Any]]:
        results = [result["metric"] for result in prometheus.query(expr)]
        return [{key: value for key, value in metric.items() if key != "__name__"} for metric in results]

    container, node = sorted(labels("anomaly_score"), key=lambda metric: str(metric["anomaly_name"]))
    added = {"cluster": "west"}
    assert container == added | {"anomaly_name": "container_cpu", "namespace": "shop", "pod": "checkout-0"}
    assert node == added | {"anomaly_name": "node_cpu", "instance": "web-1:9100"}
    own = {label: f"own-{label}" for label in ("namespace", "pod", "container", "service", "endpoint")}
    own |= added | {"job": "anomaly-sidecar", "instance": exporter}
    assert labels("process_cpu_seconds_total") == [own]
    assert labels("anomaly_sidecar_series") == [own | {"anomaly_name": "node_cpu", "state": "ok"}]
    assert labels("up")[0]["job"] == "anomaly-sidecar"
