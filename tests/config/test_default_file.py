"""The configuration at the top of the repository: valid as it is, and its expressions do what its comments say."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from sidecar.config.checks import USUAL_STEPS
from sidecar.config.load import load, parse
from sidecar.config.schema import Config, QueryConfig

FILE = Path(__file__).parents[2] / "config.yaml"

WORKLOADS = {
    "checkout-6d4b75cb6d-x7k2p": "checkout",
    "payment-api-v2-7c9f8b6d5f-2kz9w": "payment-api-v2",
    "short-hash-5f4dd8-bcdfg": "short-hash",
    "postgres-0": "postgres",
    "kafka-broker-12": "kafka-broker",
    "node-exporter-9hvkt": "node-exporter",
    "fluent-bit-vwxz2": "fluent-bit",
    "backup-29381760-4jq8n": "backup",
    "migrate-once-7wq2r": "migrate-once",
    "my-nginx": "my-nginx",
    "kube-proxy": "kube-proxy",
    "standalone": "standalone",
}


@pytest.fixture(scope="module")
def config() -> Config:
    return load(FILE, {})


def query(config: Config, name: str) -> QueryConfig:
    return next(query for query in config.queries if query.name == name)


def test_is_valid_and_asks_the_prometheus_of_this_machine(config: Config) -> None:
    assert config.prometheus.url == "http://localhost:9090"
    assert [query.name for query in config.queries] == [
        "node_cpu", "container_cpu", "container_cpu_throttling", "process_cpu",
    ]  # fmt: skip


def test_keeps_every_series_small(config: Config) -> None:
    assert all(query.fit_window // query.step <= USUAL_STEPS for query in config.queries)


def owner_variant() -> QueryConfig:
    """The query that stands commented out, as somebody would get it who removes the marks."""
    text = FILE.read_text()
    commented = re.search(r"^  # - name: container_cpu\n(?:  # .*\n)+", text, re.MULTILINE)
    assert commented
    lines = re.sub(r"^  # ", "  ", commented[0], flags=re.MULTILINE)
    return parse("prometheus: {url: http://a}\nqueries:\n" + lines, "F", {}).queries[0]


def test_every_commented_key_is_valid_where_it_stands() -> None:
    text = re.sub(r"^  # (timeout|max_c|basic|tls|http)", r"  \1", FILE.read_text(), flags=re.MULTILINE)
    assert parse(text, "F", {}).prometheus.http_headers


def series(metric: str, labels: dict[str, str], rate: float) -> dict[str, str]:
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{inside}}}", "values": f"0+{rate * 60:g}x20"}


def container(pod: str, container: str = "app", image: str = "registry/app:1", **labels: str) -> dict[str, str]:
    return {"namespace": "shop", "pod": pod, "container": container, "image": image, **labels}


def promtool(directory: Path, expression: str, given: list[dict[str, str]], expected: dict[str, float]) -> None:
    """Has a real Prometheus evaluate an expression; each expected sample by its label set."""
    tests = directory / "tests.yaml"
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    test = {"eval_time": "15m", "expr": expression, "exp_samples": samples}
    content = {"rule_files": [], "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [test]}]}
    tests.write_text(yaml.safe_dump(content))
    run = subprocess.run(["promtool", "test", "rules", str(tests)], capture_output=True, text=True, check=False)  # noqa: S607
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.real
def test_container_cpu_names_the_workload_of_every_pod(config: Config, tmp_path: Path) -> None:
    metric = "container_cpu_usage_seconds_total"
    given = [series(metric, container(pod), 0.5) for pod in WORKLOADS]
    given += [
        series(metric, container("postgres-0", container="", image=""), 0.5),
        series(metric, container("postgres-0", container="POD"), 0.5),
        series(metric, container("postgres-0", container="pause", image="registry.k8s.io/pause:3.9"), 0.5),
        series(metric, container("postgres-0", container="sandbox", image="rancher/mirrored-pause@sha256:1"), 0.5),
    ]
    expected = {
        f'{{namespace="shop", pod="{pod}", container="app", workload="{workload}"}}': 0.5
        for pod, workload in WORKLOADS.items()
    }
    promtool(tmp_path, query(config, "container_cpu").expr, given, expected)


@pytest.mark.real
def test_the_commented_variant_follows_the_owners(tmp_path: Path) -> None:
    metric = "container_cpu_usage_seconds_total"
    pods = {
        "checkout-6d4b75cb6d-x7k2p": ("ReplicaSet", "checkout-6d4b75cb6d", "checkout"),
        "postgres-0": ("StatefulSet", "postgres", "postgres"),
        "node-exporter-9hvkt": ("DaemonSet", "node-exporter", "node-exporter"),
        "migrate-7wq2r": ("Job", "migrate", "migrate"),
    }
    given = [series(metric, container(pod), 0.5) for pod in pods]
    given += [
        {
            "series": f'kube_pod_owner{{namespace="shop", pod="{pod}", owner_kind="{kind}", owner_name="{owner}"}}',
            "values": "1x20",
        }
        for pod, (kind, owner, _) in pods.items()
    ]
    given.append(
        {
            "series": 'kube_replicaset_owner{namespace="shop", replicaset="checkout-6d4b75cb6d", '
            'owner_kind="Deployment", owner_name="checkout"}',
            "values": "1x20",
        }
    )
    expected = {
        f'{{namespace="shop", pod="{pod}", container="app", workload="{workload}"}}': 0.5
        for pod, (_, _, workload) in pods.items()
    }
    promtool(tmp_path, owner_variant().expr, given, expected)


@pytest.mark.real
def test_node_cpu_is_the_busy_share_of_a_machine(config: Config, tmp_path: Path) -> None:
    metric = "node_cpu_seconds_total"
    given = [
        series(metric, {"instance": "a", "cpu": cpu, "mode": mode}, rate)
        for cpu, idle in (("0", 0.9), ("1", 0.5))
        for mode, rate in (("idle", idle), ("user", 1 - idle))
    ]
    promtool(tmp_path, f"round({query(config, 'node_cpu').expr}, 0.001)", given, {'{instance="a"}': 0.3})


@pytest.mark.real
def test_throttling_is_the_share_of_periods(config: Config, tmp_path: Path) -> None:
    given = []
    for pod, periods in (("api-6d4b75cb6d-x7k2p", 10.0), ("idle", 0.0)):
        given.append(series("container_cpu_cfs_periods_total", container(pod), periods))
        given.append(series("container_cpu_cfs_throttled_periods_total", container(pod), periods / 4))
    expected = {'{namespace="shop", pod="api-6d4b75cb6d-x7k2p", container="app", workload="api"}': 0.25}
    promtool(tmp_path, query(config, "container_cpu_throttling").expr, given, expected)


@pytest.mark.real
def test_process_cpu_is_the_cores_of_a_process(config: Config, tmp_path: Path) -> None:
    given = [series("process_cpu_seconds_total", {"job": "api", "instance": "a"}, 1.5)]
    promtool(tmp_path, query(config, "process_cpu").expr, given, {'{job="api", instance="a"}': 1.5})
