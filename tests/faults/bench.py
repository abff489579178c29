"""An evaluator over any source, at times that the test chooses, and what it showed at each of them."""

import threading
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from sidecar.config.schema import QueryConfig
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.snapshot import State
from sidecar.export.telemetry import ResultsCollector, Telemetry
from sidecar.export.text import Format
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.frame import LabelSet
from sidecar.prometheus.shard import ListingSource

STEP = 300
NOW = 1_700_000_100
STALENESS = 300
HOSTS = ("a", "b", "c", "d")
QUERY = QueryConfig.model_validate(
    {"name": "cpu", "expr": "cpu", "step": "5m", "fit_window": "2d", "fit_every": "1d", "min_history": "4h"}
)

SERIES = "anomaly_sidecar_series"

Shown = dict[LabelSet, dict[str, float]]
"""The gauges of each series."""


def host(name: str) -> LabelSet:
    return (("instance", name), ("job", "node"))


def noise(name: str, end: int, steps: int = 800) -> dict[int, float]:
    """Samples of a host up to `end`: the same at a time wherever they end."""
    times = range(end - end % STEP - (steps - 1) * STEP, end + 1, STEP)
    return {at: 0.3 + 0.03 * float(np.random.default_rng([at, ord(name[0])]).standard_normal()) for at in times}


class Bench:
    """One query's evaluator, its board, its metrics."""

    def __init__(
        self, source: ListingSource, executor: Executor | None = None, offset: int = 0, **query: object
    ) -> None:
        self.registry = CollectorRegistry()
        self.board = Board()
        self.board.configure(["cpu"], STALENESS)
        self.at = float(NOW)
        telemetry = Telemetry(self.registry, "test")
        telemetry.declare(["cpu"])
        self.registry.register(ResultsCollector(self.board, lambda: self.at))
        around = Surroundings(source, executor or LocalExecutor(), self.board, telemetry, 30)
        self.evaluator = Evaluator(QUERY.model_copy(update=query), offset, "UTC", around)
        self._exposition = Exposition(self.board, self.registry, lambda: self.at)

    def tick(self, at: float) -> Shown:
        """Evaluate at a time, and return what is then shown."""
        self.at = at
        self.evaluator.evaluate(at)
        return self.shown

    def ticks(self, times: Iterable[float]) -> dict[float, Shown]:
        return {at: self.tick(at) for at in times}

    @property
    def shown(self) -> Shown:
        """What is live now."""
        return {
            labels: {name: float(values[row]) for name, values in result.series.gauges.items()}
            for result in self.board.snapshot.live(self.at)
            for row, labels in enumerate(result.series.labels)
        }

    @property
    def states(self) -> dict[State, float]:
        """Series by state, as the metric tells them."""
        counts = (
            (state, self.registry.get_sample_value(SERIES, {"anomaly_name": "cpu", "state": state})) for state in State
        )
        return {state: count for state, count in counts if count}

    @property
    def exposition(self) -> str:
        return b"".join(self._exposition.render(Format.TEXT, compress=False)).decode()

    def counted(self, name: str) -> float:
        of_query = self.registry.get_sample_value(f"anomaly_sidecar_{name}", {"anomaly_name": "cpu"})
        value = self.registry.get_sample_value(f"anomaly_sidecar_{name}") if of_query is None else of_query
        assert value is not None
        return value


def warm(source: ListingSource, **keys: object) -> Bench:
    """A bench whose models are fitted and in use at NOW."""
    bench = Bench(source, **keys)  # type: ignore[arg-type]
    bench.ticks((NOW, NOW + 1, NOW + 2))
    return bench


def same(some: Shown, others: Shown) -> bool:
    """Whether two benches show the same series with the same values, to the last bit."""
    return some.keys() == others.keys() and all(
        gauges.keys() == others[labels].keys()
        and all(np.array_equal(value, others[labels][name], equal_nan=True) for name, value in gauges.items())
        for labels, gauges in some.items()
    )


def held() -> tuple[int, int]:
    """Threads and descriptors of this process."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
