"""What fits, scores, evaluations and the memory of one query cost, beside scikit-learn in the same process.

    python -m benchmarks.evaluation [SERIES...] [--scope=S] [--siblings=N] [--runs=N] [--plot=FILE]

A week of 5-minute steps per series, with the lookback full. An evaluation goes from the bytes of Prometheus' answer
with one new step to the published snapshot, without the search for the bands of the series whose turn it is, which
comes on top; `scoring` is the part that scikit-learn's `score_samples` would do, and `band` what the search takes for
one series. All times are CPU seconds of this process, medians.
One bundle of series is fitted, as by the loop in a process of its own whose start counts, and copies of its models
serve all the others: the time of scoring does not depend on what is in a model. With `--scope=group` series stand in
groups of `--siblings`, 100. The yardsticks are one `fit` and one `score_samples` of scikit-learn's IsolationForest,
multiplied by the number of series. `--plot` draws what an evaluation costs over the number of series.
"""

import argparse
import copy
import gc
import json
import logging
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from sklearn.ensemble import IsolationForest

from sidecar.allocator import give_back_large_blocks
from sidecar.config.schema import QueryConfig
from sidecar.detection import detector
from sidecar.detection.fits import FitJob, run
from sidecar.detection.models import Models
from sidecar.detection.settings import Settings
from sidecar.detection.watch import Watch
from sidecar.execution.process import ProcessExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.answer import read_range
from sidecar.prometheus.frame import Frame
from sidecar.prometheus.source import LabelValues, RangeResult

STEP, NOW, SHAPES = 300, 1_700_000_100, 64
TURN = 512
"""Series whose bands are sought to see what that takes: an evaluation seeks those of about as many of 10,000."""


def query(scope: str) -> QueryConfig:
    """The query whose series are evaluated."""
    return QueryConfig.model_validate(
        {"name": "cpu", "expr": "cpu", "max_series": 100_000, "fit_window": "7d", "scope": scope, "group_by": ["group"]}
    )


HEAD = (
    "series  evaluation, s  and its bands, s  scoring, s  scikit-learn / scoring  band, ms  fit, ms  scikit-learn / fit"
    "  kB held  of it history  models  one by one differs"
)


