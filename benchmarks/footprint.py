"""What `sidecar run` needs in memory and CPU, beside what scikit-learn holds.

    python -m benchmarks.footprint [SERIES...] [--scope=S] [--seconds=N] [--runs=N]

A real Prometheus holds a week of 5-minute steps per series, of workloads with 100 series each. The sidecar starts cold,
fetches and fits all of it, and runs until every series has its band, and then for some seconds: 300, a step, so that
one new step with the search for the bands at it is among them, and with luck some fits. Evaluations come every second,
so all bands are sought at each step; at the default interval of 30 seconds those of more than 640 series take two
steps. Printed are medians of the runs:

- the highest and the last memory of its processes together: resident, and proportional. The latter shares what is
  mapped more than once among all that map it, also with the Python of this benchmark;
- the last resident memory per series beyond those of the line before, and how often that goes into what a fitted
  IsolationForest of scikit-learn holds, on as many features; and the last resident memory over that of a process that
  has only imported scikit-learn;
- the seconds until every series had a score and the CPU that took, the seconds until every series had its band, and the
  cores used from then on.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from sidecar.detection import features
from sidecar.detection.settings import Settings
from tests.real.processes import wait_until
from tests.real.servers import PrometheusServer, Sample, openmetrics
from tests.real.sidecar import SidecarProcess

T = TypeVar("T")
STEP, WEEK = 300, 7 * 86_400
AHEAD = 3_600
"""Seconds of samples in the future, per run: the import of ten thousand series takes minutes, and so does a start."""
CONFIG = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 1s
offset: 0s
queries:
  - {{name: cpu, expr: cpu, max_series: 100000, fit_window: 7d, scope: {scope}}}
"""


def week(series: int, now: int, ahead: int) -> Iterator[Sample]:
    """Daily shapes with noise, so many seconds into the future."""
    rng = np.random.default_rng(7)
    times = np.arange(now - WEEK - 86_400, now + ahead, STEP)
    for number in range(series):
        values = 0.4 + 0.2 * np.sin(times * 2 * np.pi / 86_400 + number) + 0.03 * rng.standard_normal(len(times))
        labels = {"instance": f"host-{number:05}", "job": "node", "namespace": "n", "workload": f"w{number // 100}"}
        yield from ((labels, int(at), round(float(value), 5)) for at, value in zip(times, values, strict=True))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of some processes."""

    resident: int
    proportional: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.resident + other.resident, self.proportional + other.proportional)

    def or_more(self, other: "Memory") -> "Memory":
        """The greater of either kind."""
        return Memory(max(self.resident, other.resident), max(self.proportional, other.proportional))


NOTHING = Memory(0, 0)


class Footprint:
    """The memory and CPU of a process and of those it starts, from /proc."""

    def __init__(self, pid: int) -> None:
        self._process = Path("/proc") / str(pid)
        self.highest = NOTHING

    def memory(self) -> Memory:
        """What they hold now."""
        total = sum(map(_held, _family(self._process)), NOTHING)
        self.highest = self.highest.or_more(total)
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


def _held(process: Path) -> Memory:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return NOTHING
    found = {name: int(amount.split()[0]) * 1024 for name, _, amount in (line.partition(":") for line in lines[1:])}
    return Memory(found.get("Rss", 0), found.get("Pss", 0))


@dataclass(frozen=True, slots=True)
class Forest:
    """What scikit-learn holds, bytes: a process that has imported it, and a fitted forest."""

    imported: int
    fitted: int

    @classmethod
    def measured(cls, features: int) -> "Forest":
        """Of so many features."""
        command = [sys.executable, "-m", "benchmarks.held", str(features)]
        return cls(*map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a number of series needs.

    Bytes at most and at rest, seconds until all are scored and the CPU that takes, seconds until all have bands, cores.
    """

    peak: float
    peak_proportional: float
    rest: float
    rest_proportional: float
    scored: float
    cpu: float
    bands: float
    cores: float


