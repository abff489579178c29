from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from sidecar.export.labels import exported
from sidecar.export.snapshot import QueryResult, SeriesTable, State

MakeResult = Callable[..., QueryResult]


@pytest.fixture
def make_result() -> MakeResult:
    def result(name: str, at: float, pods: Sequence[str] = (), **gauges: Sequence[float]) -> QueryResult:
        labels = tuple(exported((("pod", pod),), name, {}) for pod in pods)
        values: Mapping[str, np.ndarray] = {gauge: np.array(column, dtype=float) for gauge, column in gauges.items()}
        return QueryResult(
            name=name,
            at=at,
            sample_time=int(at),
            series=SeriesTable(labels, values),
            states=dict.fromkeys(State, 0) | {State.OK: len(pods), State.WARMING: 2},
            dropped={"max_series": 3},
        )

    return result
