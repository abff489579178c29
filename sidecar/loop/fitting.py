"""Sends the fits of a query to where work runs, and brings the models back."""

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import structlog

from sidecar.detection.detector import Models
from sidecar.detection.watch import FitJob, Watch
from sidecar.export.telemetry import Telemetry

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """A fit under way, and when it was sent, seconds of a clock that only goes forward."""

    job: FitJob
    future: Future[Models]
    sent: float


class FitDesk:
    """The fits of one query that are under way."""

    def __init__(self, executor: Executor, query: str, telemetry: Telemetry) -> None:
        self._executor = executor
        self._query = query
        self._telemetry = telemetry
        self._under_way: list[Errand] = []

    def send(self, jobs: list[FitJob]) -> None:
        """Hands fits to the executor."""
        for job in jobs:
            self._telemetry.fits.labels(self._query).inc()
            self._under_way.append(Errand(job, self._executor.submit(job.run), time.perf_counter()))

    def collect(self, watch: Watch, at: float) -> None:
        """Gives the models of the fits that have ended by now to the watch; a failed one is due again."""
        ended = [errand for errand in self._under_way if errand.future.done()]
        self._under_way = [errand for errand in self._under_way if errand not in ended]
        for errand in ended:
            error = errand.future.exception()
            if error is None:
                watch.install(errand.job, errand.future.result())
                self._telemetry.fit_duration_seconds.labels(self._query).observe(time.perf_counter() - errand.sent)
                self._telemetry.last_fit_timestamp_seconds.labels(self._query).set(at)
            else:
                watch.abandon(errand.job)
                self._telemetry.fit_failures.labels(self._query).inc()
                log.error("fit failed", anomaly_name=self._query, series=len(errand.job.labels), error=str(error))

    def cancel(self) -> None:
        """Drops the fits that have not begun."""
        for errand in self._under_way:
            errand.future.cancel()
