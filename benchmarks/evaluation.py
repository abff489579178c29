"""What fits, scores, evaluations and the memory of one query cost, beside scikit-learn in the same process.

    python -m benchmarks.evaluation [SERIES...] [--scope=S] [--siblings=N] [--fit-window=D] [--runs=N] [--plot=FILE]

A week of 5-minute steps per series, if no other `--fit-window` is asked for, with the lookback full. An evaluation goes
from the bytes of Prometheus' answer with one new step to the published snapshot, without the search for the bands of
the series whose turn it is, which comes on top; `with new models` is such a one in which the fits of a turn have come
back: a 120th of the series changes to new models, and their alarms are replayed over the day before. `scoring` is the
part that scikit-learn's `score_samples` would do, and `band` what the search takes for one series. All times are CPU
seconds of this process, medians of the runs.
One bundle of series is fitted, as by the loop in a process of its own whose start counts, and copies of its models
serve all the others: the time of scoring does not depend on what is in a model. `of a day` is the same for as many
series as go to one process on an ordinary day, where a bundle is one of a start. With `--scope=group` series stand in
groups of `--siblings`, 100. The yardsticks are one `fit` and one `score_samples` of scikit-learn's IsolationForest, on
as many rows and features, multiplied by the number of series. `--plot` draws what an evaluation costs and what a series
holds, over the number of series.
"""

import argparse
import gc
import logging
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from sklearn.ensemble import IsolationForest

from benchmarks.held import resident
from benchmarks.warm import Warm, cpu_seconds, query
from sidecar.allocator import give_back_freed, give_back_large_blocks
from sidecar.config.schema import QueryConfig
from sidecar.detection import detector, features
from sidecar.detection.models import Models
from sidecar.detection.settings import Settings
from sidecar.loop.terms import schedule_of
from sidecar.prometheus.frame import View

TURN = 512
"""Series whose bands are sought to see what that takes: an evaluation seeks those of about as many of 10,000."""


