"""Pictures of the hits and misses that teach most: events barely or not found, false alarms of the highest score."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.detection.events import verdicts
from benchmarks.detection.series import DAY, Answers, Floats, Series

PER_VERDICT = 4
CONTEXT = 2 * DAY


@dataclass(frozen=True, slots=True)
class Example:
    """One episode of a series: what became of it, its rows, and the highest score in it."""

    verdict: str
    series: Series
    answers: Answers
    begin: int
    end: int
    score: float


def peak(score: Floats) -> float:
    """The highest score, 0 where nothing is scored."""
    return float(np.nan_to_num(score).max(initial=0.0))


def examples(series: Series, answers: Answers) -> Iterable[Example]:
    """Every event and every false episode of a series."""
    got = verdicts(series, answers.flag)
    for verdict, episodes in (("found", got.found), ("missed", got.missed), ("false", got.false)):
        for begin, end in episodes:
            yield Example(verdict, series, answers, begin, end, peak(answers.score[begin:end]))


def instructive(every: Sequence[Example], verdict: str) -> list[Example]:
    """The found ones of the lowest score, the missed and the false of the highest; one per series."""
    low_first = verdict == "found"
    ordered = sorted((e for e in every if e.verdict == verdict), key=lambda e: e.score, reverse=not low_first)
    of_series: dict[str, Example] = {}
    for example in ordered:
        of_series.setdefault(example.series.name, example)
    return list(of_series.values())[:PER_VERDICT]


def draw(example: Example, values: Axes, score: Axes) -> None:
    """The values with the labels, and below them the score with the flags."""
    seconds = example.series.seconds
    around = slice(
        *np.searchsorted(
            np.maximum.accumulate(seconds), [seconds[example.begin] - CONTEXT, seconds[example.end - 1] + CONTEXT]
        )
    )
    at = seconds[around].astype("datetime64[s]")
    values.plot(at, example.series.values[around], linewidth=0.8, color="tab:blue")
    values.set_title(f"{example.verdict}: {example.series.name}", fontsize="small", loc="left")
    score.plot(at, example.answers.score[around], linewidth=0.8, color="tab:gray")
    score.axhline(1.0, linestyle="--", linewidth=0.8, color="tab:red")
    for axes, rows, colour in (
        (values, example.series.label, "tab:green"),
        (score, example.answers.flag, "tab:red"),
    ):
        shade = rows[around]
        axes.fill_between(
            at, 0, 1, where=shade.tolist(), step="mid", alpha=0.3, color=colour, transform=axes.get_xaxis_transform()
        )
    values.tick_params(labelbottom=False)
    score.set_ylabel("score")


def plot(corpus: str, pairs: Iterable[tuple[Series, Answers]], directory: Path) -> list[Path]:
    """One picture per verdict; green is labelled, red is flagged; returns the files."""
    every = [example for series, answers in pairs for example in examples(series, answers)]
    written = []
    for verdict in ("found", "missed", "false"):
        chosen = instructive(every, verdict)
        if not chosen:
            continue
        figure = Figure(figsize=(12, 3 * len(chosen)), layout="constrained")
        axes = figure.subplots(2 * len(chosen), 1, squeeze=False, height_ratios=[2, 1] * len(chosen))[:, 0]
        for number, example in enumerate(chosen):
            draw(example, axes[2 * number], axes[2 * number + 1])
        directory.mkdir(parents=True, exist_ok=True)
        written.append(directory / f"{corpus}-{verdict}.png")
        figure.savefig(written[-1], dpi=100)
    return written
