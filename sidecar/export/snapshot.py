"""The frozen result of an evaluation: everything that is served is read from here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import LabelSet


class State(StrEnum):
    """Why a series has a score, or has none."""

    OK = "ok"
    WARMING = "warming"
    NO_DATA = "no_data"
    STALE = "stale"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """The series of one query that are scored (`State.OK`), a row each; all arrays are float64 of shape (rows,).

    Attributes:
        labels: the exported label sets, in ascending order: source labels without `__name__`, the query's own
            labels, `anomaly_name`, and `instance` and `job`, empty where the source has none.
        gauges: the values by metric name, `anomaly_score` and so on; NaN where a gauge has no sample for the row.
    """

    labels: tuple[LabelSet, ...] = ()
    gauges: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What the newest evaluation of one query found.

    Attributes:
        name: the query's name, `anomaly_name` of its series.
        at: when it was evaluated, unix seconds; what is shown expires `staleness` after it.
        sample_time: time of the newest step that was scored, unix seconds.
        series: the scored series.
        states: number of series by state, every state present.
        dropped: number of series left out, by reason.
    """

    name: str
    at: float
    sample_time: int
    series: SeriesTable
    states: Mapping[State, int]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest result of every query, by name; queries that were never evaluated successfully are absent."""

    results: Mapping[str, QueryResult] = field(default_factory=dict)
