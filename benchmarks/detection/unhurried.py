"""What the haste of a fit costs in quality: NAB with training values in more groups than the product takes.

    python -m benchmarks.detection.unhurried --nab=PATH [--groups N...] [--processes=N]

A fit thins the training values of a feature to groups, 64 of them, of which a quarter at each end are single values.
"""

import argparse
from functools import partial
from pathlib import Path

from benchmarks.detection.report import Corpus
from benchmarks.detection.varied import varied
from sidecar.detection import forest, tables


def set_groups(groups: int) -> None:
    """Has the fits of this process take so many groups."""
    tables.GROUPS, tables.KNOTS = groups, groups + 2 * len(forest.OUTER)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, required=True, metavar="PATH")
    parser.add_argument("--groups", type=int, nargs="*", default=[tables.GROUPS, 4 * tables.GROUPS], metavar="N")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    variations = {f"{groups} groups": partial(set_groups, groups) for groups in asked.groups}
    print(varied(Corpus.of_nab(asked.nab), variations, asked.processes).markdown())


if __name__ == "__main__":
    main()