HEAD = (
    "series  evaluation, s  and its bands, s  with new models, s  scoring, s  scikit-learn / scoring  band, ms  fit, ms"
    "  scikit-learn / fit  of a day, ms  kB held  of it history  models  one by one differs"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one number of series costs: CPU seconds, and bytes per series.

    An evaluation seeks some series' `bands`, which has a figure of its own.
    """

    series: int
    evaluation: float
    bands: float
    renewed: float
    scoring: float
    band: float
    fit: float
    daily: float
    held: float
    history: float
    models: float
    apart: float


def measured(asked: QueryConfig, series: int, siblings: int, runs: int) -> Figures:
    """Runs a warm query."""
    gc.collect()  # what came before must not make room for this
    give_back_freed()
    before = resident()
    warm = Warm(asked, series, siblings, runs)
    whole, bands = warm.evaluations(runs)
    gc.collect()
    held = resident() - before
    frame, watch = warm.frame(warm.newest), warm.watch
    models, values, settings = watch.series.models, frame.values, watch.settings
    scoring = [cpu_seconds(lambda: detector.score(models, values, frame.end, settings, 1)) for _ in range(runs)]
    turn = np.arange(min(series, TURN))
    searching = [cpu_seconds(lambda: watch.find_bands(frame, turn)) for _ in range(runs)]
    renewed = np.subtract(*warm.evaluations(runs, warm.renew))
    return Figures(
        series,
        statistics.median(np.subtract(whole, bands)),
        statistics.median(bands),
        statistics.median(renewed),
        statistics.median(scoring),
        statistics.median(searching) / len(turn),
        warm.executor.seconds,
        warm.executor.daily,
        held / series,
        values.nbytes / series,
        size_of(models) / series,
        apart(models, frame, settings),
    )


def apart(models: Models, frame: View, settings: Settings) -> float:
    """The largest relative difference between scores of all series at once and one by one, of some fifty."""
    rows = np.arange(0, len(models), max(1, len(models) // 50))
    whole = detector.score(models, frame.values, frame.end, settings, 1).score[rows, 0]
    alone = [
        detector.score(models.take(rows[[i]]), frame.values[rows[[i]]], frame.end, settings, 1).score[0, 0]
        for i in range(len(rows))
    ]
    return float(np.abs(alone / whole - 1).max())


def size_of(models: Models) -> int:
    """Bytes of models, each set of curves once."""
    shared = {id(curves): curves for curves in models.tables.curves.tolist()}.values()
    own = sum(part.nbytes for part in models.arrays())
    return own + sum(int(curves.at.nbytes + curves.rarity.nbytes + curves.slope.nbytes) for curves in shared)


def yardsticks(settings: Settings, runs: int) -> tuple[float, float]:
    """Seconds of a fit and of scoring one row, by scikit-learn, on as many rows and features as ours."""
    rng, width = np.random.default_rng(0), len(features.names(settings))
    rows, row = rng.standard_normal((settings.fit_steps, width)), rng.standard_normal((1, width))
    forest = IsolationForest(random_state=0)
    fits = [cpu_seconds(lambda: forest.fit(rows)) for _ in range(runs)]
    scores = [cpu_seconds(lambda: forest.score_samples(row)) for _ in range(runs)]
    return statistics.median(fits), statistics.median(scores)


def table(found: list[Figures], fit: float, score: float) -> str:
    """The figures, and their ratios to the yardsticks."""
    lines = [f"scikit-learn: {fit:.4f} s a fit, {score:.4f} s to score a row", HEAD]
    lines += [
        f"{one.series:>6}  {one.evaluation:>13.4f}  {one.bands:>16.4f}  {one.renewed:>18.4f}  {one.scoring:>10.4f}"
        f"  {score * one.series / one.scoring:>22.0f}"
        f"  {1000 * one.band:>8.2f}  {1000 * one.fit:>7.1f}  {fit / one.fit:>18.1f}  {1000 * one.daily:>12.1f}"
        f"  {one.held / 1000:>7.1f}  {one.history / 1000:>13.1f}  {one.models / 1000:>6.1f}  {one.apart:>18.1e}"
        for one in found
    ]
    return "\n".join(lines)


def draw(found: list[Figures], score: float, target: Path) -> None:
    """Cost and memory over the number of series."""
    from matplotlib.figure import Figure  # noqa: PLC0415 slow to import, and only for the picture

    series = [one.series for one in found]
    figure = Figure(figsize=(10, 4), layout="constrained")
    cost, memory = figure.subplots(1, 2)
    cost.loglog(
        series, [one.evaluation + one.bands for one in found], "o-", label="one evaluation of the query, with its bands"
    )
    cost.loglog(series, [score * one.series for one in found], "--", label="scikit-learn, a call per series")
    cost.set(xlabel="series", ylabel="CPU seconds")
    memory.semilogx(series, [one.held / 1000 for one in found], "o-", label="held")
    memory.semilogx(series, [one.history / 1000 for one in found], ":", label="of it history")
    memory.set(xlabel="series", ylabel="kB per series", ylim=(0, None))
    for axes in (cost, memory):
        axes.legend()
        axes.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(target, dpi=120)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=int, nargs="*", default=[10, 100, 1000, 3000, 10_000])
    parser.add_argument("--scope", choices=["series", "group"], default="series")
    parser.add_argument("--siblings", type=int, default=100)
    parser.add_argument("--fit-window", default="7d")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    give_back_large_blocks()  # as a sidecar does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asked = query(arguments.scope, arguments.fit_window)
    fit, score = yardsticks(schedule_of(asked, "UTC").settings, arguments.runs)
    found = [measured(asked, series, arguments.siblings, arguments.runs) for series in arguments.series]
    print(table(found, fit, score))
    if arguments.plot:
        draw(found, score, arguments.plot)


if __name__ == "__main__":
    main()
