"""What an evaluation of one query costs.

usage: python benchmarks/evaluation.py [SERIES...] [--runs=N]

History is warm (a week of 5-minute steps per series) and one step is new: from its samples to the published result.
Beside it, in the same process, stands the yardstick: one call of scikit-learn's IsolationForest per series, timed on
one and multiplied. Then the resident memory of the process.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import Executor

import numpy as np
from prometheus_client import CollectorRegistry
from sklearn.ensemble import IsolationForest

from sidecar.config.schema import QueryConfig
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.frame import Frame
from sidecar.prometheus.source import LabelValues, RangeResult

STEP, NOW = 300, 1_700_000_100
QUERY = QueryConfig.model_validate({"name": "cpu", "expr": "cpu", "max_series": 100_000})


class Noise:
    """Daily shapes with noise, the same at each asking."""

    def __init__(self, series: int) -> None:
        self.labels = tuple(sorted((("instance", f"host-{i:05}"), ("job", "node")) for i in range(series)))
        self.phase = np.linspace(0, 2 * np.pi, series)[:, None]

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """The samples on the grid."""
        del expr
        times = np.arange(start, end + 1, step)
        rng = np.random.default_rng(start)
        values = 0.4 + 0.2 * np.sin(times * 2 * np.pi / 86400 + self.phase)
        values += 0.03 * rng.standard_normal(values.shape)
        return RangeResult(Frame(self.labels, start, step, values), requests=1, samples=values.size)

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        """Not asked: nothing is sharded."""
        raise NotImplementedError


def seconds_per_evaluation(series: int, runs: int, executor: Executor) -> tuple[float, float]:
    """Median seconds of a warm evaluation, and seconds of the first fits."""
    board = Board()
    board.configure(["cpu"], staleness=300)
    around = Surroundings(Noise(series), executor, board, Telemetry(CollectorRegistry(), "benchmark"))
    evaluator = Evaluator(QUERY, 0, "UTC", around)
    begin = time.perf_counter()
    for at in (NOW, NOW + 1, NOW + 2):
        evaluator.evaluate(at)
    fitted = time.perf_counter() - begin
    if len(board.snapshot.results["cpu"].series.labels) != series:
        raise SystemExit("not every series is scored")
    taken = []
    for i in range(1, runs + 1):
        evaluator._watch.series.asked[:] = NOW * 2  # noqa: SLF001 no fit within the measurement
        begin = time.process_time()
        evaluator.evaluate(NOW + i * STEP)
        taken.append(time.process_time() - begin)
    return statistics.median(taken), fitted


def yardstick(series: int) -> float:
    """Seconds that scikit-learn takes to score one row of each series, one call per series."""
    rng = np.random.default_rng(0)
    forest = IsolationForest(random_state=0).fit(rng.standard_normal((2016, 5)))
    row = rng.standard_normal((1, 5))
    taken = []
    for _ in range(7):
        begin = time.process_time()
        forest.score_samples(row)
        taken.append(time.process_time() - begin)
    return statistics.median(taken) * series


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    for series in arguments.series:
        evaluation, first_fits = seconds_per_evaluation(series, arguments.runs, LocalExecutor())
        by_sklearn = yardstick(series)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{series} series: {evaluation:.3f} s of CPU an evaluation, scikit-learn alone {by_sklearn:.1f} s "
            f"({by_sklearn / evaluation:.0f} times as much); first fits {first_fits:.1f} s; "
            f"peak resident {resident:.0f} MB"
        )


if __name__ == "__main__":
    main()
