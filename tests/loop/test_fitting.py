"""Fits under way: what becomes of them when nobody wants them any more."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from sidecar.detection.fits import FitJob
from sidecar.detection.settings import Settings
from sidecar.export.telemetry import Telemetry
from sidecar.loop.fitting import BUNDLE_SERIES, FitDesk


class Waiting(Executor):
    """Keeps what it is given for later."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        del fn, args, kwargs
        self.futures.append(Future())
        return self.futures[-1]


def job() -> FitJob:
    labels = tuple((("pod", f"{number}"),) for number in range(BUNDLE_SERIES))
    return FitJob(labels, 0, np.zeros((len(labels), 1)), Settings(step=300))


def test_fits_of_a_desk_that_is_closed_are_cancelled_those_that_are_sent_later_too() -> None:
    executor = Waiting()
    desk = FitDesk(executor, "cpu", Telemetry(CollectorRegistry(), "test"))
    desk.send([job(), job()], at=0)
    desk.close()
    assert [future.cancelled() for future in executor.futures] == [True, True]
    desk.send([job(), job()], at=0)
    assert all(future.cancelled() for future in executor.futures)
    assert len(executor.futures) == 3
