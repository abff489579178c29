"""Where NAB's points are lost at the default threshold: by windows that are missed, by late alarms, by those elsewhere.

    python -m benchmarks.detection.losses --nab=PATH [--results=DIR]

Reads the product's answers that `python -m benchmarks.detection` left in its results. A row per directory of the
corpus, in points of that directory alone: what is lost and the standard score add up to 100.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks.detection import nab
from benchmarks.detection.nab import OUTSIDE, Labelled, Profile
from benchmarks.detection.report import Corpus, Table, series_of
from benchmarks.detection.series import Floats, read_answers

HEADER = ["files", "windows", "missed", "points lost by it", "by lateness", "alarms elsewhere", "points lost by them"]


@dataclass(frozen=True, slots=True)
class Losses:
    """Of some files: windows, those that were missed, alarms elsewhere, and what each cost, found windows being late.

    A missed window costs twice what a perfectly found one earns: NAB counts 1 for the latter, and -1 for the former.
    """

    windows: int
    missed: int
    elsewhere: int
    by_missed: float
    by_late: float
    by_elsewhere: float

    def points(self, cost: float) -> float:
        """A cost as points of a score."""
        return 100 * cost / (2 * self.windows) if self.windows else float("nan")


def losses(files: Sequence[Labelled], profile: Profile) -> Losses:
    """What files cost; windows on probation do not count, as no detector can find them."""
    alarms = [worth for file in files for worth in window_alarms(file)]
    late = [1 - float(worth.max()) for worth in alarms if worth.size]
    missed = len(alarms) - len(late)
    alone = np.concatenate([file.worth[file.starts & (file.window == OUTSIDE)] for file in files])
    by_elsewhere = -profile.false * float(alone.sum())
    return Losses(len(alarms), missed, len(alone), (1 + profile.missed) * missed, sum(late), by_elsewhere)


def window_alarms(file: Labelled) -> list[Floats]:
    """The worth of the alarms that start in each window."""
    counted = np.unique(file.window[file.window != OUTSIDE])
    return [file.worth[file.starts & (file.window == number)] for number in counted]


def by_directory(files: Mapping[str, Labelled]) -> dict[str, Losses]:
    """The losses of each directory."""
    grouped = groupby(sorted(files), key=lambda name: name.split("/")[0])
    return {place: losses([files[name] for name in names], nab.PROFILES["standard"]) for place, names in grouped}


def table(found: Mapping[str, Losses]) -> Table:
    """A row per directory."""
    return Table("NAB, standard at 1.0", HEADER, [[name, *row(one)] for name, one in found.items()])


def row(one: Losses) -> Iterable[str]:
    """The cells of one directory."""
    missed, late, elsewhere = (f"{one.points(cost):.1f}" for cost in (one.by_missed, one.by_late, one.by_elsewhere))
    return str(one.windows), str(one.missed), missed, late, str(one.elsewhere), elsewhere


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, required=True, metavar="PATH")
    parser.add_argument("--results", type=Path, default=Path(".cache/detection"), metavar="DIR")
    asked = parser.parse_args()
    answered = asked.results / "sidecar" / "nab"
    if not answered.is_dir():
        parser.error(f"{answered} has no answers: run python -m benchmarks.detection --nab={asked.nab} first")
    corpus, windows = Corpus.of_nab(asked.nab), nab.read_windows(asked.nab)
    files = {}
    for series in series_of(corpus):
        answers = read_answers(answered, series)
        files[series.name] = nab.labelled(series, answers.detection, answers.flag, windows[series.name])
    print(table(by_directory(files)).markdown())


if __name__ == "__main__":
    main()