def medians(runs: Sequence[T]) -> T:
    """A record of some, all of whose fields are numbers: the median of each field."""
    return type(runs[0])(*map(statistics.median, zip(*map(astuple, runs), strict=True)))  # type: ignore[arg-type]


HEAD = (
    " series  peak MB  proportional  rest MB  proportional  kB/series  forest / series  rest / import"
    "  scored, s  CPU, s  bands, s  cores"
)


def row(series: int, found: Figures, forest: Forest, before: tuple[int, Figures] | None) -> str:
    """One row of the table; `before` is what the line before it is made of."""
    more = (found.rest - before[1].rest) / (series - before[0]) if before else float("nan")
    return (
        f"{series:>7}  {found.peak / 1e6:>7.0f}  {found.peak_proportional / 1e6:>12.0f}"
        f"  {found.rest / 1e6:>7.0f}  {found.rest_proportional / 1e6:>12.0f}"
        f"  {more / 1e3:>9.1f}  {forest.fitted / more:>15.0f}  {found.rest / forest.imported:>13.2f}"
        f"  {found.scored:>9.1f}  {found.cpu:>6.1f}  {found.bands:>8.1f}  {found.cores:>5.3f}"
    )


def measure(series: int, scope: str, seconds: int, runs: int, directory: Path) -> Figures:
    """Runs sidecars, one after the other."""
    now = int(time.time()) // STEP * STEP
    prometheus = PrometheusServer(directory / "prometheus", openmetrics(cpu=week(series, now, AHEAD * runs)))
    config = CONFIG.format(url=prometheus.url, scope=scope)
    try:
        prometheus.start()
        return medians([one_run(series, config, seconds, directory / f"{run}") for run in range(runs)])
    finally:
        prometheus.kill()


def one_run(series: int, config: str, seconds: int, directory: Path) -> Figures:
    """Runs a sidecar."""
    sidecar = SidecarProcess(directory, config, ready="/-/healthy")

    def all_have(gauge: str) -> bool:
        footprint.memory()
        return len(sidecar.samples(gauge)) == series

    try:
        begin = time.perf_counter()
        sidecar.start()
        footprint = Footprint(sidecar.pid)
        wait_until(lambda: all_have("anomaly_score"), "scores", 1_800)
        scored, cpu = time.perf_counter() - begin, footprint.cpu()
        wait_until(lambda: all_have("anomaly_lower"), "bands", 1_800)
        bands, before = time.perf_counter() - begin, footprint.cpu()
        rest, end = footprint.memory(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            time.sleep(0.5)
            rest = footprint.memory()
        cores = (footprint.cpu() - before) / seconds
    finally:
        sidecar.kill()
    highest = footprint.highest
    return Figures(highest.resident, highest.proportional, rest.resident, rest.proportional, scored, cpu, bands, cores)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", nargs="*", type=int, default=[10, 100, 1_000])
    parser.add_argument("--scope", choices=["series", "group"], default="series")
    parser.add_argument("--seconds", type=int, default=STEP)
    parser.add_argument("--runs", type=int, default=1)
    chosen = parser.parse_args()
    ours = len(features.names(Settings(STEP, fit_window=WEEK)))
    single, forest = Forest.measured(1), Forest.measured(ours)
    print(
        f"scikit-learn: {forest.imported / 1e6:.0f} MB resident once imported; a fitted forest of 1 feature"
        f" {single.fitted / 1e3:.0f} kB, of {ours} {forest.fitted / 1e3:.0f} kB"
    )
    print(HEAD)
    before = None
    for series in chosen.series:
        with tempfile.TemporaryDirectory() as directory:
            found = measure(series, chosen.scope, chosen.seconds, chosen.runs, Path(directory))
        print(row(series, found, forest, before), flush=True)
        before = series, found


if __name__ == "__main__":
    main()
