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
from sidecar.estimate import BAND_SECONDS, MB, PROCESS_BYTES, RENDER_SECONDS, Cost, NoEstimateError, cost_of, report
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


WEEK = {"name": "cpu", "expr": "cpu", "step": "5m", "fit_window": "7d", "max_series": 100_000}


def week(scope: Scope, series: int, interval: int = 30) -> Cost:
    """The cost of a week in steps of five minutes, as docs/explanation/performance.md has measured it."""
    return cost_of(QueryConfig.model_validate(WEEK | {"scope": scope.value}), "UTC", interval, series)


@given(st.integers(1, 500), st.integers(1, 500))
def test_costs_add_up(some: int, more: int) -> None:
    together, one, other = (cost_of(QUERY, "UTC", 30, series) for series in (some + more, some, more))
    apart = one + other
    assert (together.series, together.first_samples) == (apart.series, apart.first_samples)
    assert (together.memory, together.waiting, together.samples) == pytest.approx(
        (apart.memory, apart.waiting, apart.samples)
    )
    assert apart.cores == pytest.approx(one.cores + other.cores)
    assert apart.fitting == max(one.fitting, other.fitting)


def test_one_sample_a_step_is_fetched_and_the_lookback_at_the_start() -> None:
    cost = cost_of(QUERY, "UTC", 30, 60)
    assert cost.samples == 1
    assert cost.first_samples > 60 * 1440


def test_siblings_cost_less() -> None:
    alone, siblings = (cost_of(QUERY.model_copy(update={"scope": scope}), "UTC", 30, 100) for scope in Scope)
    assert siblings.memory < alone.memory
    assert siblings.cores < alone.cores


@pytest.mark.parametrize(
    ("scope", "series", "rest", "highest"),
    [(Scope.SERIES, 100, 80, 122), (Scope.SERIES, 1_000, 113, 195), (Scope.GROUP, 10_000, 317, 412)],
)
def test_memory_is_as_it_was_measured(scope: Scope, series: int, rest: int, highest: int) -> None:
    cost = week(scope, series) + Cost(memory=PROCESS_BYTES)
    assert (cost.memory / MB, cost.peak / MB) == pytest.approx((rest, highest), rel=0.05)


def without_bands_and_text(monkeypatch: pytest.MonkeyPatch, series: int, interval: int) -> float:
    with monkeypatch.context() as patch:
        patch.setattr("sidecar.estimate.BAND_SECONDS", 0.0)
        patch.setattr("sidecar.estimate.RENDER_SECONDS", 0.0)
        return week(Scope.SERIES, series, interval).cores


@pytest.mark.parametrize(
    ("series", "interval", "searches", "renderings"),
    [
        (10_000, 30, 10_000 / 600, 1 / 30),
        (1_000, 30, 64 / 30, 1 / 30),
        (50, 30, 50 / 300, 1 / 300),
        (1_000, 1, 1_000 / 300, 16 / 300),
        (1_000, 900, 1_000 / 900, 1 / 900),
    ],
    ids=["a band in ten minutes", "64 at once", "few, at each step", "16 of 300 evaluations", "rarer than steps"],
)
def test_bands_and_text_are_counted_as_often_as_the_loop_makes_them(
    monkeypatch: pytest.MonkeyPatch, series: int, interval: int, searches: float, renderings: float
) -> None:
    rest = without_bands_and_text(monkeypatch, series, interval)
    found = week(Scope.SERIES, series, interval).cores - rest
    assert found == pytest.approx(searches * BAND_SECONDS + renderings * series * RENDER_SECONDS)


def test_the_series_of_each_query_are_counted() -> None:
    with raw_server(http(200, count("600")), http(200, count("12"))) as server:
        lines = list(report(parse(CONFIG.format(url=server.url), "F", {}), NOW))
    assert lines[0] == f"cpu: {cost_of(QUERY, 'UTC', 30, 600)}"
    assert lines[1] == f"load: {cost_of(QUERY, 'UTC', 30, 10)} (12 found, the others are beyond max_series)"
    assert lines[2].startswith("total: 610 series, ")
    assert " MB at rest, " in lines[2]
    assert " MB at most, " in lines[2]
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
    assert result.stderr.startswith("cpu: no estimate: HTTP 404")
    assert result.stdout.splitlines()[-1].startswith("total: 0 series")


def test_one_query_that_is_refused_leaves_the_others_their_estimate() -> None:
    refused = http(400, '{"status":"error","errorType":"bad_data","error":"no"}')
    told: list[str] = []

    with raw_server(refused, refused, http(200, count("12"))) as server, pytest.raises(NoEstimateError) as raised:
        told.extend(line.partition(":")[0] for line in report(parse(CONFIG.format(url=server.url), "F", {}), NOW))
    assert told == ["load", "total"]
    assert str(raised.value) == "cpu: no estimate: bad_data: no"


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
