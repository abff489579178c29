"""What Prometheus bears, and how a start goes: python -m benchmarks.load [--series=1000] [--rates N...] [--seconds=60].

Prometheus counts the samples its engine reads from release 3 on; where it does not, the sidecar's own count stands.
A real Prometheus holds eight days of 5-minute steps per series. For each budget of samples per second, a sidecar starts
cold; printed are the seconds until `/metrics` and until readiness is served, until the first and until every series has
a score, how `warming` counts down, and what Prometheus itself counts meanwhile: samples its engine read, bytes of its
answers, and the seconds in which they were asked for.

Then the steady state, at steps of 5 seconds: samples per series and step, requests and bytes per step.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.footprint import AHEAD, STEP, week
from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

COLD = """\
prometheus: {{url: "{url}", max_samples_per_second: {rate}}}
evaluation_interval: 1s
offset: 0s
queries: [{{name: cpu, expr: cpu, max_series: 100000, fit_window: 7d}}]
"""
STEADY = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 1s
offset: 0s
queries: [{{name: cpu, expr: steady, max_series: 100000, step: 5s, fit_window: 10m, min_history: 5m, fit_every: 10m}}]
"""
FETCHED = "anomaly_sidecar_samples_fetched_total"
READ = "prometheus_engine_query_samples_total"
BYTES = "prometheus_http_response_size_bytes_sum"
ASKED = "prometheus_http_request_duration_seconds_count"


@dataclass(frozen=True, slots=True)
class Load:
    """What Prometheus has counted so far, of range queries."""

    read: float
    sent: float
    requests: float

    @classmethod
    def of(cls, url: str, sidecar: SidecarProcess | None = None) -> "Load":
        """Asks Prometheus, and the sidecar."""
        text = requests.get(f"{url}/metrics", timeout=10).text
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.labels.get("handler", "/api/v1/query_range") == "/api/v1/query_range":
                    found[sample.name] = sample.value
        fetched = sum(sidecar.samples(FETCHED).values()) if sidecar else 0.0
        return cls(found.get(READ, fetched), found.get(BYTES, 0.0), found.get(ASKED, 0.0))

    def __sub__(self, before: "Load") -> "Load":
        return Load(self.read - before.read, self.sent - before.sent, self.requests - before.requests)


def steady(series: int, now: int, seconds: int) -> Iterator[Sample]:
    """Noise every 5 seconds, into the future."""
    rng = np.random.default_rng(7)
    times = np.arange(now - 1200, now + seconds + 300, 5)
    for number in range(series):
        values = 0.4 + 0.03 * rng.standard_normal(len(times))
        labels = {"instance": f"host-{number:05}", "job": "node"}
        yield from ((labels, int(at), round(float(value), 5)) for at, value in zip(times, values, strict=True))


def states(sidecar: SidecarProcess) -> dict[str, int]:
    """Series by state, as the sidecar exports them; nothing before it answers."""
    try:
        return {state: int(count) for state, count in sidecar.samples("anomaly_sidecar_series").items()}
    except requests.RequestException:
        return {}


def cold_start(prometheus: PrometheusServer, series: int, rate: int, directory: Path) -> str:
    """One row of the table."""
    sidecar = SidecarProcess(directory / f"cold-{rate}", COLD.format(url=prometheus.url, rate=rate), ready="/-/healthy")
    before, begin = Load.of(prometheus.url), time.perf_counter()
    marks: dict[str, float] = {}
    countdown: list[int] = []
    try:
        sidecar.start()
        while "all scored" not in marks:
            elapsed, found = time.perf_counter() - begin, states(sidecar)
            if found:
                marks.setdefault("metrics", elapsed)
            if found and requests.get(f"{sidecar.url}/-/ready", timeout=5).ok:
                marks.setdefault("ready", elapsed)
            if found.get("warming") and found["warming"] not in countdown[-1:]:
                marks.setdefault("filled", elapsed)
                countdown.append(found["warming"])
            if found.get("ok"):
                marks.setdefault("first scored", elapsed)
            if found.get("ok") == series:
                marks["all scored"] = elapsed
            time.sleep(0.1)
        load = Load.of(prometheus.url, sidecar) - before
    finally:
        sidecar.kill()
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in marks.items())
    return (
        f"{rate} samples/s: {spent}; warming {' '.join(map(str, countdown))}; Prometheus read {load.read:.0f} samples "
        f"and sent {load.sent / 1e6:.1f} MB in {load.requests:.0f} requests, "
        f"{load.read / marks.get('filled', marks['all scored']):.0f} samples a second"
    )


def steady_state(prometheus: PrometheusServer, series: int, seconds: int, directory: Path) -> str:
    """A sentence."""
    sidecar = SidecarProcess(directory / "steady", STEADY.format(url=prometheus.url))
    try:
        sidecar.start()
        wait_until(lambda: states(sidecar).get("ok") == series, "every series to be scored", 300)
        before, begin = Load.of(prometheus.url, sidecar), time.perf_counter()
        time.sleep(seconds)
        load, steps = Load.of(prometheus.url, sidecar) - before, (time.perf_counter() - begin) / 5
    finally:
        sidecar.kill()
    return (
        f"steady: {load.read / steps / series:.2f} samples read per series and step, "
        f"{load.requests / steps:.2f} requests and {load.sent / steps / 1000:.0f} kB a step"
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--rates", type=int, nargs="*", default=[500_000, 100_000])
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory, now = Path(name), int(time.time()) // STEP * STEP
        history = openmetrics(
            cpu=week(chosen.series, now, 2 * AHEAD), steady=steady(chosen.series, now, 900 + chosen.seconds)
        )
        prometheus = PrometheusServer(directory / "prometheus", history)
        try:
            prometheus.start()
            for rate in chosen.rates:
                print(cold_start(prometheus, chosen.series, rate, directory), flush=True)
            print(steady_state(prometheus, chosen.series, chosen.seconds, directory))
        finally:
            prometheus.kill()


if __name__ == "__main__":
    main()
