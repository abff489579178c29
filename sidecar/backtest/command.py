"""The work of the command `sidecar backtest`: from its flags to files and messages."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click

from sidecar.backtest.answer import Answerer
from sidecar.backtest.files import BadInputError, answer_all, sources
from sidecar.config.load import load
from sidecar.config.schema import Config, QueryConfig
from sidecar.execution.local import LocalExecutor


@dataclass(frozen=True, slots=True)
class Choices:
    """The flags that say how to replay.

    Attributes:
        config_file: where the settings are; none: the defaults.
        query: whose settings.
        no_band: whether to leave out the band.
        jobs: processes; none: one per core.
    """

    config_file: Path | None = None
    query: str | None = None
    no_band: bool = False
    jobs: int | None = None

    @property
    def workers(self) -> int:
        """How many processes may work."""
        return self.jobs or os.cpu_count() or 1


def backtest_files(source: Path, target: Path, choices: Choices) -> None:
    """Answers the files below `source` with files below `target`."""
    config_file, query = choices.config_file, choices.query
    answerer = Answerer() if config_file is None else configured(load(config_file), query)
    files = sources(source, target)
    workers = min(choices.workers, len(files))
    with (
        executor_of(workers) as executor,
        click.progressbar(length=len(files), label=f"{len(files)} files", file=sys.stderr) as bar,
    ):
        for _ in answer_all(files, answerer, executor, 2 * workers):
            bar.update(1)


def configured(config: Config, query: str | None) -> Answerer:
    """The settings of a query."""
    return Answerer(chosen(config, query), config.timezone)


def chosen(config: Config, name: str | None) -> QueryConfig:
    """The query of a name, or the only one; BadInputError where there is none."""
    known = {query.name: query for query in config.queries}
    if name is None and len(known) == 1:
        return config.queries[0]
    if name not in known:
        asked = "" if name is None else f"no query is called {name}, "
        raise BadInputError(f"{asked}the configuration has {', '.join(known) or 'none'}: name one of them with --query")
    return known[name]


@contextmanager
def executor_of(workers: int) -> Iterator[Executor]:
    """Where the work runs: here, or in so many processes."""
    if workers == 1:
        yield LocalExecutor()
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
