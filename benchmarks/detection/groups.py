"""The product with `scope: group`, over series that are siblings where their names differ only in a number.

usage: python -m benchmarks.detection.groups [--seed=N] [--step=NAME ...]

Replays series of the synthetic corpus in both scopes, all of one step together as one query, and prints the figures.
Those of one profile are siblings: of one kind, but with sizes, times and noise of their own.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.detection.report import Corpus, table
from benchmarks.detection.series import HOUR, Answers, Floats, Series, names, read_series, write_answers, write_series
from benchmarks.detection.synthetic import PLANS, make
from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import Scope
from sidecar.detection.watch import Verdicts, Watch
from sidecar.loop.terms import policy_of, schedule_of
from sidecar.prometheus.frame import Frame

NUMBER = re.compile(r"-\d+(-clean)?\.csv$")


def answer_together(scope: Scope, corpus: Path, results: Path) -> None:
    """Answers every CSV of a corpus, all series of one step watched together as one query."""
    every = [read_series(corpus, name) for name in names(corpus)]
    for step in sorted({series.step for series in every}):
        fellows = [series for series in every if series.step == step]
        query = QueryConfig(name="csv", expr="vector(0)", step=step, scope=scope, group_by=("kind",))
        for series, answers in zip(fellows, judged(fellows, query), strict=True):
            write_answers(series, answers, results)


def judged(every: Sequence[Series], query: QueryConfig) -> Iterator[Answers]:
    """The answers to series of one step, as a loop gives them that looks at new samples every half hour."""
    watch = Watch(schedule_of(query, "UTC"), policy_of(query))
    begin, columns, values = matrix(every, query.step)
    scores, flags, detections = (np.full(values.shape, empty) for empty in (np.nan, False, 0.0))
    past = np.full((len(every), watch.schedule.lookback_steps - 1), np.nan)
    tape, at_once = np.hstack([past, values]), max(1, HOUR // 2 // query.step)
    labels = tuple((("kind", NUMBER.sub("", series.name)), ("name", series.name)) for series in every)
    for stop in range(1, values.shape[1] + 1, at_once):
        frame = Frame(
            labels,
            begin + (stop - 1 - past.shape[1]) * query.step,
            query.step,
            tape[:, stop - 1 : stop + past.shape[1]],
        )
        verdicts = look(watch, frame)
        new = slice(stop - len(verdicts.times), stop)
        scores[:, new], flags[:, new] = verdicts.scores.score, verdicts.outcome.flag
        detections[:, new] = verdicts.outcome.detection
    for row, at in enumerate(columns):
        yield Answers(scores[row, at], flags[row, at], detections[row, at])


def look(watch: Watch, frame: Frame) -> Verdicts:
    """What a loop does with a frame, but for waiting for the fits."""
    watch.follow(frame)
    while jobs := watch.due(frame):
        for job in jobs:
            watch.install(job, job.run())
    return watch.advance(frame)


def matrix(every: Sequence[Series], step: int) -> tuple[int, list[np.ndarray], Floats]:
    """Series on one grid: its begin, the columns of the rows of each, and their values."""
    begin = min(int(series.seconds.min()) for series in every) // step * step
    columns = [(series.seconds - begin) // step for series in every]
    values = np.full((len(every), 1 + max(int(at.max()) for at in columns)), np.nan)
    for row, (series, at) in enumerate(zip(every, columns, strict=True)):
        values[row, at] = series.values
    return begin, columns, values


def main() -> None:
    """Measures and prints."""
    steps = [plan.name for plan in PLANS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", choices=steps, action="append", help="repeatable; all by default")
    chosen = parser.parse_args()
    with TemporaryDirectory() as directory:
        corpus, answers = Path(directory, "corpus"), {scope.value: Path(directory, scope) for scope in Scope}
        for plan in (plan for plan in PLANS if plan.name in (chosen.step or steps)):
            for index in range(plan.full):
                write_series(make(plan, index, chosen.seed), corpus)
        for scope, results in answers.items():
            answer_together(Scope(scope), corpus, results)
        print(table(Corpus(f"synthetic, seed {chosen.seed}", corpus), answers).markdown())


if __name__ == "__main__":
    main()
