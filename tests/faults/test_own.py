"""Faults of the sidecar itself: killed, out of memory, out of disk, or given far more than it is to hold."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from structlog.testing import capture_logs

from sidecar.execution.local import LocalExecutor
from sidecar.execution.process import ProcessExecutor, WorkerDiedError
from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.prometheus.history import History
from sidecar.prometheus.source import RangeResult
from tests.faults.bench import HOSTS, NOW, STEP, Bench, host, noise, same, warm
from tests.prometheus.memory_source import MemorySource
from tests.prometheus.raw_server import Connection, hangs, http, raw_server
from tests.real.processes import UNMEASURED, answers, free_port, wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

MANY = 200_000
FIT_EVERY = 3600
TICKS = FIT_EVERY // STEP
"""Ticks within which the model of each series is due once."""
CHART = Path(__file__).parents[2] / "helm/prometheus-anomaly-sidecar/values.yaml"


def samples() -> dict[LabelSet, dict[int, float]]:
    return {host(name): noise(name, NOW + TICKS * STEP) for name in HOSTS}


class OutOfMemory(Executor):
    """Does the work, unless it is told that its worker gets killed."""

    def __init__(self) -> None:
        self.kills = False

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        if not self.kills:
            return LocalExecutor().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        future.set_exception(WorkerDiedError("the worker process died (exit code -9)"))
        return future


def test_killed_fits_are_counted_and_retried_and_the_old_models_serve_on() -> None:
    executor = OutOfMemory()
    bench = warm(MemorySource(samples()), executor=executor, fit_every=FIT_EVERY)
    undisturbed = warm(MemorySource(samples()), fit_every=FIT_EVERY)
    executor.kills = True
    times = range(NOW + STEP, NOW + TICKS * STEP, STEP)
    with capture_logs() as logs:
        shown = bench.ticks(times)
    assert {len(series) for series in shown.values()} == {len(HOSTS)}
    failures = bench.counted("fit_failures_total")
    assert failures > len(HOSTS)  # each was tried again
    assert [line["event"] for line in logs].count("fit failed") == failures
    executor.kills = False
    bench.ticks((times[-1] + 1, times[-1] + 2))
    undisturbed.ticks(times)
    undisturbed.ticks((times[-1] + 1, times[-1] + 2))
    assert same(bench.shown, undisturbed.shown)


def workers() -> list[int]:
    """The processes that fit for this one."""
    return [
        int(pid) for pid in children(os.getpid()) if b"execution.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def children(pid: int) -> list[str]:
    return [child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]


def test_a_fitting_process_that_is_killed_is_replaced() -> None:
    executor = ProcessExecutor()
    bench = Bench(MemorySource(samples()), executor)
    try:
        bench.tick(NOW)
        wait_until(lambda: bool(workers()), "the fitting process")
        [fitting] = workers()
        os.kill(fitting, signal.SIGKILL)
        second = iter(range(1, 10_000))
        wait_until(lambda: len(bench.tick(NOW + next(second) / 100)) == len(HOSTS), "the fit to be done again")
    finally:
        executor.shutdown()
    assert bench.counted("fit_failures_total") == 1
    assert same(bench.shown, warm(MemorySource(samples())).shown)


CONFIG = """\
prometheus: {{url: "{url}", timeout: 20s}}
evaluation_interval: 1s
offset: 0s
staleness: 1m
queries:
  - {{name: cpu, expr: cpu, step: 1m, fit_window: 1d, fit_every: 6h, min_history: 4h}}
