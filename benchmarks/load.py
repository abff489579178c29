"""What Prometheus bears, and how a start goes, beside a loop that fetches every window anew.

    python -m benchmarks.load [--series=1000] [--rates N...] [--seconds=60] [--runs=N]

A real Prometheus holds eight days of 5-minute steps per series. For each budget of samples per second, sidecars start
cold; a row has the seconds until `/metrics` is served, until the history is filled, until readiness is served, until
the first and until every series has a score, and what Prometheus itself counts meanwhile: samples its engine read, also
per second of the fill, bytes of its answers, and requests. Below it stands how `warming` counted down in the last run.

Then the steady state, at steps of 5 seconds and a window of 10 minutes: samples per series and step, requests and bytes
per step. The yardstick is a naive loop that would ask for the whole window at each step: one such request is sent, for
this window and for the week of 5-minute steps. All figures are medians of the runs.

Prometheus counts the samples its engine reads from release 3 on. Where it does not, the sidecar's own count of what it
received stands for it, and the samples in the answer for the naive loop; it is printed which of them it is.
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

from benchmarks.footprint import AHEAD, STEP, WEEK, medians, week
from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

COLD = """\
prometheus: {{url: "{url}", max_samples_per_second: {rate}}}
evaluation_interval: 1s
offset: 0s
queries: [{{name: cpu, expr: cpu, max_series: 100000, fit_window: 7d}}]
"""
STEADY_STEP, STEADY_WINDOW = 5, 600
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
HEAD = "    budget   metrics    filled     ready     first    scored        read  read per s       MB  requests"


@dataclass(frozen=True, slots=True)
class Load:
    """What was counted so far, of range queries: samples that were read, bytes of answers, requests."""

    read: float
    sent: float
    requests: float

    @classmethod
    def of(cls, url: str, received: float = 0.0) -> "Load":
        """Asks Prometheus; samples `received` stand for those it read where it does not count them."""
        found = counted(url)
        return cls(found.get(READ, received), found.get(BYTES, 0.0), found.get(ASKED, 0.0))

    def __sub__(self, before: "Load") -> "Load":
        return Load(self.read - before.read, self.sent - before.sent, self.requests - before.requests)


def counted(url: str) -> dict[str, float]:
    """Prometheus' own samples by name, those of range queries where it tells handlers apart."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("handler", "/api/v1/query_range") == "/api/v1/query_range"
    }


def received(sidecar: SidecarProcess) -> float:
    """Samples that the sidecar says it has received."""
    return sum(sidecar.samples(FETCHED).values())


def refetched(url: str, expr: str, window: int, step: int) -> Load:
    """What one step of a naive loop costs: the whole window, asked for at once."""
    end = int(time.time()) // step * step
    before = Load.of(url)
    form = {"query": expr, "start": str(end - window + step), "end": str(end), "step": str(step)}
    answer = requests.post(f"{url}/api/v1/query_range", data=form, timeout=120)
    answer.raise_for_status()
    samples = sum(len(series["values"]) for series in answer.json()["data"]["result"])
    return Load.of(url, samples) - before


