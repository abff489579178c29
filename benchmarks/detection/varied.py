"""The product's figures on a corpus with something about it varied."""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.detection.report import Corpus, Table, table
from sidecar.backtest.answer import Answerer
from sidecar.backtest.files import answer_all, sources

Variation = Callable[[], None]
"""Called first in each process that answers files."""


def varied(corpus: Corpus, variations: Mapping[str, Variation], processes: int) -> Table:
    """The figures with each variation."""
    with TemporaryDirectory() as directory:
        places = {name: Path(directory) / str(number) for number, name in enumerate(variations)}
        for name, variation in variations.items():
            with ProcessPoolExecutor(processes, get_context("fork"), initializer=variation) as pool:
                files = sources(corpus.directory, places[name])
                list(answer_all(files, Answerer(band=False), pool, 2 * processes))
        return table(corpus, places)
