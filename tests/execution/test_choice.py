import operator
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.execution.choice import ExecutorError, chosen_executor, workers_of
from sidecar.execution.local import LocalExecutor
from tests.execution.conftest import Cluster


def test_work_may_run_in_this_process() -> None:
    for name, workers in (("in-process", 4), ("processes", 1)):
        with chosen_executor(name, workers) as executor:
            assert isinstance(executor, LocalExecutor)
            assert executor.submit(os.getpid).result() == os.getpid()


def test_work_may_run_in_processes_of_this_machine() -> None:
    with chosen_executor("processes", 2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


def test_there_are_as_many_workers_as_asked_for_or_cores() -> None:
    assert workers_of(3) == 3
    assert workers_of(None) >= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("threads", "'threads' is no executor: write in-process, processes or dask://HOST:PORT"),
        ("dask://", "'dask://' is no address of a scheduler: write dask://HOST:PORT"),
        ("dask://user@host:1", "'dask://user@host:1' is no address"),
    ],
)
def test_an_unknown_executor_is_refused(name: str, message: str) -> None:
    with pytest.raises(ExecutorError) as caught, chosen_executor(name, 2):
        pass
    assert str(caught.value).startswith(message)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match="install the extra dask"), chosen_executor("dask://localhost:1", 2):
        pass


@pytest.mark.real
def test_work_may_run_on_a_dask_cluster(cluster: Cluster) -> None:
    with chosen_executor(cluster.url, 2) as executor:
        futures = [executor.submit(operator.mul, number, number) for number in range(20)]
        assert [future.result(timeout=60) for future in futures] == [number * number for number in range(20)]
        assert executor.submit(os.getpid).result(timeout=60) != os.getpid()


def write(path: Path, seed: int) -> None:
    rows = [f"{1_714_521_600 + 3_600 * hour},{(hour * (seed + 7)) % 24}" for hour in range(40)]
    path.write_text("\n".join(["timestamp,value", *rows]))


@pytest.mark.real
def test_a_backtest_on_a_cluster_gives_what_it_gives_here(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        write(tmp_path / "in" / f"{number}.csv", number)
    for name, target in (("in-process", "here"), (cluster.url, "there")):
        flags = [f"--input={tmp_path / 'in'}", f"--output={tmp_path / target}", f"--executor={name}"]
        assert CliRunner().invoke(main, ["backtest", *flags]).exit_code == 0
    here, there = ({path.name: path.read_text() for path in (tmp_path / of).iterdir()} for of in ("here", "there"))
    assert here == there
    assert len(here) == 3
    assert ",ok," in here["0.csv"]
