"""The frozen result of an evaluation: everything that is served is read from here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import LabelSet

GAUGES: Mapping[str, str] = {
    "anomaly_score": "How anomalous the newest sample is; 1 is the threshold, higher is more anomalous.",
    "anomaly_flag": "Whether the series is in an anomaly: 1 while the alarm fires or recovers, else 0.",
    "anomaly_value": "The newest sample that was scored.",
    "anomaly_expected": "The value that the series' own past lets one expect.",
    "anomaly_lower": "Lower end of the range of values that score below the threshold.",
    "anomaly_upper": "Upper end of the range of values that score below the threshold.",
    "anomaly_start_timestamp_seconds": "Since when the series is in the anomaly, unix time; only while the flag is 1.",
}
"""Every gauge of a series and its help text, in the order of the exposition."""


class State(StrEnum):
    """Why a series has a score, or has none."""

    OK = "ok"
    WARMING = "warming"
    NO_DATA = "no_data"
    STALE = "stale"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """The series of one query that are shown, a row each; all arrays are float64 of shape (rows,).

    They are those that are scored, and those that are flagged because they vanished.

    Attributes:
        labels: the exported label sets (`sidecar.export.labels`), no two equal.
        gauges: the values by metric name, of those in `GAUGES`; NaN where a gauge has no sample for the row.
    """

    labels: tuple[LabelSet, ...] = ()
    gauges: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse gauges that would be served wrongly or not at all."""
        for name, values in self.gauges.items():
            if name not in GAUGES:
                raise ValueError(f"{name} is no gauge of a series, those are {', '.join(GAUGES)}")
            if values.shape != (len(self.labels),):
                raise ValueError(f"{name} has shape {values.shape} for {len(self.labels)} series")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What the newest successful evaluation of one query found.

    Attributes:
        name: the query's name, `anomaly_name` of its series.
        at: when it was evaluated, unix seconds; what is shown expires `staleness` after it.
        sample_time: time of the newest step that was scored, unix seconds.
        series: those that are shown.
        states: number of series by state, every state present.
        dropped: number of series left out, by reason.
        unscored: why each series that is present and not scored is not, by its exported label set.
    """

    name: str
    at: float
    sample_time: int
    series: SeriesTable
    states: Mapping[State, int]
    dropped: Mapping[str, int]
    unscored: Mapping[LabelSet, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the newest evaluation of a query failed.

    Attributes:
        at: when it was tried, unix seconds.
        reason: the message, for people.
    """

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of every configured query.

    Attributes:
        queries: the names of the configured queries, in the order of the configuration.
        staleness: for how long a result is shown, seconds.
        results: the newest result by query; queries that were never evaluated successfully are absent.
        failures: the failure by query, of those whose newest evaluation failed.
    """

    queries: tuple[str, ...] = ()
    staleness: float = 0.0
    results: Mapping[str, QueryResult] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)

    def is_live(self, name: str, now: float) -> bool:
        """Whether the query has a result that has not expired."""
        result = self.results.get(name)
        # A result far in the future is from before the clock was set back: its age is not known.
        return result is not None and abs(now - result.at) <= self.staleness

    def live(self, now: float) -> tuple[QueryResult, ...]:
        """The results that have not expired, in the order of the configuration."""
        return tuple(self.results[name] for name in self.queries if self.is_live(name, now))

    def flagged(self, name: str, now: float) -> int | None:
        """How many series of the query are in an anomaly; None without a result that has not expired."""
        if not self.is_live(name, now):
            return None
        flags = self.results[name].series.gauges.get("anomaly_flag", np.empty(0))
        return int(np.count_nonzero(flags == 1))

    def problem(self, name: str, now: float) -> str | None:
        """Why the query has no current results, or may soon have none; None if all is well."""
        failure = self.failures.get(name)
        if failure:
            return f"failing: {failure.reason}"
        if name not in self.results:
            return "not evaluated yet"
        if not self.is_live(name, now):
            return "stale: the last result has expired"
        return None if any(self.results[name].states.values()) else "empty: the expression returns no series"

    def states(self, name: str, now: float) -> Mapping[State, int]:
        """Number of series of the query by state; what was `ok` is `stale` once the result has expired."""
        result = self.results.get(name)
        states = dict.fromkeys(State, 0) | dict(result.states if result else {})
        if not self.is_live(name, now):
            states |= {State.OK: 0, State.STALE: states[State.OK] + states[State.STALE]}
        return states

    @property
    def configured(self) -> bool:
        """Whether it is known by now which queries there are; there may be none."""
        return self.staleness > 0

    @property
    def unattempted(self) -> tuple[str, ...]:
        """The queries that were not evaluated yet, successfully or not."""
        return tuple(name for name in self.queries if name not in self.results and name not in self.failures)
