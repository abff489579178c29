"""Weeks of churning pods in minutes: nothing grows."""

import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sidecar.prometheus.frame import Frame
from sidecar.prometheus.source import LabelValues, RangeResult
from tests.faults.bench import NOW, Bench, host

HOUR, DAY, STEP = 3_600, 86_400, 600
DAYS = 24
WARM_UP = 6
STEADY, PODS, LIFE = 20, 100, 2
PAGE = 4096


class Churn:
    """Hosts that stay, and, from now on, pods that live for 20 minutes under a name of their own."""

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        assert expr
        times = range(start, end + 1, step)
        hosts = [f"host-{number:02}" for number in range(STEADY)]
        alive = [set(hosts) | set(pods(at // step)) for at in times]
        names = sorted(set().union(*alive))
        noise = np.array([np.random.default_rng(at).random(len(names)) for at in times]).T
        there = np.array([[name in now for now in alive] for name in names])
        values = np.where(there, 0.3 + 0.03 * noise, np.nan)
        frame = Frame(tuple(host(name) for name in names), start, step, values)
        return RangeResult(frame, requests=1, samples=int(there.sum()))

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        raise AssertionError(f"no shard asks for {label} of {selectors} from {start} to {end}")


def pods(at: int) -> list[str]:
    return [f"pod-{number}-{(at + number) // LIFE}" for number in range(PODS)] if at * STEP > NOW else []


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_simulated_weeks(seconds: float) -> None:
    """At least 24 days, more where there is time."""
    bench, begin = Bench(Churn(), step=STEP, min_history=6 * HOUR), time.monotonic()
    at, day, peaks, before = NOW, 0, [], (0, 0, 0, 0)
    while day < DAYS or time.monotonic() - begin < seconds / 2:
        day += 1
        peak = 0
        for tick in range(DAY // STEP):
            at += STEP
            bench.tick(at)
            if tick % (HOUR // STEP) == 0:
                assert "anomaly_score{" in bench.exposition or day == 1
                peak = max(peak, resident())
        peaks.append(peak)
        now = (threading.active_count(), descriptors(), len(bench.evaluator._watch.labels), len(bench.exposition))
        if day == WARM_UP:
            before = now
        assert day <= WARM_UP or all(a <= 1.1 * b for a, b in zip(now, before, strict=True)), (now, before)
    after = peaks[WARM_UP:]
    spread = (max(after) - min(after)) / min(after)
    told = f"{peaks[0] >> 20} on the first, {min(after) >> 20} to {max(after) >> 20} after warm-up ({spread:.1%})"
    pace = 60 * day / (time.monotonic() - begin)
    sys.stderr.write(f"\n{day} simulated days, {pace:.1f} a minute; resident MiB: {told}\n")
    assert bench.counted("evaluation_failures_total") == 0
    assert bench.counted("evaluations_total") == day * DAY // STEP
    assert spread < 0.1
