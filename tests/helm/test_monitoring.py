import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
import yaml

from tests.docs.pages import Page
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
    assert alerts.keys() == given.keys() - {"AnomalySidecarAbsent"} | {"CheckoutAnomalous", "BasketAnomalous"}
    for name in alerts.keys() & given.keys():
        assert alerts[name]["labels"] == given[name].get("labels", {}) | {"team": "platform"}
    assert alerts["CheckoutAnomalous"]["labels"] == {"team": "platform", "severity": "critical"}
    assert alerts["BasketAnomalous"]["labels"] == {"team": "basket"}
    records = [rule for rule in rules if "record" in rule]
    assert records[-1]["record"] == "anomaly:baskets"
    assert all("team" not in rule.get("labels", {}) for rule in records)


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
        "prometheus.io/job": "anomaly-sidecar",
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


def labels_of(prometheus: PrometheusServer, expr: str) -> list[Document]:
    """The labels of the series of a query, without the name of the metric."""
    results = [result["metric"] for result in prometheus.query(expr)]
    found = [{key: value for key, value in metric.items() if key != "__name__"} for metric in results]
    return sorted(found, key=lambda metric: sorted(metric.items()))


@pytest.mark.real
def test_series_keep_the_labels_of_their_source_and_the_sidecar_those_of_its_pod(
    prometheus_server: Callable[..., PrometheusServer], exporter: str
) -> None:
    monitor = of_kind(rendered("helm4", "monitoring"), "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    prometheus = prometheus_server(scrape_configs=[scrape_config(endpoint, exporter)])
    prometheus.wait_for("process_cpu_seconds_total")

    def labels(expr: str) -> list[Document]:
        return labels_of(prometheus, expr)

    container, node = labels("anomaly_score")
    added = {"cluster": "west"}
    assert container == added | {"anomaly_name": "container_cpu", "namespace": "shop", "pod": "checkout-0"}
    assert node == added | {"anomaly_name": "node_cpu", "instance": "web-1:9100"}
    own = {label: f"own-{label}" for label in ("namespace", "pod", "container", "service", "endpoint")}
    own |= added | {"job": "anomaly-sidecar", "instance": exporter}
    assert labels("process_cpu_seconds_total") == [own]
    assert labels("anomaly_sidecar_series") == [own | {"anomaly_name": "node_cpu", "state": "ok"}]
    assert labels("up")[0]["job"] == "anomaly-sidecar"


def discovered(address: str, **meta: str) -> Document:
    """A target as Prometheus finds a container's port in Kubernetes."""
    given = {
        "namespace": "monitoring",
        "pod_phase": "Running",
        "pod_label_app": "anomalies",
        "pod_node_name": "a",
    } | meta
    return {"targets": [address], "labels": {f"__meta_kubernetes_{name}": value for name, value in given.items()}}


def with_targets(job: Document, targets: list[Document]) -> Document:
    """A scrape job that is given what it would have found."""
    return {key: value for key, value in job.items() if key != "kubernetes_sd_configs"} | {"static_configs": targets}


@pytest.mark.real
def test_annotated_pods_have_a_job_that_keeps_their_labels_off_the_series(
    prometheus_server: Callable[..., PrometheusServer], exporter: str
) -> None:
    pod = of_kind(rendered("helm4", "annotations"), "Deployment")["spec"]["template"]
    annotations = {
        f"pod_annotation_{re.sub('[./]', '_', key)}": value
        for key, value in pod["metadata"]["annotations"].items()
        if key.startswith("prometheus.io/")
    } | {"pod_annotation_prometheus_io_path": "/anomalies/metrics"}
    container = pod["spec"]["containers"][0]["name"]
    second = exporter.replace("127.0.0.1", "localhost")
    targets = [
        discovered(exporter, pod_name="anomalies-a", pod_container_name=container, **annotations),
        discovered(second, pod_name="anomalies-b", pod_container_name=container, **annotations),
        discovered("127.0.0.1:1", pod_name="anomalies-a", pod_container_name="proxy", **annotations),
        discovered(
            "127.0.0.1:2", pod_name="old", pod_container_name=container, **annotations | {"pod_phase": "Failed"}
        ),
        discovered("127.0.0.1:3", pod_name="other", pod_container_name=container),
    ]
    [job] = yaml.safe_load((CHART / "scrape-job.yaml").read_text())["scrape_configs"]
    assert job["kubernetes_sd_configs"] == [{"role": "pod"}]
    [kept_out] = [
        yaml.safe_load(block.text)["relabel_configs"]
        for block in Page(ROOT / "docs/how-to/kubernetes.md").blocks("yaml")
        if "relabel_configs" in block.text
    ]
    others = {"job_name": "kubernetes-pods", "static_configs": targets[:3], "relabel_configs": kept_out}
    prometheus = prometheus_server(scrape_configs=[with_targets(job, targets), others])
    prometheus.wait_for("count(process_cpu_seconds_total) == 2")

    assert labels_of(prometheus, "anomaly_score") == [
        {"anomaly_name": "container_cpu", "namespace": "shop", "pod": "checkout-0"},
        {"anomaly_name": "node_cpu", "instance": "web-1:9100"},
    ]
    own = [
        {"job": "anomaly-sidecar", "namespace": "monitoring"} | one
        for one in (
            {"instance": exporter, "pod": "anomalies-a"},
            {"instance": second, "pod": "anomalies-b"},
        )
    ]
    assert labels_of(prometheus, "process_cpu_seconds_total") == own
    for up, one in zip(labels_of(prometheus, "up"), own, strict=True):
        assert up == {key if key in {"job", "instance"} else f"anomaly_sidecar_{key}": one[key] for key in one}
    answer = requests.get(f"{prometheus.url}/api/v1/targets?state=active", timeout=10).json()
    scraped = {target["scrapeUrl"] for target in answer["data"]["activeTargets"]}
    assert scraped == {f"http://{address}/anomalies/metrics" for address in (exporter, second)}
