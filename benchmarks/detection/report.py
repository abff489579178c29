"""From answers to figures, and from figures to tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection import events, nab
from benchmarks.detection.anomalies import KINDS
from benchmarks.detection.series import Answers, Series, names, read_answers, read_series

MONTHS_OF_WEEKS = 30 / 7
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
CPU_FILES = "realAWSCloudwatch/"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A directory of labelled series, with the root of the Numenta benchmark if it is that."""

    name: str
    directory: Path
    nab: Path | None = None

    @classmethod
    def of_nab(cls, root: Path) -> "Corpus":
        """The Numenta benchmark, whose series lie in a directory of its root."""
        return cls("NAB", root / "data", root)


@dataclass(frozen=True, slots=True)
class Table:
    """Figures with the detector in the first column."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table as Markdown, its columns aligned."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        padded = [" | ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([f"**{self.title}**", "", f"| {padded[0]} |", f"| {' | '.join(rule)} |"]) + "".join(
            f"\n| {line} |" for line in padded[1:]
        )


def series_of(corpus: Corpus) -> list[Series]:
    """All series of a corpus."""
    return [read_series(corpus.directory, name) for name in names(corpus.directory)]


def nab_figures(corpus: Corpus, pairs: Sequence[tuple[Series, Answers]]) -> list[str]:
    """The three profiles at the best threshold, standard at threshold 1, and the CPU-like files alone."""
    windows = nab.read_windows(corpus.nab or corpus.directory)
    files = {s.name: nab.labelled(s, a.detection, a.flag, windows[s.name]) for s, a in pairs if s.name in windows}
    cpu = [file for name, file in files.items() if name.startswith(CPU_FILES)]
    scores = nab.scores(files.values())
    figures = [score.best for score in scores.values()]
    alone = nab.scores(cpu)["standard"].best if cpu else float("nan")
    return [f"{figure:.1f}" for figure in (*figures, scores["standard"].given, alone)]


NAB_HEADER = ["detector", *nab.PROFILES, "standard at 1.0", "CPU files"]


def event_figures(pairs: Sequence[tuple[Series, Answers]]) -> list[str]:
    """Event F1, precision, recall and false episodes per series-week."""
    tally = events.total(events.tally(series, answers.flag) for series, answers in pairs)
    figures = (tally.f1, tally.precision, tally.recall, tally.false_per_week)
    return [f"{figure:.2f}" for figure in figures]


EVENT_HEADER = ["detector", "event F1", "precision", "recall", "false per series-week"]


def kind_figures(pairs: Sequence[tuple[Series, Answers]]) -> list[str]:
    """Recall by kind in percent, false episodes per series-week, and per 30 days on series without anomalies."""
    tallies = [(series, events.tally(series, answers.flag)) for series, answers in pairs]
    every = events.total(tally for _, tally in tallies)
    clean = events.total(tally for series, tally in tallies if not series.label.any())
    recalls = [f"{100 * every.recall_of(kind.name):.0f}" for kind in KINDS]
    return [*recalls, f"{every.false_per_week:.2f}", f"{clean.false_per_week * MONTHS_OF_WEEKS:.2f}"]


KIND_HEADER = ["detector", *(kind.name.replace("_", " ") for kind in KINDS), "false per series-week", "per 30 d, clean"]


def table(corpus: Corpus, results: dict[str, Path]) -> Table:
    """The figures of every detector on one corpus, given where its answers are."""
    header, rows, every = EVENT_HEADER, [], series_of(corpus)
    for detector, directory in results.items():
        pairs = [(series, read_answers(directory, series)) for series in every]
        if corpus.nab:
            header, figures = NAB_HEADER, nab_figures(corpus, pairs)
        elif corpus.name.startswith("synthetic"):
            header, figures = KIND_HEADER, kind_figures(pairs)
        else:
            figures = event_figures(pairs)
        rows.append([detector, *figures])
    return Table(corpus.name, header, rows)


def refresh(document: Path, figures: str) -> None:
    """Replace what stands between the markers of a document; raises ValueError when it has none."""
    text = document.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{document}: needs the lines {BEGIN} and {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[-1]
    document.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")
