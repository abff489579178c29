"""Several sidecars share the series of one real server."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.real.fleet import cpu, newest_step
from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, VictoriaMetrics, openmetrics
from tests.real.sidecar import SidecarProcess, at_the_same_step

pytestmark = pytest.mark.real

HOSTS = 24
STUCK = f"host-{HOSTS - 1}.example:9100"
FEW = 10
"""Series that a fourth part may take of 25: a quarter, and two standard deviations of a binomial distribution more."""
AHEAD = 1_800
"""Seconds for which there are samples after the start of a test: it goes on while steps pass."""
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


def restart(one: SidecarProcess, url: str, index: int, count: int) -> None:
    """With another number of parts."""
    one.kill()
    one.config.write_text(CONFIG.format(url=url, index=index, count=count))
    one.start()


def scores(sidecar: SidecarProcess, wanted: int) -> dict[str, float]:
    """The scores of a part that has so many series, when it has them all."""
    wait_until(lambda: len(sidecar.samples("anomaly_score")) >= wanted, f"{wanted} series to be scored")
    return sidecar.samples("anomaly_score")


def shown(sidecars: list[SidecarProcess], series: int) -> list[dict[str, float]]:
    """The scores of all parts, when together they have so many."""
    wait_until(lambda: sum(len(one.samples("anomaly_score")) for one in sidecars) >= series, "all to be scored")
    return [one.samples("anomaly_score") for one in sidecars]


def times_scored(parts: list[dict[str, float]]) -> set[int]:
    return set(Counter(name for found in parts for name in found).values())


def test_three_sidecars_score_every_series_once_and_a_fourth_moves_few(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Start
) -> None:
    url = prometheus_server(openmetrics(cpu=cpu(newest_step(), HOSTS, ahead=AHEAD))).url
    sidecars = [part(sidecar, url, index) for index in range(3)]
    three = shown(sidecars, HOSTS + 1)
    assert sum(map(len, three)) == HOSTS + 1
    assert times_scored(three) == {1}
    assert all(len(found) < HOSTS for found in three)

    owners = {name: index for index, found in enumerate(three) for name in found}
    replica = part(sidecar, url, owners[STUCK])
    scores(replica, len(three[owners[STUCK]]))
    one, other = at_the_same_step(sidecars[owners[STUCK]], replica)
    assert one == other
    assert one["anomaly_flag", STUCK] == 1
    replica.kill()

    added = part(sidecar, url, 3, count=4)
    for index, before in enumerate(sidecars):
        restart(before, url, index, count=4)
    four = shown([*sidecars, added], HOSTS + 1)
    assert sum(map(len, four)) == HOSTS + 1
    assert times_scored(four) == {1}
    moved = {name for index, found in enumerate(four) for name in found if owners[name] != index}
    assert moved == set(four[3])
    assert 0 < len(moved) <= FEW


def test_the_same_on_victoria_metrics(
    victoria_metrics: Callable[..., VictoriaMetrics], prometheus_server: Callable[..., PrometheusServer], sidecar: Start
) -> None:
    history = openmetrics(cpu=cpu(newest_step(), HOSTS, ahead=AHEAD))
    url = victoria_metrics(history).url
    parts = [part(sidecar, url, index, count=2) for index in range(2)]
    whole = part(sidecar, prometheus_server(history).url, 0, count=1)
    assert times_scored(shown(parts, HOSTS + 1)) == {1}
    scores(whole, HOSTS + 1)

    *found, together = at_the_same_step(*parts, whole)
    assert found[0] | found[1] == pytest.approx(together, rel=1e-6)
    assert together["anomaly_flag", STUCK] == 1
