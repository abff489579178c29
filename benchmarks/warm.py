"""A query of many series that is warm: its history full, each series fitted and scored, and its evaluations timed."""

import copy
import json
import resource
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from sidecar.config.schema import QueryConfig
from sidecar.detection.fits import FitJob, run
from sidecar.detection.models import Models
from sidecar.detection.watch import Watch
from sidecar.execution.process import ProcessExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.answer import read_range
from sidecar.prometheus.frame import Frame
from sidecar.prometheus.source import LabelValues, RangeResult

STEP, NOW, SHAPES = 300, 1_700_000_100, 64


def query(scope: str) -> QueryConfig:
    """The query whose series are evaluated."""
    return QueryConfig.model_validate(
        {"name": "cpu", "expr": "cpu", "max_series": 100_000, "fit_window": "7d", "scope": scope, "group_by": ["group"]}
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


def children_seconds() -> float:
    """CPU of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