def steady(series: int, now: int, ahead: int) -> Iterator[Sample]:
    """Noise every 5 seconds, so many into the future."""
    rng = np.random.default_rng(7)
    times = np.arange(now - 1200, now + ahead, STEADY_STEP)
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


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of a sidecar on, and what Prometheus had to bear until every series was scored."""

    metrics: float
    filled: float
    ready: float
    first: float
    scored: float
    read: float
    sent: float
    requests: float

    def row(self, rate: int) -> str:
        """One row of the table."""
        seconds = (self.metrics, self.filled, self.ready, self.first, self.scored)
        return (
            f"{rate:>10}" + "".join(f"{value:>10.1f}" for value in seconds) + f"{self.read:>12.0f}"
            f"{self.read / self.filled:>12.0f}{self.sent / 1e6:>9.1f}{self.requests:>10.0f}"
        )


def cold_start(prometheus: PrometheusServer, rate: int, series: int, directory: Path) -> tuple[Start, list[int]]:
    """The figures of one start, and how `warming` counted down."""
    sidecar = SidecarProcess(directory, COLD.format(url=prometheus.url, rate=rate), ready="/-/healthy")
    before, begin = Load.of(prometheus.url), time.perf_counter()
    marks: dict[str, float] = {}
    countdown: list[int] = []
    try:
        sidecar.start()
        while not {"scored", "ready"} <= marks.keys():
            elapsed, found = time.perf_counter() - begin, states(sidecar)
            if found:
                marks.setdefault("metrics", elapsed)
            if found and requests.get(f"{sidecar.url}/-/ready", timeout=5).ok:
                marks.setdefault("ready", elapsed)
            if found.get("warming") and found["warming"] not in countdown[-1:]:
                countdown.append(found["warming"])
            if found.get("warming") or found.get("ok"):
                marks.setdefault("filled", elapsed)
            if found.get("ok"):
                marks.setdefault("first", elapsed)
            if found.get("ok") == series:
                marks.setdefault("scored", elapsed)
            time.sleep(0.1)
        load = Load.of(prometheus.url, received(sidecar)) - before
    finally:
        sidecar.kill()
    return Start(**marks, read=load.read, sent=load.sent, requests=load.requests), countdown


def steady_state(prometheus: PrometheusServer, series: int, seconds: int, directory: Path) -> Load:
    """What a step costs."""
    sidecar = SidecarProcess(directory, STEADY.format(url=prometheus.url))
    try:
        sidecar.start()
        wait_until(lambda: states(sidecar).get("ok") == series, "every series to be scored", 300)
        before, begin = Load.of(prometheus.url, received(sidecar)), time.perf_counter()
        time.sleep(seconds)
        load = Load.of(prometheus.url, received(sidecar)) - before
        steps = (time.perf_counter() - begin) / STEADY_STEP
    finally:
        sidecar.kill()
    return Load(load.read / steps, load.sent / steps, load.requests / steps)


def starts(prometheus: PrometheusServer, rate: int, series: int, runs: int, directory: Path) -> Iterator[str]:
    """The lines of a budget."""
    found, countdowns = zip(
        *(cold_start(prometheus, rate, series, directory / f"cold-{rate}-{run}") for run in range(runs)), strict=True
    )
    yield medians(found).row(rate)
    yield f"{'':>10}   warming {' '.join(map(str, countdowns[-1]))}"


def steps(prometheus: PrometheusServer, seconds: int, series: int, runs: int, directory: Path) -> Iterator[str]:
    """The lines of the steady state."""
    ours = medians([steady_state(prometheus, series, seconds, directory / f"steady-{run}") for run in range(runs)])
    yield (
        f"steady: {ours.read / series:.2f} samples read per series and step, "
        f"{ours.requests:.2f} requests and {ours.sent / 1000:.0f} kB a step"
    )
    for expr, window, step in (("steady", STEADY_WINDOW, STEADY_STEP), ("cpu", WEEK, STEP)):
        naive = medians([refetched(prometheus.url, expr, window, step) for _ in range(runs)])
        yield (
            f"all {window // step} steps fetched at each: {naive.read / series:.2f} samples per series and step, "
            f"{naive.read / ours.read:.0f} times as many, in {naive.sent / ours.sent:.0f} times as many bytes"
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--rates", type=int, nargs="*", default=[500_000, 100_000])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory, now = Path(name), int(time.time()) // STEP * STEP
        history = openmetrics(
            cpu=week(chosen.series, now, AHEAD * chosen.runs),
            steady=steady(chosen.series, now, AHEAD * chosen.runs),
        )
        prometheus = PrometheusServer(directory / "prometheus", history)
        try:
            prometheus.start()
            source = READ if READ in counted(prometheus.url) else f"{FETCHED}: this Prometheus does not count them"
            print(f"samples read, by {source}\n{HEAD}")
            for rate in chosen.rates:
                print("\n".join(starts(prometheus, rate, chosen.series, chosen.runs, directory)), flush=True)
            print("\n".join(steps(prometheus, chosen.seconds, chosen.series, chosen.runs, directory)))
        finally:
            prometheus.kill()


if __name__ == "__main__":
    main()
