"""Sends the fits of a query to where work runs, and brings the models back."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass

import structlog

from sidecar.detection.fits import FitJob, run
from sidecar.detection.models import Models
from sidecar.detection.watch import Watch
from sidecar.export.telemetry import Telemetry

log = structlog.get_logger()


BUNDLE_SERIES = 256
"""About how many series one call to the executor fits: starting a process for each would cost more than the fit."""


MOST_WAITING = 2_048
"""Series whose fits are under way at most: each waits with a copy of its samples."""


DEADLINE = 7_200
"""Seconds after which fits that were sent are given up: far more than those of a start wait for their turn, but a
cluster may never answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """Fits under way.

    Attributes:
        jobs: the fits.
        future: their models.
        sent: the evaluation that sent them, unix seconds.
        begun: the same moment, seconds of a clock that only goes forward.
    """

    jobs: Sequence[FitJob]
    future: Future[list[Models]]
    sent: float
    begun: float

    def over(self, at: float) -> bool:
        """Whether the fits have ended, or are given up."""
        return self.future.done() or at - self.sent >= DEADLINE


class FitDesk:
    """The fits of one query that are under way."""

    def __init__(self, executor: Executor, query: str, telemetry: Telemetry) -> None:
        self._executor = executor
        self._query = query
        self._telemetry = telemetry
        self._under_way: list[Errand] = []
        self._closed = False

    @property
    def room(self) -> int:
        """How many more series may be sent."""
        return max(0, MOST_WAITING - sum(count(errand.jobs) for errand in self._under_way))

    def send(self, jobs: Sequence[FitJob], at: float) -> None:
        """Hands fits to the executor, as of an instant, unix seconds."""
        for bundle in bundles(jobs):
            self._telemetry.fits.labels(self._query).inc()
            self._under_way.append(Errand(bundle, self._submitted(bundle), at, time.perf_counter()))
            if self._closed:  # meanwhile, by another thread
                self.cancel()
                return

    def _submitted(self, bundle: list[FitJob]) -> Future[list[Models]]:
        try:
            return self._executor.submit(run, bundle)
        except Exception as error:  # noqa: BLE001 where no thread is to be had, say: it counts as failed, and is due again
            future: Future[list[Models]] = Future()
            future.set_exception(error)
            return future

    def collect(self, watch: Watch, at: float) -> None:
        """Gives the models of the fits that have ended by now to the watch; failed and late ones are due again."""
        ended = [errand for errand in self._under_way if errand.over(at)]
        self._under_way = [errand for errand in self._under_way if errand not in ended]
        for errand in ended:
            error = failure_of(errand.future)
            if error is None:
                for job, models in zip(errand.jobs, errand.future.result(), strict=True):
                    watch.install(job, models)
                self._telemetry.fit_duration_seconds.labels(self._query).observe(time.perf_counter() - errand.begun)
                self._telemetry.last_fit_timestamp_seconds.labels(self._query).set(at)
            else:
                errand.future.cancel()  # should it come to an end after all, nobody listens
                for job in errand.jobs:
                    watch.abandon(job)
                self._telemetry.fit_failures.labels(self._query).inc()
                log.error("fit failed", anomaly_name=self._query, series=count(errand.jobs), error=str(error))

    def cancel(self) -> None:
        """Drops the fits under way: those that have begun end unheard."""
        for errand in self._under_way:
            errand.future.cancel()
        self._under_way = []

    def close(self) -> None:
        """Drops the fits under way and all that are sent from now on; for any thread."""
        self._closed = True
        self.cancel()


def failure_of(future: Future[list[Models]]) -> BaseException | None:
    """Why a future has no result: a cluster that goes away cancels what it was given, one that hangs never answers."""
    if not future.done():
        return TimeoutError(f"no answer within {DEADLINE} s")
    return CancelledError("cancelled where it was to run") if future.cancelled() else future.exception()


def bundles(jobs: Sequence[FitJob]) -> Iterator[list[FitJob]]:
    """The jobs in order, put together until a bundle has `BUNDLE_SERIES` series."""
    bundle: list[FitJob] = []
    for job in jobs:
        bundle.append(job)
        if count(bundle) >= BUNDLE_SERIES:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def count(jobs: Sequence[FitJob]) -> int:
    """Number of series that jobs fit."""
    return sum(len(job.labels) for job in jobs)
