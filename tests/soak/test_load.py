"""The sidecar as a process under load: 5,000 series, 20 scrapes and 10 predictions a second, hostile connections."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import requests

from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

pytestmark = pytest.mark.real

SERIES, STEP = 5_000, 30
SCRAPES, PREDICTIONS = 20, 10  # a second
IDLE = 1_000
CROWD = 16  # predictions of 10,000 values, at once

CONFIG = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 30s
offset: 0s
queries:
  - {{name: cpu, expr: cpu, step: 30s, fit_window: 1h, fit_every: 30m, min_history: 15m, max_series: 5000}}
"""


def cpu(first: int, last: int) -> Iterator[Sample]:
    rng = np.random.default_rng(5)
    for number in range(SERIES):
        labels = {"instance": f"host-{number:04}", "job": "node"}
        for at, noise in zip(range(first, last, STEP), rng.standard_normal((last - first) // STEP + 1), strict=False):
            yield labels, at, round(float(0.3 + 0.03 * noise), 4)


class Load:
    """Requests at a rate, and how each went."""

    def __init__(self, per_second: int, request: Callable[[], requests.Response]) -> None:
        self._interval, self._request = 1 / per_second, request
        self.took: list[float] = []
        self.statuses: list[int] = []
        self._pool = ThreadPoolExecutor(20)

    def run(self, until: float) -> None:
        begin = time.monotonic()
        number = 0
        while time.monotonic() < until:
            number += 1
            self._pool.submit(self._once)
            time.sleep(max(0.0, begin + number * self._interval - time.monotonic()))
        self._pool.shutdown()

    def _once(self) -> None:
        begin = time.perf_counter()
        self.statuses.append(self._request().status_code)
        self.took.append(time.perf_counter() - begin)


def test_no_tick_is_missed_and_scrapes_go_on(
    prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess], seconds: float
) -> None:
    load_seconds = max(60.0, seconds / 8)
    now = int(time.time()) // STEP * STEP
    server = prometheus_server(openmetrics(cpu=cpu(now - 4_200, now + int(load_seconds) + 900)))
    process = sidecar(CONFIG.format(url=server.url))
    wait_until(lambda: len(process.samples("anomaly_score")) == SERIES, "all series to be scored", deadline=600)
    missed = process.samples("anomaly_sidecar_iterations_missed_total")
    values = [0.3 + 0.001 * (number % 7) for number in range(100)]
    scrapes = Load(SCRAPES, lambda: requests.get(f"{process.url}/metrics", timeout=30))
    predictions = Load(
        PREDICTIONS, lambda: requests.post(f"{process.url}/predict", json={"values": values}, timeout=30)
    )
    until = time.monotonic() + load_seconds
    with ExitStack() as stack:
        for number in range(IDLE):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", process.port), timeout=10))
            if number % 2:
                client.sendall(b"POST /predict HTTP/1.1\r\nHost: slow\r\nX-Slow: ")
        threads = [threading.Thread(target=load.run, args=(until,)) for load in (scrapes, predictions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    large = {"values": [0.3 + 0.001 * (number % 7) for number in range(10_000)]}
    with ThreadPoolExecutor(CROWD) as pool:
        crowd = list(pool.map(lambda _: requests.post(f"{process.url}/predict", json=large, timeout=60), range(CROWD)))
    ticks = process.samples("anomaly_sidecar_evaluations_total")
    p50, p99 = np.percentile(scrapes.took, [50, 99]) * 1000
    answered = {status: predictions.statuses.count(status) for status in set(predictions.statuses)}
    sys.stderr.write(
        f"\n{SERIES} series, {len(scrapes.took)} scrapes in {load_seconds:.0f} s: p50 {p50:.0f} ms, p99 {p99:.0f} ms;"
        f" predictions by status {answered}; evaluations {ticks}; resident {process.resident_bytes() >> 20} MiB\n"
    )
    assert process.samples("anomaly_sidecar_iterations_missed_total") == missed
    assert set(scrapes.statuses) == {200}
    assert set(answered) <= {200, 429}
    assert {answer.status_code for answer in crowd} == {200, 429}
    assert all("retry-after" in answer.headers for answer in crowd if answer.status_code == 429)
    assert len(process.samples("anomaly_score")) == SERIES
    assert process.samples("anomaly_sidecar_evaluation_failures_total") == {"cpu": 0}