"""


def day_of_cpu(now: int) -> Iterator[Sample]:
    rng = np.random.default_rng(3)
    for name in HOSTS:
        for at in range(now - 26 * 3600, now + 300, 60):
            yield {"instance": name, "job": "node"}, at, float(0.3 + 0.03 * rng.standard_normal())


@pytest.mark.real
def test_killed_in_a_tick_and_in_a_fit_it_shows_the_same_after_the_restart(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess]
) -> None:
    server = prometheus_server(openmetrics(cpu=day_of_cpu(int(time.time()) // 60 * 60)))

    def forward(connection: Connection) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{server.url}/api/v1/query_range"
        http(200, requests.post(url, data=connection.body, headers=form, timeout=10).content)(connection)

    undisturbed = sidecar(CONFIG.format(url=server.url))
    with raw_server(hangs) as proxy:
        victim = sidecar(CONFIG.format(url=proxy.url), ready="/-/healthy")
        wait_until(lambda: bool(proxy.seen), "a request in flight")
        victim.kill()
        proxy.answers = [forward]
        victim.start()
        wait_until(lambda: bool(children(victim.pid)), "a fit under way")
        orphans = children(victim.pid)
        victim.kill()
        victim.start()
        wait_until(lambda: len(victim.samples("anomaly_score")) == len(HOSTS), "all to be scored")
        wait_until(
            lambda: victim.samples("anomaly_score") == undisturbed.samples("anomaly_score"), "the scores to be the same"
        )
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), "the orphaned fit to end")


EVERY_SECOND = "  - {name: now, expr: vector(1), step: 1s, fit_window: 2m, fit_every: 1m, min_history: 1m}\n"


@pytest.mark.real
def test_a_full_disk_and_a_file_system_it_may_not_write_to_do_not_matter(
    prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    """No file can grow, the log's neither, and there is no directory for temporary ones."""
    server = prometheus_server(openmetrics(cpu=day_of_cpu(int(time.time()) // 60 * 60)))
    config, port = tmp_path / "full.yaml", free_port()
    config.write_text(CONFIG.format(url=server.url) + EVERY_SECOND)
    url = f"http://127.0.0.1:{port}"
    flags = f"--config.file={config} --web.listen-address=127.0.0.1:{port} --web.enable-lifecycle"
    command = f"ulimit -f 0; exec {sys.executable} -m sidecar run {flags} >{tmp_path}/log 2>&1"
    environment = os.environ | UNMEASURED | {"TMPDIR": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(["/bin/bash", "-c", command], env=environment, cwd="/")
    try:
        wait_until(lambda: answers(f"{url}/-/ready"), "it to be ready")

        def scored() -> bool:
            return requests.get(f"{url}/metrics", timeout=5).text.count('anomaly_score{anomaly_name="cpu"') == len(
                HOSTS
            )

        wait_until(scored, "all to be scored")
        assert requests.post(f"{url}/-/reload", timeout=5).ok
        server.kill()  # from now on every evaluation has something to log
        wait_until(lambda: "prometheus_up 0" in requests.get(f"{url}/metrics", timeout=5).text, "it to notice")
        server.start()
        wait_until(lambda: "prometheus_up 1" in requests.get(f"{url}/metrics", timeout=5).text, "it to recover")
        assert scored()
        assert (tmp_path / "log").stat().st_size == 0
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


DESCRIPTORS = 128


@pytest.mark.real
def test_more_connections_than_descriptors_keep_neither_scrapes_nor_the_loop_from_going_on(
    prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    server = prometheus_server(openmetrics(cpu=day_of_cpu(int(time.time()) // 60 * 60)))
    process = SidecarProcess(tmp_path / "few", CONFIG.format(url=server.url) + EVERY_SECOND)
    process.limit(f"ulimit -n {DESCRIPTORS}")

    def evaluations() -> float:
        return process.samples("anomaly_sidecar_evaluations_total")["now"]

    try:
        process.start()
        wait_until(lambda: len(process.samples("anomaly_score")) > len(HOSTS), "all to be scored")
        with ExitStack() as stack:
            for number in range(3 * DESCRIPTORS):
                held = stack.enter_context(socket.create_connection(("127.0.0.1", process.port), timeout=10))
                if number % 2:
                    held.sendall(b"POST /predict HTTP/1.1\r\nHost: slow\r\nX-Slow: ")
            begun = evaluations()
            wait_until(lambda: evaluations() >= begun + 3, "the loop to go on")
            failed = process.samples("anomaly_sidecar_evaluation_failures_total")
        assert failed == {"cpu": 0, "now": 0}
        assert process.samples("anomaly_sidecar_prometheus_up") == {"": 1}
        assert "Too many open files" not in process.log.read_text()
    finally:
        process.kill()


class Crowd:
    """Answers with 200,000 series."""

    def __init__(self) -> None:
        self.labels = tuple((("pod", f"pod-{number:06}"),) for number in range(MANY))

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        assert expr
        values = np.ones((MANY, (end - start) // step + 1))
        return RangeResult(Frame(self.labels, start, step, values), requests=1, samples=values.size)


def test_of_200_000_series_no_more_are_held_than_allowed() -> None:
    history = History(Crowd(), "crowd", STEP, 4, max_series=1000)
    held = [history.advance(NOW + tick * STEP) for tick in range(3)]
    assert [(len(each.frame.labels), each.dropped) for each in held] == [(1000, MANY - 1000)] * 3
    assert all(some.frame.labels == others.frame.labels for some, others in pairwise(held))
    assert history._window is not None
    assert history._window._exact._buffer.nbytes < 1_000_000


def highest_resident_bytes(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


@pytest.mark.real
def test_200_000_series_of_a_real_prometheus_fit_into_the_memory_that_the_chart_allows(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess]
) -> None:
    at = int(time.time()) // STEP * STEP
    pods = (({"pod": f"pod-{number:06}", "namespace": f"team-{number % 50}"}, at, 1.0) for number in range(MANY))
    server = prometheus_server(openmetrics(crowd=pods))
    head = f"prometheus: {{url: {server.url}}}\nevaluation_interval: 1s\noffset: 0s\n"
    process = sidecar(head + "queries: [{name: crowd, expr: crowd}]\n", ready="/-/healthy")
    wait_until(
        lambda: process.samples("anomaly_sidecar_series_dropped") == {"max_series": MANY - 1000}, "the answer", 120
    )
    assert process.samples("anomaly_sidecar_series")["warming"] == 1000
    assert process.samples("anomaly_sidecar_evaluation_failures_total") == {"crowd": 0}
    allowed = yaml.safe_load(CHART.read_text())["resources"]["limits"]["memory"]
    assert highest_resident_bytes(process.pid) < int(allowed.removesuffix("Mi")) << 20
