"""The main job on the real thing: Prometheus, the sidecar as a process, and Prometheus scraping the sidecar."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from tests.real.processes import UNMEASURED, wait_until
from tests.real.servers import NodeExporter, PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

pytestmark = pytest.mark.real

STEP = 60
DAY = 86400

CONFIG = """\
prometheus:
  url: {url}
evaluation_interval: 1s
offset: 0s
staleness: 1m
queries:
  - name: ec2_cpu
    expr: ec2_cpu_utilization
    unit: percent
    step: 1m
    fit_window: 1d
    fit_every: 6h
    min_history: 4h
"""


def ec2_cpu(now: int) -> Iterator[Sample]:
    """A day and a half of EC2-like CPU of five instances; the third has been stuck at full load for ten minutes."""
    rng = np.random.default_rng(7)
    times = np.arange(now - 3 * DAY // 2, now + 1, STEP)
    for number in range(5):
        daily = 30 + 8 * np.sin(2 * np.pi * (times / DAY + number / 5))
        values = daily + 2.5 * rng.standard_normal(len(times))
        if number == 2:
            values[-10:] = 99.0 + 0.5 * rng.standard_normal(10)
        labels = {"instance": f"i-{number}", "job": "ec2", "zone": "eu-1"}
        yield from ((labels, int(at), float(value)) for at, value in zip(times, values, strict=True))


def scored(replica: SidecarProcess, series: int) -> bool:
    return len(replica.samples("anomaly_score")) == series


def scrape(name: str, *servers: str) -> dict[str, object]:
    return {
        "job_name": name,
        "honor_labels": True,
        "static_configs": [{"targets": [server.removeprefix("http://") for server in servers]}],
    }


def test_the_series_that_goes_wrong_is_flagged_and_answered_by_prometheus_with_its_own_labels(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess]
) -> None:
    now = int(time.time()) // STEP * STEP
    history = prometheus_server(openmetrics(ec2_cpu_utilization=ec2_cpu(now)))
    replicas = [sidecar(CONFIG.format(url=history.url)) for _ in range(2)]
    for replica in replicas:
        wait_until(partial(scored, replica, 5), "all five to be scored")
        flags = replica.samples("anomaly_flag")
        assert flags == {"i-0": 0, "i-1": 0, "i-2": 1, "i-3": 0, "i-4": 0}
        scores = replica.samples("anomaly_score")
        assert scores["i-2"] >= 1
        assert max(score for instance, score in scores.items() if instance != "i-2") < 1

    scraping = prometheus_server(scrape_configs=[scrape("anomaly", *(replica.url for replica in replicas))])
    [flagged] = scraping.wait_for('anomaly_flag{instance="i-2"} == 1')
    assert flagged["metric"] == {
        "__name__": "anomaly_flag",
        "anomaly_name": "ec2_cpu",
        "instance": "i-2",
        "job": "ec2",
        "zone": "eu-1",
    }
    assert len(scraping.query("anomaly_score")) == 5
    assert scraping.query("anomaly_score")[0]["metric"].keys() == flagged["metric"].keys()


def test_two_replicas_and_a_restart_give_one_series_where_the_source_has_no_instance(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess]
) -> None:
    now = int(time.time()) // STEP * STEP
    history = prometheus_server(openmetrics(ec2_cpu_utilization=ec2_cpu(now)))
    config = CONFIG.format(url=history.url).replace("ec2_cpu_utilization", "avg by (zone) (ec2_cpu_utilization)")
    replicas = [sidecar(config) for _ in range(2)]
    scraping = prometheus_server(scrape_configs=[scrape("anomaly", *(replica.url for replica in replicas))])
    [before] = scraping.wait_for("anomaly_score")
    assert before["metric"] == {"__name__": "anomaly_score", "anomaly_name": "ec2_cpu", "zone": "eu-1"}
    replicas[0].kill()
    replicas[0].start()
    wait_until(partial(scored, replicas[0], 1), "the restarted replica to score")
    [after] = scraping.wait_for("anomaly_score")
    assert after["metric"] == before["metric"]
    one, other = replicas  # a step may pass between the two looks
    wait_until(lambda: one.samples("anomaly_score") == other.samples("anomaly_score"), "both to score the same")


LIVE = """\
prometheus:
  url: {url}
evaluation_interval: 1s
offset: 0s
queries:
  - name: node_cpu
    expr: 1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}[3s]))
    unit: ratio
    step: 1s
    fit_window: 5m
    fit_every: 5m
    min_history: 25s
    direction: above
"""


BURN = "while True: pass"


@contextmanager
def burner() -> Iterator[None]:
    """Loads every core."""
    processes = [
        subprocess.Popen([sys.executable, "-c", BURN], env=os.environ | UNMEASURED) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.alone
def test_the_cpu_of_this_host_scores_higher_under_load(
    node_exporter: Callable[[], NodeExporter],
    prometheus_server: Callable[..., PrometheusServer],
    sidecar: Callable[..., SidecarProcess],
) -> None:
    """Live: the one test that waits for real time, as its subject is a real CPU."""
    exporter = node_exporter()
    prometheus = prometheus_server(scrape_configs=[scrape("node", exporter.url)])
    replica = sidecar(LIVE.format(url=prometheus.url))
    wait_until(partial(scored, replica, 1), "this host to be scored")
    [(instance, before)] = replica.samples("anomaly_score").items()
    assert instance == exporter.url.removeprefix("http://")
    with burner():
        wait_until(lambda: replica.samples("anomaly_score").get(instance, 0) > before, "the score to rise")
