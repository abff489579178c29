import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sidecar.cli import main
from sidecar.config.load import parse
from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import Scope
from sidecar.estimate import Cost, cost_of, report
from tests.prometheus.raw_server import http, raw_server
from tests.real.fleet import cpu, newest_step
from tests.real.servers import PrometheusServer, openmetrics

NOW = 1_700_000_040
QUERY = QueryConfig.model_validate({"name": "cpu", "expr": "cpu", "step": "1m", "fit_window": "1d"})
CONFIG = """\
prometheus: {{url: "{url}"}}
offset: 0s
queries:
  - {{name: cpu, expr: "cpu # of all", step: 1m, fit_window: 1d}}
  - {{name: load, expr: load, max_series: 10, step: 1m, fit_window: 1d}}
"""


def count(number: str) -> bytes:
    result = [{"metric": {}, "values": [[NOW, number]]}] if number else []
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@given(st.integers(1, 500), st.integers(1, 500))
def test_costs_add_up(some: int, more: int) -> None:
    together, apart = cost_of(QUERY, "UTC", some + more), cost_of(QUERY, "UTC", some) + cost_of(QUERY, "UTC", more)
    assert (together.series, together.first_samples) == (apart.series, apart.first_samples)
    assert (together.memory, together.cores, together.samples) == pytest.approx(
        (apart.memory, apart.cores, apart.samples)
    )


def test_one_sample_a_step_is_fetched_and_the_lookback_at_the_start() -> None:
    cost = cost_of(QUERY, "UTC", 60)
    assert cost.samples == 1
    assert cost.first_samples > 60 * 1440


def test_siblings_cost_less() -> None:
    alone, siblings = (cost_of(QUERY.model_copy(update={"scope": scope}), "UTC", 100) for scope in Scope)
    assert siblings.memory < alone.memory
    assert siblings.cores < alone.cores


def test_the_series_of_each_query_are_counted() -> None:
    with raw_server(http(200, count("600")), http(200, count("12"))) as server:
        lines = list(report(parse(CONFIG.format(url=server.url), "F", {}), NOW))
    assert lines[0] == f"cpu: {cost_of(QUERY, 'UTC', 600)}"
    assert lines[1] == f"load: {cost_of(QUERY, 'UTC', 10)} (12 found, the others are beyond max_series)"
    assert lines[2].startswith("total: 610 series, ")
    assert "query=count%28cpu+%23+of+all%0A%29" in server.seen[0].body


def test_a_query_without_series_costs_nothing() -> None:
    with raw_server(http(200, count(""))) as server:
        lines = list(report(parse(CONFIG.format(url=server.url), "F", {}), NOW))
    assert lines[0] == f"cpu: {Cost()}"


def test_a_prometheus_that_is_away_is_told(tmp_path: Path) -> None:
    with raw_server(http(404, b"")) as server:
        file = tmp_path / "config.yaml"
        file.write_text(CONFIG.format(url=server.url))
        result = CliRunner().invoke(main, ["check-config", f"--config.file={file}", "--estimate"])
    assert result.exit_code == 1
    assert result.stderr.startswith("no estimate: HTTP 404")


@pytest.mark.real
def test_a_real_prometheus_is_asked_and_each_shard_has_its_part(
    prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    url = prometheus_server(openmetrics(cpu=cpu(newest_step(), 12, days=0.1))).url
    file = tmp_path / "config.yaml"
    found = []
    for index in range(2):
        file.write_text(
            f"prometheus: {{url: '{url}'}}\noffset: 0s\n"
            f"defaults: {{sharding: {{count: 2, index: {index}}}}}\n"
            "queries: [{name: cpu, expr: 'cpu{instance=~\"${shard}\"}'}]\n"
        )
        result = CliRunner().invoke(main, ["check-config", f"--config.file={file}", "--estimate"])
        assert result.exit_code == 0, result.output
        found.append(int(result.stdout.split("total: ")[1].split()[0]))
    assert sum(found) == 12
    assert 0 < found[0] < 12
