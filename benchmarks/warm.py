"""A query of many series that is warm: its history full, each series fitted and scored, and its evaluations timed."""

import copy
import json
import math
import resource
import statistics
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
from sidecar.detection.schedule import SLOTS, TURNS, Schedule
from sidecar.detection.watch import Fitted, Watch
from sidecar.execution.process import ProcessExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.loop.fitting import count
from sidecar.loop.terms import schedule_of
from sidecar.prometheus.answer import read_range
from sidecar.prometheus.frame import Frame, View
from sidecar.prometheus.source import LabelValues, RangeResult

STEP, NOW, SHAPES = 300, 1_700_000_100, 64


def query(scope: str, fit_window: str) -> QueryConfig:
    """The query whose series are evaluated."""
    given = {"max_series": 100_000, "fit_window": fit_window, "scope": scope, "group_by": ["group"]}
    return QueryConfig.model_validate({"name": "cpu", "expr": "cpu"} | given)


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
    """Fits the first bundle several times, and gives models of it to all others; tells how long a series took.

    Attributes:
        models: those of the bundle, once it is fitted.
        seconds: CPU of one series in the whole bundle, as of a start.
        daily: the same in a part of it with `together` series, as many as go to one process on an ordinary day.
    """

    def __init__(self, runs: int, together: int) -> None:
        self.models: Models | None = None
        self.seconds = self.daily = float("nan")
        self._runs, self._together = runs, together

    def submit(self, fn: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:  # noqa: ANN401
        """Answers at once."""
        del fn, keywords
        future: Future[Any] = Future()
        jobs: list[FitJob] = args[0]
        models = self._fitted(jobs) if self.models is None else self.models
        future.set_result([of_series(models, job) for job in jobs])
        return future

    def _fitted(self, jobs: list[FitJob]) -> Models:
        self.models, self.seconds = self._timed(jobs)
        _, self.daily = self._timed(first_of(jobs, self._together))
        return self.models

    def _timed(self, jobs: list[FitJob]) -> tuple[Models, float]:
        found, taken = [], []
        for _ in range(self._runs):
            begin = children_seconds()
            found = ProcessExecutor().submit(run, jobs).result()
            taken.append(children_seconds() - begin)
        return found[0], statistics.median(taken) / count(jobs)


def first_of(jobs: list[FitJob], series: int) -> list[FitJob]:
    """The first jobs that have so many series."""
    return jobs[: 1 + int(np.searchsorted(np.cumsum([len(job.labels) for job in jobs]), series))]


def together(schedule: Schedule, series: int) -> int:
    """How many of so many series are fitted in one process on an ordinary day, as turns wait for each other."""
    turn = schedule.fit_every / (SLOTS * TURNS)
    return math.ceil(series / (SLOTS * TURNS) * (1 + schedule.patience // turn))


def of_series(models: Models, job: FitJob) -> Models:
    """Copies of models for the series of a job."""
    found = models.take(np.arange(len(job.labels)) % len(models))
    if job.siblings:
        return found
    return Models.concatenate([copy.deepcopy(found.take(np.array([row]))) for row in range(len(found))])


class Warm:
    """A query all of whose series are scored, and whose evaluations are timed."""

    def __init__(self, asked: QueryConfig, series: int, siblings: int, runs: int) -> None:
        schedule = schedule_of(asked, "UTC")
        self.source, self.board = Noise(series, siblings), Board()
        self.executor = OneBundle(runs, together(schedule, series))
        self.newest = NOW
        self.board.configure(["cpu"], staleness=300)
        around = Surroundings(self.source, self.executor, self.board, Telemetry(CollectorRegistry(), "benchmark"), 30)
        self.evaluator = Evaluator(asked, 0, "UTC", around)
        for at in range(NOW, NOW + STEP):
            self.evaluator.evaluate(at)
            if len(self.board.snapshot.results["cpu"].series.labels) == series:
                return
        raise SystemExit("not every series is scored")

    @property
    def watch(self) -> Watch:
        """The models and alarms."""
        return self.evaluator._watch  # noqa: SLF001 what it costs is looked at from inside

    def frame(self, at: int) -> View:
        """The history up to a step that was evaluated."""
        return self.evaluator._history.advance(at).frame  # noqa: SLF001 as above

    def renew(self) -> None:
        """Has the series of one turn, siblings together, change to new models at the next step."""
        series, schedule = self.watch.series, self.watch.schedule
        rows = np.argsort(series.groups, kind="stable")[: -(-len(self.watch.labels) // (SLOTS * TURNS))]
        instant = self.newest + STEP - schedule.lead
        labels = tuple(self.watch.labels[row] for row in rows)
        self.watch.fresh.append(Fitted(labels, instant, series.models.take(rows)))

    def evaluations(self, runs: int, before: Callable[[], object] = lambda: None) -> tuple[list[float], list[float]]:
        """CPU seconds of evaluations of one new step each, and those in which bands were sought.

        `before` is called ahead of each.
        """
        whole, bands, find_bands = [], [], self.watch.find_bands

        def timed(frame: View, rows: NDArray[np.intp]) -> None:
            bands.append(cpu_seconds(lambda: find_bands(frame, rows)))

        self.watch.find_bands = timed  # type: ignore[method-assign]
        for _ in range(runs):
            before()
            self.newest += STEP
            self.source.encode(self.newest)
            self.watch.series.asked[:] = NOW * 2  # no fit within the measurement
            whole.append(cpu_seconds(partial(self.evaluator.evaluate, self.newest)))
        self.watch.find_bands = find_bands  # type: ignore[method-assign]
        if self.board.snapshot.results["cpu"].sample_time != self.newest:
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
