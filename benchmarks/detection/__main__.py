"""Measure the product and the baselines on every corpus at hand.

usage: python -m benchmarks.detection [--nab=PATH] [--cloud=PATH] [--labelled=PATH ...] [--synthetic-seed=N ...]
           [--detector=NAME ...]

Runs the detectors (all by default), prints a table per corpus, plots the product's most instructive hits and misses,
and puts the tables into docs/explanation/detection-quality.md. Answers are kept in --results, and whatever has answers
there for every corpus is in the tables: --detector=sidecar runs the product anew beside baselines that were run before.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.detection.detectors import DETECTORS
from benchmarks.detection.plots import plot
from benchmarks.detection.report import Corpus, Table, refresh, series_of, table
from benchmarks.detection.series import read_answers, write_series
from benchmarks.detection.synthetic import corpus as synthetic

DOCUMENT = Path("docs/explanation/detection-quality.md")
PRODUCT = "sidecar"
DATA = {"--nab", "--cloud", "--labelled"}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detection", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nab", type=Path, metavar="PATH", help="a copy of the Numenta Anomaly Benchmark")
    parser.add_argument("--cloud", type=Path, metavar="PATH", help="a directory of CSVs with timestamp,value,label")
    parser.add_argument("--labelled", type=Path, action="append", metavar="PATH", help="another such; repeatable")
    parser.add_argument("--synthetic-seed", type=int, action="append", metavar="N", help="repeatable; 1 by default")
    parser.add_argument("--small", action="store_true", help="a third of the synthetic series")
    parser.add_argument("--detector", choices=DETECTORS, action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--results", type=Path, default=Path(".cache/detection"), metavar="DIR")
    parser.add_argument("--document", type=Path, default=DOCUMENT, metavar="FILE")
    parser.add_argument("--no-document", action="store_true", help="print the tables only")
    return parser.parse_args(argv)


def corpora(args: argparse.Namespace) -> list[Corpus]:
    """The corpora at hand; the synthetic ones are written below the results."""
    found = []
    if args.nab:
        found.append(Corpus.of_nab(args.nab))
    if args.cloud:
        found.append(Corpus("cloud", args.cloud))
    found += [Corpus(directory.name, directory) for directory in args.labelled or []]
    for seed in args.synthetic_seed or [1]:
        name = f"synthetic, {'small, ' if args.small else ''}seed {seed}"
        directory = args.results / "corpora" / slug(name)
        for series in synthetic(seed, small=args.small):
            write_series(series, directory)
        found.append(Corpus(name, directory))
    return found


def slug(name: str) -> str:
    """A name as part of a path."""
    return "-".join(name.lower().replace(",", "").split())


def run(detectors: Sequence[str], every: Sequence[Corpus], results: Path) -> None:
    """Have the detectors answer every corpus, saying how long each takes."""
    for detector in detectors:
        for corpus in every:
            began = time.monotonic()
            DETECTORS[detector](corpus.directory, results / slug(detector) / slug(corpus.name))
            print(f"{detector} on {corpus.name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def tables(every: Sequence[Corpus], results: Path) -> list[Table]:
    """A table per corpus, with the detectors that have answered it."""
    measured = []
    for corpus in every:
        places = {detector: results / slug(detector) / slug(corpus.name) for detector in DETECTORS}
        measured.append(table(corpus, {name: place for name, place in places.items() if place.is_dir()}))
    return measured


def command(argv: Sequence[str]) -> str:
    """The command line without this machine's paths, to stand beside the figures."""
    named = [arg.split("=")[0] for arg in argv]
    shown = [name + "=PATH" if name in DATA else arg for name, arg in zip(named, argv, strict=True)]
    kept = [arg for arg in shown if not arg.startswith(("--results", "--document"))]
    return shlex.join(["python", "-m", "benchmarks.detection", *kept])


def main(argv: Sequence[str] | None = None) -> None:
    """Run, measure, show."""
    argv = sys.argv[1:] if argv is None else argv
    args = parse(argv)
    every = corpora(args)
    run(args.detector or list(DETECTORS), every, args.results)
    figures = "\n\n".join(measured.markdown() for measured in tables(every, args.results))
    print(figures)
    for corpus in every:
        place = args.results / slug(PRODUCT) / slug(corpus.name)
        if place.is_dir():
            pairs = [(series, read_answers(place, series)) for series in series_of(corpus)]
            plot(slug(corpus.name), pairs, args.results / "plots")
    if not args.no_document:
        refresh(args.document, f"Measured by `{command(argv)}`:\n\n{figures}")


if __name__ == "__main__":
    main()
