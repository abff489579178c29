"""Several sidecars share the series of one real server."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.real.fleet import cpu, newest_step
from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, VictoriaMetrics, openmetrics
from tests.real.sidecar import SidecarProcess

pytestmark = pytest.mark.real

HOSTS = 24
CONFIG = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 1s
offset: 0s
staleness: 1h
defaults:
  sharding: {{by: instance, count: {count}, index: sidecar-{index}}}
  fit_window: 1d
queries:
  - {{name: cpu, expr: 'cpu{{job="node",instance=~"${{shard}}"}}'}}
  - {{name: total, expr: 'sum by (job) (cpu)'}}
"""

Start = Callable[..., SidecarProcess]


def part(start: Start, url: str, index: int, count: int = 3) -> SidecarProcess:
    return start(CONFIG.format(url=url, index=index, count=count))


def shown(sidecars: list[SidecarProcess], series: int) -> list[dict[str, float]]:
    """The scores of all parts, when together they have so many."""
    wait_until(lambda: sum(len(one.samples("anomaly_score")) for one in sidecars) >= series, "all to be scored")
    return [one.samples("anomaly_score") for one in sidecars]


def times_scored(parts: list[dict[str, float]]) -> set[int]:
    return set(Counter(name for found in parts for name in found).values())


def test_three_sidecars_score_every_series_once_and_a_fourth_moves_few(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Start
) -> None:
    url = prometheus_server(openmetrics(cpu=cpu(newest_step(), HOSTS))).url
    parts = [part(sidecar, url, index) for index in range(3)]
    three = shown(parts, HOSTS + 1)
    assert sum(map(len, three)) == HOSTS + 1
    assert times_scored(three) == {1}
    assert all(len(found) < HOSTS for found in three)

    replica = part(sidecar, url, 1)  # a step may pass between two looks, so they are compared until they agree
    wait_until(
        lambda: replica.samples("anomaly_score") == parts[1].samples("anomaly_score"), "a replica to score the same"
    )

    added = part(sidecar, url, 3, count=4)
    wait_until(lambda: bool(added.samples("anomaly_score")), "the fourth to score")
    owners = {name: index for index, found in enumerate(three) for name in found}
    taken = set(added.samples("anomaly_score"))
    assert taken <= set(owners)
    assert 0 < len(taken) < HOSTS / 2


def test_the_same_on_victoria_metrics(
    victoria_metrics: Callable[..., VictoriaMetrics], prometheus_server: Callable[..., PrometheusServer], sidecar: Start
) -> None:
    history = openmetrics(cpu=cpu(newest_step(), HOSTS))
    url = victoria_metrics(history).url
    parts = [part(sidecar, url, index, count=2) for index in range(2)]
    assert times_scored(shown(parts, HOSTS + 1)) == {1}
    whole = part(sidecar, prometheus_server(history).url, 0, count=1)
    wait_until(lambda: len(whole.samples("anomaly_score")) == HOSTS + 1, "all to be scored in one")

    def same() -> bool:
        halves = [one.samples("anomaly_score") for one in parts]
        return bool(halves[0] | halves[1] == pytest.approx(whole.samples("anomaly_score"), rel=1e-6))

    wait_until(same, "both to score the same")
