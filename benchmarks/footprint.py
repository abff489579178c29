"""What `sidecar run` needs in memory and CPU: python -m benchmarks.footprint [SERIES...] [--scope=S] [--seconds=N].

A real Prometheus holds a week of 5-minute steps per series, of workloads with 100 series each. The sidecar starts cold,
fetches and fits all of it, and then runs for some seconds. Printed are the highest and the last memory of its processes
together (proportional set size), the latter also per series beyond those of the line before, the seconds until every
series had a score and the CPU that took, and the cores it uses from then on.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

STEP, WEEK = 300, 7 * 86_400
AHEAD = 3_600
"""Seconds of samples in the future: the import of ten thousand series takes minutes, and so does a cold start."""
CONFIG = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 1s
offset: 0s
queries:
  - {{name: cpu, expr: cpu, max_series: 100000, fit_window: 7d, scope: {scope}}}
"""


def week(series: int, now: int) -> Iterator[Sample]:
    """Daily shapes with noise."""
    rng = np.random.default_rng(7)
    times = np.arange(now - WEEK - 86_400, now + AHEAD, STEP)
    for number in range(series):
        values = 0.4 + 0.2 * np.sin(times * 2 * np.pi / 86_400 + number) + 0.03 * rng.standard_normal(len(times))
        labels = {"instance": f"host-{number:05}", "job": "node", "namespace": "n", "workload": f"w{number // 100}"}
        yield from ((labels, int(at), round(float(value), 5)) for at, value in zip(times, values, strict=True))


class Footprint:
    """The memory and CPU of a process and of those it starts, from /proc."""

    def __init__(self, pid: int) -> None:
        self._process = Path("/proc") / str(pid)
        self.highest = 0

    def memory(self) -> int:
        """Bytes now."""
        total = sum(map(_proportional, _family(self._process)))
        self.highest = max(self.highest, total)
        return total

    def cpu(self) -> float:
        """Seconds since the start, those of ended children included."""
        fields = (self._process / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _family(process: Path) -> Iterator[Path]:
    """A process and those it started; until such a one runs a program of its own, its memory is that of its parent."""
    yield process
    for children in process.glob("task/*/children"):
        for pid in children.read_text().split():
            child = process.parent / pid
            if _command(child) != _command(process):
                yield from _family(child)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return b""


def _proportional(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a number of series needs: bytes at most and at rest, seconds until all are scored, CPU seconds, cores."""

    series: int
    peak: int
    rest: int
    scored: float
    cpu: float
    cores: float

    def row(self, before: "Figures | None") -> str:
        """One row of the table."""
        more = (self.rest - before.rest) / (self.series - before.series) / 1e3 if before else float("nan")
        return (
            f"{self.series:>7} {self.peak / 1e6:>9.0f} {self.rest / 1e6:>9.0f} {more:>9.1f}"
            f" {self.scored:>9.1f} {self.cpu:>9.1f} {self.cores:>11.3f}"
        )


def measure(series: int, scope: str, seconds: int, directory: Path) -> Figures:
    """Runs a sidecar."""
    now = int(time.time()) // STEP * STEP
    prometheus = PrometheusServer(directory / "prometheus", openmetrics(cpu=week(series, now)))
    sidecar = SidecarProcess(directory / "sidecar", CONFIG.format(url=prometheus.url, scope=scope), ready="/-/healthy")
    try:
        prometheus.start()
        begin = time.perf_counter()
        sidecar.start()
        footprint = Footprint(sidecar.pid)
        wait_until(
            lambda: bool(footprint.memory()) and len(sidecar.samples("anomaly_score")) == series, "scores", 1_800
        )
        scored, cpu = time.perf_counter() - begin, footprint.cpu()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            rest = footprint.memory()
            time.sleep(0.5)
        cores = (footprint.cpu() - cpu) / seconds
    finally:
        sidecar.kill()
        prometheus.kill()
    return Figures(series, footprint.highest, rest, scored, cpu, cores)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", nargs="*", type=int, default=[10, 100, 1_000])
    parser.add_argument("--scope", choices=["series", "group"], default="series")
    parser.add_argument("--seconds", type=int, default=20)
    chosen = parser.parse_args()
    print(" series   peak MB   rest MB kB/series scored, s    CPU, s       cores")
    before = None
    for series in chosen.series:
        with tempfile.TemporaryDirectory() as directory:
            found = measure(series, chosen.scope, chosen.seconds, Path(directory))
        print(found.row(before), flush=True)
        before = found


if __name__ == "__main__":
    main()
