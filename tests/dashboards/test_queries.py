"""Every query of the dashboards on a real Prometheus that has scraped what the sidecar exports."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.dashboards.files import DASHBOARDS, panels
from tests.dashboards.fleet import QUERY, exposition
from tests.real.servers import PrometheusServer
from tests.rules.loopback import loopback

pytestmark = pytest.mark.real

SELECTED = {
    "$__rate_interval": "4s",
    "$__range": "1m",
    "$anomaly_name": QUERY,
    "$namespace": "shop",
    "$workload": ".*",
    "$pod": "api-2|api-1",
    "$instance": ".*",
}


def selected(expr: str) -> str:
    for variable, value in SELECTED.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr
    return expr


@pytest.fixture
def scraped(prometheus_server: Callable[..., PrometheusServer]) -> Iterator[PrometheusServer]:
    with loopback() as wires:
        wires.exposition = exposition()
        scrape = {"job_name": "s", "honor_labels": True, "static_configs": [{"targets": [wires.address]}]}
        prometheus = prometheus_server(scrape_configs=[scrape], interval="500ms")
        prometheus.wait_for("count_over_time(anomaly_sidecar_build_info[1m]) >= 4")
        yield prometheus


def ask(prometheus: PrometheusServer, target: dict[str, Any]) -> list[dict[str, Any]]:
    """What the panel would get: a vector, or a matrix of the last seconds."""
    if target["instant"]:
        return prometheus.query(selected(target["expr"]))
    now = time.time()
    form = {"query": selected(target["expr"]), "start": now - 3, "end": now, "step": 1}
    answer = requests.post(f"{prometheus.url}/api/v1/query_range", data=form, timeout=10)
    answer.raise_for_status()
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def label_values(prometheus: PrometheusServer, query: str) -> list[str]:
    of = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert of is not None
    url = f"{prometheus.url}/api/v1/label/{of[2]}/values"
    values: list[str] = requests.get(url, params={"match[]": selected(of[1])}, timeout=10).json()["data"]
    return values


def test_every_variable_and_every_query_returns_data(scraped: PrometheusServer) -> None:
    for name, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"][1:]:
            assert label_values(scraped, variable["query"]), (name, variable["name"])
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                result = ask(scraped, target)
                where = (name, panel["title"], target["expr"])
                assert result, where
                values = [value for row in result for _, value in row.get("values", [row.get("value")])]
                assert set(values) != {"NaN"}, where
                for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
                    assert any(label in row["metric"] for row in result), (*where, label)
