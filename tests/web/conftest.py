from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from sidecar.config.schema import QueryConfig
from sidecar.detection.review import Case
from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import exported
from sidecar.export.snapshot import QueryResult, SeriesTable, State
from sidecar.export.telemetry import Telemetry
from sidecar.prometheus.frame import LabelSet
from sidecar.web.backend import Backend
from tests.web.browser import Browser, chromium

AT = 1_700_000_000.0


@dataclass
class Sidecar:
    """What stands behind the routes in these tests, each answer settable."""

    board: Board = field(default_factory=Board)
    now: float = AT
    not_ready: str | None = None
    config: str = "queries: []\n"
    reload_failure: str | None = None
    reloads: int = 0
    cases: dict[LabelSet, Case] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.registry, "test")

    def reload(self) -> str | None:
        self.reloads += 1
        return self.reload_failure

    def publish(self, query: str, scores: dict[str, float], unscored: dict[str, State] | None = None) -> None:
        others = {exported((("pod", pod),), query, {}): state for pod, state in (unscored or {}).items()}
        labels = tuple(exported((("pod", pod),), query, {}) for pod in scores)
        score = np.array(list(scores.values()), dtype=float)
        gauges = {"anomaly_score": score, "anomaly_flag": (score >= 1).astype(float)}
        states = dict.fromkeys(State, 0) | {State.OK: len(scores)}
        for state in others.values():
            states[state] += 1
        table = SeriesTable(labels, gauges)
        self.board.publish(QueryResult(query, self.now, int(self.now), table, states, {}, others))

    @property
    def backend(self) -> Backend:
        return Backend(
            exposition=Exposition(self.board, CollectorRegistry(), lambda: self.now),
            snapshot=lambda: self.board.snapshot,
            clock=lambda: self.now,
            not_ready=lambda: self.not_ready,
            config=lambda: self.config,
            queries=lambda: {name: query(name) for name in self.board.snapshot.queries},
            case=lambda _, labels: self.cases.get(labels),
            reload=self.reload,
            telemetry=self.telemetry,
        )


def query(name: str) -> QueryConfig:
    return QueryConfig(name=name, expr="up", unit="ratio", step=300)


@pytest.fixture
def sidecar() -> Sidecar:
    sidecar = Sidecar()
    sidecar.board.configure(["cpu", "load"], 300)
    return sidecar


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
