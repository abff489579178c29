"""The sidecar's own metrics, `anomaly_sidecar_*`."""

import math
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.detection.outcome import Reason
from sidecar.export.board import Board
from sidecar.export.snapshot import State

PREFIX = "anomaly_sidecar_"

DROP_REASONS = ("max_series",)
"""Why a series of a query is left out, as far as is known from the start."""

SUPPRESSION_REASONS = {
    Reason.WRONG_DIRECTION: "direction",
    Reason.SMALL_DEVIATION: "min_deviation",
    Reason.INVALID_VALUE: "valid_range",
    Reason.SUPPRESSED: "suppress_when",
}
"""Why an anomaly does not raise the flag."""

_EVALUATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_FIT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Telemetry:
    """What the sidecar counts about itself.

    The metrics are attributes; those that concern one query have the label `anomaly_name` first. `declare` makes them
    exist before anything happened, so that a rate over the first increment is right.
    """

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(PREFIX + name, text, labels, registry=registry, buckets=buckets)

        query = ANOMALY_NAME
        build_info = gauge("build_info", "Always 1; what is running.", "version", "python_version")
        build_info.labels(version, platform.python_version()).set(1)
        self.prometheus_up = gauge(
            "prometheus_up", "Whether the newest answer of Prometheus could be used; NaN before one."
        )
        self.prometheus_up.set(math.nan)
        self.config_last_reload_successful = gauge(
            "config_last_reload_successful", "Whether the newest attempt to load the configuration succeeded."
        )
        self.config_last_reload_success_timestamp_seconds = gauge(
            "config_last_reload_success_timestamp_seconds", "When the configuration was last loaded, unix time."
        )
        self.query_info = gauge(
            "query_info", "Always 1; the unit of the values, and where users reach this.", query, "unit", "external_url"
        )
        self.evaluations = counter("evaluations_total", "Evaluations begun.", query)
        self.evaluation_failures = counter("evaluation_failures_total", "Evaluations that failed.", query)
        self.evaluation_duration_seconds = histogram(
            "evaluation_duration_seconds", "Time an evaluation took, the query included.", _EVALUATION_BUCKETS, query
        )
        self.iterations_missed = counter(
            "iterations_missed_total", "Evaluations left out because the one before was still running.", query
        )
        self.alarms = counter(
            "alarms_total", "Times that a flag was raised; not those that a start finds raised.", query
        )
        self.alarm_budget_per_second = gauge(
            "alarm_budget_per_second", "Alarms per series that are tolerated while nothing is wrong.", query
        )
        self.flags_suppressed = counter(
            "flags_suppressed_total",
            "Scores over the threshold, and steps of vanished series, that were ruled out.",
            query,
            "reason",
        )
        self.normal_adopted = counter(
            "normal_adopted_total",
            "Changes that are taken for normal: an alarm ended although they stay, or a new model ended it.",
            query,
        )
        self.fits = counter("fits_total", "Batches of model fits handed out.", query)
        self.fit_failures = counter("fit_failures_total", "Batches of model fits that failed.", query)
        self.fit_duration_seconds = histogram(
            "fit_duration_seconds",
            "Time from when a batch of fits is handed out until its models are taken up.",
            _FIT_BUCKETS,
            query,
        )
        self.last_fit_timestamp_seconds = gauge(
            "last_fit_timestamp_seconds", "When the models were last fitted, unix time, 0 if never.", query
        )
        self.prometheus_requests = counter("prometheus_requests_total", "Requests sent to Prometheus.", query)
        self.prometheus_request_failures = counter(
            "prometheus_request_failures_total", "Requests to Prometheus of fetches that failed in the end.", query
        )
        self.prometheus_warnings = counter(
            "prometheus_warnings_total", "Warnings and remarks that came with the answers of Prometheus.", query
        )
        self.samples_fetched = counter("samples_fetched_total", "Samples received from Prometheus.", query)
        self.bytes_fetched = counter("bytes_fetched_total", "Bytes of the answers of Prometheus, uncompressed.", query)
        self.predictions = counter("predictions_total", "Requests to /predict.")
        self.predictions_rejected = counter("predictions_rejected_total", "Requests to /predict that were refused.")
        self._by_query: tuple[Counter | Gauge | Histogram, ...] = (
            self.evaluations,
            self.evaluation_failures,
            self.evaluation_duration_seconds,
            self.iterations_missed,
            self.alarms,
            self.alarm_budget_per_second,
            self.normal_adopted,
            self.fits,
            self.fit_failures,
            self.fit_duration_seconds,
            self.last_fit_timestamp_seconds,
            self.prometheus_requests,
            self.prometheus_request_failures,
            self.prometheus_warnings,
            self.samples_fetched,
            self.bytes_fetched,
        )

    def declare(self, queries: Iterable[str]) -> None:
        """Make the metrics of the queries exist, at 0 where nothing was counted."""
        for query in queries:
            for metric in self._by_query:
                metric.labels(query)
            for reason in SUPPRESSION_REASONS.values():
                self.flags_suppressed.labels(query, reason)

    def describe(self, query: str, unit: str, external_url: str) -> None:
        """Export what alerts on the query's series tell of it, in the place of what was known before."""
        self.query_info.remove_by_labels({ANOMALY_NAME: query})
        self.query_info.labels(query, unit, external_url.rstrip("/")).set(1)

    def forget(self, queries: Iterable[str]) -> None:
        """Remove the metrics of queries that are no longer configured."""
        for query in queries:
            for metric in (*self._by_query, self.flags_suppressed, self.query_info):
                metric.remove_by_labels({ANOMALY_NAME: query})


class ResultsCollector(Collector):
    """The gauges about the newest results, read from the snapshot: what vanishes there vanishes here."""

    def __init__(self, board: Board, clock: Callable[[], float]) -> None:
        self._board = board
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """The families of now."""
        snapshot, now = self._board.snapshot, self._clock()
        series = _family("series", "Series of the query by state.", "state")
        dropped = _family("series_dropped", "Series of the query that are left out.", "reason")
        last = _family("last_evaluation_timestamp_seconds", "Last successful evaluation, unix time, 0 if none.")
        for query in snapshot.queries:
            result = snapshot.results.get(query)
            _add(series, query, snapshot.states(query, now))
            _add(dropped, query, dict.fromkeys(DROP_REASONS, 0) | dict(result.dropped if result else {}))
            last.add_metric([query], result.at if result else 0)
        return iter((series, dropped, last))


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=(ANOMALY_NAME, *labels))


def _add(family: GaugeMetricFamily, query: str, counts: Mapping[str, int] | Mapping[State, int]) -> None:
    for label, count in counts.items():
        family.add_metric([query, label], count)


def register_process_metrics(registry: CollectorRegistry) -> None:
    """Add the metrics that every Prometheus client in Python has: `process_*`, `python_info`, `python_gc_*`."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
