"""What the haste of a fit costs in quality: NAB with training values in more groups than the product takes.

    python -m benchmarks.detection.unhurried --nab=PATH [--groups=N] [--processes=N]

A fit thins the training values of a feature to groups, 64 of them, of which a quarter at each end are single values.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.detection.report import NAB_HEADER, Corpus, Table, nab_figures, series_of
from benchmarks.detection.series import read_answers
from sidecar.backtest.answer import Answerer
from sidecar.backtest.files import answer_all, sources
from sidecar.detection import forest, tables


def set_groups(groups: int) -> None:
    """Has the fits of this process take so many groups."""
    tables.GROUPS, tables.KNOTS = groups, groups + 2 * len(forest.OUTER)


def figures(nab: Path, groups: int, processes: int) -> Sequence[str]:
    """NAB's figures with so many groups."""
    corpus = Corpus("NAB", nab / "data", nab)
    with (
        TemporaryDirectory() as results,
        ProcessPoolExecutor(processes, get_context("fork"), initializer=set_groups, initargs=(groups,)) as pool,
    ):
        files = sources(corpus.directory, Path(results))
        list(answer_all(files, Answerer(band=False), pool, 2 * processes))
        return nab_figures(corpus, [(series, read_answers(Path(results), series)) for series in series_of(corpus)])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, required=True, metavar="PATH")
    parser.add_argument("--groups", type=int, default=256, metavar="N")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    rows = [
        [f"{groups} groups", *figures(asked.nab, groups, asked.processes)] for groups in (tables.GROUPS, asked.groups)
    ]
    print(Table("training values", ["", *NAB_HEADER[1:]], rows).markdown())


if __name__ == "__main__":
    main()
