"""Fits on a Dask cluster."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from functools import partial

import numpy as np
import pytest

from sidecar.detection.fits import FitJob, run
from sidecar.detection.settings import Settings
from sidecar.detection.tables import Curves
from sidecar.execution.choice import ExecutorError, lasting_executor
from sidecar.execution.dask import DaskExecutor
from sidecar.execution.local import LocalExecutor
from sidecar.execution.process import ProcessExecutor
from tests.execution.conftest import Cluster
from tests.real.fleet import cpu, newest_step
from tests.real.processes import free_port, wait_until
from tests.real.servers import PrometheusServer, openmetrics
from tests.real.sidecar import SidecarProcess

HOUR, STEP, NOW = 3_600, 300, 1_700_000_100


@pytest.fixture
def on_dask(cluster: Cluster) -> Iterator[Executor]:
    executor = lasting_executor(cluster.url)
    yield executor
    executor.shutdown()


def job(seed: int) -> FitJob:
    values = np.random.default_rng(seed).standard_normal((3, 24 * HOUR // STEP))
    labels = tuple((("instance", f"{seed}-{row}"),) for row in range(3))
    settings = Settings(step=STEP, fit_window=24 * HOUR, min_history=4 * HOUR)
    return FitJob(labels, NOW, values, settings)


def models(executor: Executor) -> list[np.ndarray]:
    fits = [executor.submit(run, [job(seed), job(seed + 10)]) for seed in range(3)]
    found = [model for fit in fits for model in fit.result(60)]
    drawn = [Curves.drawn(model.tables.curves) for model in found]
    plain = [part for model in found for part in model.arrays() if part is not model.tables.curves]
    return [*plain, *(part for curves in drawn for part in (curves.at, curves.rarity, curves.slope))]


def test_fits_have_the_same_results_as_in_process(on_dask: Executor) -> None:
    for there, here in zip(models(on_dask), models(LocalExecutor()), strict=True):
        np.testing.assert_array_equal(there, here)


def meet(mine: str, other: str) -> int:
    """The process, once a task that runs at the same time has come too."""
    from distributed import Event  # noqa: PLC0415 only a worker needs it

    Event(mine).set()  # type: ignore[no-untyped-call]
    if not Event(other).wait(timeout=30):  # type: ignore[no-untyped-call]
        raise TimeoutError(f"no task came with {other}")
    return os.getpid()


def test_work_runs_on_both_workers_and_its_errors_come_back(on_dask: Executor) -> None:
    both = [on_dask.submit(meet, "one", "other"), on_dask.submit(meet, "other", "one")]
    pids = {future.result(60) for future in both}
    assert len(pids) == 2
    assert os.getpid() not in pids
    with pytest.raises(ZeroDivisionError):
        on_dask.submit(divmod, 1, 0).result(60)


def test_a_scheduler_that_goes_away_fails_the_work_and_serves_again_when_it_is_back(
    cluster: Cluster, on_dask: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.execution.dask.PAUSE", 0)
    assert on_dask.submit(divmod, 7, 2).result(60) == (3, 1)
    cluster.kill()
    with pytest.raises((CancelledError, ExecutorError)):
        on_dask.submit(divmod, 7, 2).result(60)
    cluster.start(workers=2)
    assert on_dask.submit(divmod, 7, 2).result(60) == (3, 1)


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.execution.choice.CONNECT_SECONDS", 0.2)
    executor = lasting_executor(f"dask://127.0.0.1:{free_port()}")
    with pytest.raises(ExecutorError, match="start a scheduler there"):
        executor.submit(divmod, 7, 2).result(10)
    executor.shutdown()


def test_a_scheduler_that_was_not_there_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    def connect() -> None:
        attempts.append(len(attempts))
        raise ExecutorError("nobody there")

    def fails(executor: Executor) -> None:
        with pytest.raises((ExecutorError, ConnectionError), match="nobody there"):
            executor.submit(divmod, 7, 2).result(10)

    executor = DaskExecutor(connect)
    for _ in range(3):
        fails(executor)
    assert len(attempts) == 1
    monkeypatch.setattr("sidecar.execution.dask.time.monotonic", lambda: 1e12)
    fails(executor)
    assert len(attempts) == 2


def test_the_executors_of_a_run() -> None:
    assert isinstance(lasting_executor("processes"), ProcessExecutor)
    with pytest.raises(ExecutorError, match="write processes or dask://HOST:PORT"):
        lasting_executor("in-process")


CONFIG = """\
prometheus: {{url: "{url}"}}
evaluation_interval: 1s
offset: 0s
staleness: 1h
queries: [{{name: cpu, expr: cpu, fit_window: 1d}}]
"""


def scored(one: SidecarProcess) -> bool:
    return len(one.samples("anomaly_score")) == 6


@pytest.mark.real
def test_a_sidecar_that_fits_on_a_cluster_gives_the_same_scores(
    cluster: Cluster, prometheus_server: Callable[..., PrometheusServer], sidecar: Callable[..., SidecarProcess]
) -> None:
    config = CONFIG.format(url=prometheus_server(openmetrics(cpu=cpu(newest_step(), 6))).url)
    there, here = sidecar(config, f"--executor={cluster.url}"), sidecar(config)
    for one in (there, here):
        wait_until(partial(scored, one), "all to be scored")
    # A step may pass between the two looks.
    wait_until(lambda: there.verdicts() == here.verdicts(), "both to score and flag the same")
    assert sum(there.samples("anomaly_sidecar_fit_failures_total").values()) == 0