class Noise:
    """Daily shapes with noise, the same at each asking; the newest steps come as Prometheus' JSON."""

    def __init__(self, series: int, siblings: int) -> None:
        self.labels = tuple(
            sorted(
                (("group", f"g{i // siblings}"), ("instance", f"host-{i:05}"), ("job", "node")) for i in range(series)
            )
        )
        self.bodies: dict[int, bytes] = {}

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """The samples on the grid."""
        del expr
        if start == end and end in self.bodies:
            return read_range(self.bodies[end], start, end, step)
        values = self._values(np.arange(start, end + 1, step))
        return RangeResult(Frame(self.labels, start, step, values), requests=1, samples=values.size)

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        """Not asked: nothing is sharded."""
        raise NotImplementedError

    def encode(self, at: int) -> None:
        """Keeps the answer for one step ready."""
        values = self._values(np.array([at]))[:, 0].tolist()
        result = [
            {"metric": {"__name__": "cpu", **dict(labels)}, "values": [[at, f"{value}"]]}
            for labels, value in zip(self.labels, values, strict=True)
        ]
        answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        self.bodies[at] = json.dumps(answer).encode()

    def _values(self, times: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(int(times[0]))
        phase = np.linspace(0, 2 * np.pi, SHAPES)[:, None]
        shapes = 0.4 + 0.2 * np.sin(times * 2 * np.pi / 86_400 + phase)
        shapes += 0.03 * rng.standard_normal(shapes.shape)
        return np.resize(shapes, (len(self.labels), len(times)))


class OneBundle(Executor):
    """Fits the first bundle and gives its models to all others; tells how long a series took."""

    def __init__(self) -> None:
        self.models: Models | None = None
        self.seconds = float("nan")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:  # noqa: ANN401
        """Answers at once."""
        del fn, keywords
        future: Future[Any] = Future()
        future.set_result([self._fitted(job) for job in args[0]])
        return future

    def _fitted(self, job: FitJob) -> Models:
        if self.models is None:
            begin = children_seconds()
            [self.models] = ProcessExecutor().submit(run, [job]).result()
            self.seconds = (children_seconds() - begin) / len(job.labels)
        models = self.models.take(np.arange(len(job.labels)) % len(self.models))
        return (
            models
            if job.siblings
            else Models.concatenate([copy.deepcopy(models.take(np.array([i]))) for i in range(len(models))])
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What one number of series costs: CPU seconds, and bytes per series.

    An evaluation seeks some series' `bands`, which has a figure of its own.
    """

    series: int
    evaluation: float
    bands: float
    scoring: float
    band: float
    fit: float
    held: float
    history: float
    models: float
    apart: float


class Warm:
    """A query all of whose series are scored, and whose evaluations are timed."""

    def __init__(self, series: int, scope: str, siblings: int) -> None:
        self.source, self.executor, self.board = Noise(series, siblings), OneBundle(), Board()
        self.board.configure(["cpu"], staleness=300)
        around = Surroundings(self.source, self.executor, self.board, Telemetry(CollectorRegistry(), "benchmark"))
        self.evaluator = Evaluator(query(scope), 0, "UTC", around)
        for at in range(NOW, NOW + STEP):
            self.evaluator.evaluate(at)
            if len(self.board.snapshot.results["cpu"].series.labels) == series:
                return
        raise SystemExit("not every series is scored")

    @property
    def watch(self) -> Watch:
        """The models and alarms."""
        return self.evaluator._watch  # noqa: SLF001 what it costs is looked at from inside

    def frame(self, at: int) -> Frame:
        """The history up to a step that was evaluated."""
        return self.evaluator._history.advance(at).frame  # noqa: SLF001 as above

    def evaluations(self, runs: int) -> tuple[list[float], list[float]]:
        """CPU seconds of evaluations of one new step each, and those in which bands were sought."""
        whole, bands, bound = [], [], self.watch.bound

        def timed(frame: Frame, rows: NDArray[np.intp]) -> None:
            bands.append(cpu_seconds(lambda: bound(frame, rows)))

        self.watch.bound = timed  # type: ignore[method-assign]
        for i in range(1, runs + 1):
            at = NOW + i * STEP
            self.source.encode(at)
            self.watch.series.asked[:] = NOW * 2  # no fit within the measurement
            whole.append(cpu_seconds(partial(self.evaluator.evaluate, at)))
        self.watch.bound = bound  # type: ignore[method-assign]
        if self.board.snapshot.results["cpu"].sample_time != NOW + runs * STEP:
            raise SystemExit("the newest step is not scored")
        self.source.bodies.clear()
        return whole, bands


def measured(series: int, scope: str, siblings: int, runs: int) -> Figures:
    """Runs a warm query."""
    before = resident()
    warm = Warm(series, scope, siblings)
    whole, bands = warm.evaluations(runs)
    gc.collect()
    held = resident() - before
    frame, watch = warm.frame(NOW + runs * STEP), warm.watch
    models, values, settings = watch.series.models, frame.values, watch.settings
    scoring = [cpu_seconds(lambda: detector.score(models, values, frame.end, settings, 1)) for _ in range(runs)]
    turn = np.arange(min(series, TURN))
    searching = [cpu_seconds(lambda: watch.bound(frame, turn)) for _ in range(runs)]
    return Figures(
        series,
        statistics.median(np.subtract(whole, bands)),
        statistics.median(bands),
        statistics.median(scoring),
        statistics.median(searching) / len(turn),
        warm.executor.seconds,
        held / series,
        values.nbytes / series,
        size_of(models) / series,
        apart(models, frame, settings),
    )


def apart(models: Models, frame: Frame, settings: Settings) -> float:
    """The largest relative difference between scores of all series at once and one by one, of some fifty."""
    rows = np.arange(0, len(models), max(1, len(models) // 50))
    whole = detector.score(models, frame.values, frame.end, settings, 1).score[rows, 0]
    alone = [
        detector.score(models.take(rows[[i]]), frame.values[rows[[i]]], frame.end, settings, 1).score[0, 0]
        for i in range(len(rows))
    ]
    return float(np.abs(alone / whole - 1).max())


def size_of(models: Models) -> int:
    """Bytes of models, each set of curves once."""
    shared = {id(curves): curves for curves in models.tables.curves.tolist()}.values()
    own = sum(part.nbytes for part in models.arrays())
    return own + sum(int(curves.at.nbytes + curves.rarity.nbytes + curves.slope.nbytes) for curves in shared)


def children_seconds() -> float:
    """CPU of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def resident() -> int:
    """Bytes of memory that the process holds now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


def yardsticks(runs: int) -> tuple[float, float]:
    """Seconds of a fit and of scoring one row, by scikit-learn, on as many rows and features as ours."""
    rng = np.random.default_rng(0)
    rows, row = rng.standard_normal((2016, 5)), rng.standard_normal((1, 5))
    forest = IsolationForest(random_state=0)
    fits = [cpu_seconds(lambda: forest.fit(rows)) for _ in range(runs)]
    scores = [cpu_seconds(lambda: forest.score_samples(row)) for _ in range(runs)]
    return statistics.median(fits), statistics.median(scores)


def table(found: list[Figures], fit: float, score: float) -> str:
    """The figures, and their ratios to the yardsticks."""
    lines = [f"scikit-learn: {fit:.4f} s a fit, {score:.4f} s to score a row", HEAD]
    lines += [
        f"{one.series:>6}  {one.evaluation:>13.4f}  {one.bands:>16.4f}  {one.scoring:>10.4f}"
        f"  {score * one.series / one.scoring:>22.0f}"
        f"  {1000 * one.band:>8.2f}  {1000 * one.fit:>7.1f}  {fit / one.fit:>18.1f}"
        f"  {one.held / 1000:>7.1f}  {one.history / 1000:>13.1f}  {one.models / 1000:>6.1f}  {one.apart:>18.1e}"
        for one in found
    ]
    return "\n".join(lines)


def draw(found: list[Figures], score: float, target: Path) -> None:
    """Cost over the number of series."""
    from matplotlib.figure import Figure  # noqa: PLC0415 slow to import, and only for the picture

    series = [one.series for one in found]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.loglog(
        series, [one.evaluation + one.bands for one in found], "o-", label="one evaluation of the query, with its bands"
    )
    axes.loglog(series, [score * one.series for one in found], "--", label="scikit-learn, a call per series")
    axes.set(xlabel="series", ylabel="CPU seconds")
    axes.legend()
    axes.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(target, dpi=120)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--scope", choices=["series", "group"], default="series")
    parser.add_argument("--siblings", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    give_back_large_blocks()  # as a sidecar does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    fit, score = yardsticks(arguments.runs)
    found = [measured(series, arguments.scope, arguments.siblings, arguments.runs) for series in arguments.series]
    print(table(found, fit, score))
    if arguments.plot:
        draw(found, score, arguments.plot)


if __name__ == "__main__":
    main()
