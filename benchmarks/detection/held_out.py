"""What the choice of the bars makes of a corpus when it is made without it: leave one corpus out.

    python -m benchmarks.detection.held_out --nab=PATH --cloud=PATH [--synthetic-seed=N] [--search-seed=N]
        [--processes=N]

The detector answers each corpus once. Then the bar of each part, and by how much a past may raise them, are chosen by
an evolution strategy from one start, all bars alike, on all corpora but one. What is sought is the mean of their
figures as shares of `AIMS`, with no more false episodes than `ALLOWED`.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.detection import events, nab
from benchmarks.detection.anomalies import KINDS
from benchmarks.detection.bars import Asked, Choice, answers_of
from benchmarks.detection.report import MONTHS_OF_WEEKS, Table
from benchmarks.detection.series import Floats, write_series
from benchmarks.detection.synthetic import corpus as synthetic
from benchmarks.detection.tape import record_all
from sidecar.detection.combination import PARTS

START, START_HABIT = 2.0, 0.3
"""The bar of every part, and the share of habit, at first."""
TRIES = 300
"""Choices that are tried."""
SIZE, GROWTH, SHARE, OF_HABIT = 0.15, 1.5, 0.5, 0.7
"""Of a step: its standard deviation at first, by what it grows with a success, the share of settings that it changes,
and how large it is for the habit."""
SIZES = (0.01, 0.5)
"""The smallest and the largest step."""
MOST_HABITUAL = 0.6
AIMS = {"NAB": 75.0, "cloud": 0.70, "synthetic": 0.90}
ALLOWED = {"cloud": 0.40, "synthetic": 1.0}
"""False episodes per series-week of the cloud corpus, and in 30 days on series without anomalies of the synthetic."""


PRODUCT = Choice(np.ones(len(PARTS)))


@dataclass(frozen=True, slots=True)
class Found:
    """What a choice comes to on a corpus: the quality, as in `AIMS`, and false episodes, as in `ALLOWED`."""

    quality: float
    false: float = 0.0


def judged(name: str, corpus: Sequence[Asked], windows: Mapping[str, list[tuple[int, int]]], choice: Choice) -> Found:
    """The figures of a corpus: NAB's standard score at 1.0, event F1, or the mean recall of the kinds."""
    pairs = [(asked.series, said) for asked, said in zip(corpus, answers_of(corpus, choice), strict=True)]
    if name == "NAB":
        files = [nab.labelled(s, a.detection, a.flag, windows[s.name]) for s, a in pairs if s.name in windows]
        return Found(nab.scores(files)["standard"].given)
    tallies = [(series, events.tally(series, said.flag)) for series, said in pairs]
    every = events.total(tally for _, tally in tallies)
    if name == "cloud":
        return Found(every.f1, every.false_per_week)
    clean = events.total(tally for series, tally in tallies if not series.label.any())
    return Found(mean(every.recall_of(kind.name) for kind in KINDS), clean.false_per_week * MONTHS_OF_WEEKS)


def worth(name: str, found: Found) -> float:
    """The share of the aim that is reached, less the share by which false episodes exceed what is allowed."""
    return found.quality / AIMS[name] - max(found.false / ALLOWED.get(name, np.inf) - 1, 0.0)


def choice_of(settings: Floats) -> Choice:
    """The choice that a point (P + 1,) stands for: logarithms of bars over `START`, and the share of habit."""
    bars = START * np.exp(settings[:-1])
    return Choice(bars / [part.bar for part in PARTS.values()], float(np.clip(settings[-1], 0.0, MOST_HABITUAL)))


@dataclass(frozen=True, slots=True)
class Bench:
    """The corpora with the detector's answers, and the windows of NAB."""

    corpora: Mapping[str, Sequence[Asked]]
    windows: Mapping[str, list[tuple[int, int]]]

    def found(self, name: str, choice: Choice) -> Found:
        """What a choice comes to on a corpus."""
        return judged(name, self.corpora[name], self.windows, choice)

    def chosen(self, without: str, seed: int) -> Choice:
        """The choice on all corpora but one: one parent, one child, and of both the better goes on.

        Steps grow with a success and shrink with a failure, so that about a fifth succeed (Rechenberg,
        "Evolutionsstrategie", 1973).
        """
        rng, size = np.random.default_rng(seed), SIZE
        best, scale = np.append(np.zeros(len(PARTS)), START_HABIT), np.append(np.ones(len(PARTS)), OF_HABIT)
        most = self.worth_of(choice_of(best), without)
        for _ in range(TRIES):
            step = size * scale * rng.standard_normal(len(best)) * (rng.random(len(best)) < SHARE)
            value = self.worth_of(choice_of(best + step), without)
            better = value > most
            if better:
                best, most = best + step, value
            size = float(np.clip(size * (GROWTH if better else GROWTH**-0.25), *SIZES))
        return choice_of(best)

    def worth_of(self, choice: Choice, without: str) -> float:
        """What a choice is worth on all corpora but one, on average."""
        return mean(worth(name, self.found(name, choice)) for name in self.corpora if name != without)


def bench_of(nab_root: Path, cloud: Path, seed: int, processes: int) -> Bench:
    """The corpora, answered."""
    with TemporaryDirectory() as made:
        for series in synthetic(seed):
            write_series(series, Path(made))
        places = {"NAB": nab_root / "data", "cloud": cloud, "synthetic": Path(made)}
        tapes = {name: record_all(place, processes) for name, place in places.items()}
    corpora = {name: [Asked.of(tape) for tape in found] for name, found in tapes.items()}
    return Bench(corpora, nab.read_windows(nab_root))


def table(bench: Bench, processes: int, seed: int) -> Table:
    """Each corpus with the bars of the product, and with those chosen on the others."""
    with ProcessPoolExecutor(processes) as pool:
        chosen = list(pool.map(partial(bench.chosen, seed=seed), bench.corpora))
    rows = [
        [name, *(shown(bench.found(name, choice)) for choice in (PRODUCT, held_out))]
        for name, held_out in zip(bench.corpora, chosen, strict=True)
    ]
    return Table("leave one corpus out", ["corpus", "product", "chosen on the others"], rows)


def shown(found: Found) -> str:
    """Quality, and false episodes where they are counted."""
    return f"{found.quality:.3g}; {found.false:.2f}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, required=True, metavar="PATH")
    parser.add_argument("--cloud", type=Path, required=True, metavar="PATH")
    parser.add_argument("--synthetic-seed", type=int, default=1, metavar="N")
    parser.add_argument("--search-seed", type=int, default=1, metavar="N")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    bench = bench_of(asked.nab, asked.cloud, asked.synthetic_seed, asked.processes)
    print(table(bench, asked.processes, asked.search_seed).markdown())


if __name__ == "__main__":
    main()
