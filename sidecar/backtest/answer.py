"""Answers a file of samples: a verdict for every row, as the loop would have given it when the row was new."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from sidecar.backtest.grid import Grid, grid_of, median_step
from sidecar.backtest.replay import Judgement, Replayer, Series, joined
from sidecar.backtest.table import Table, read, write
from sidecar.config.checks import FEWEST_STEPS, MOST_STEPS
from sidecar.config.schema import WARM_UP_STEPS, QueryConfig
from sidecar.detection.outcome import Reason, State

DEFAULTS = QueryConfig(name="csv", expr="vector(0)")
"""The settings of files for which none are given; its name and its expression mean nothing."""

NO_LABELS = ()
"""A file is a series without labels: its answers do not depend on its name."""


MANY_LATE = 0.5
"""The share of rows that come too late from which on a file is rather in the wrong order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a file.

    Attributes:
        text: a CSV.
        remark: what is to be said about the file, mostly nothing.
    """

    text: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers files under one configuration.

    Attributes:
        query: the settings; the step is taken from each file.
        timezone: the zone whose days are compared.
        band: whether to search the band of values that would not be flagged.
    """

    query: QueryConfig = DEFAULTS
    timezone: str = "UTC"
    band: bool = True

    def answer(self, content: bytes, name: str) -> Answer:
        """The answer to a CSV; BadFileError, which names it, where it cannot be understood."""
        table = read(content, name)
        grid = grid_of(table.times, median_step(table.times))
        return Answer(write(table, cells(grid, self._judgement(table, grid))), remark(grid, name))

    def _judgement(self, table: Table, grid: Grid) -> Judgement:
        known = grid.leading & ~np.isnan(table.values)
        series = Series(NO_LABELS, grid.times[known], table.values[known])
        replayer = Replayer.of(fitted_to(self.query, grid.step), self.timezone, band=self.band)
        lives = replayer.replay(series, int(series.times[0]), int(grid.times.max())) if known.any() else []
        return joined(lives, replayer.schedule.settings)


def fitted_to(query: QueryConfig, step: int) -> QueryConfig:
    """The settings with another step: durations that the query does not set follow from it, as in a configuration.

    What would be refused there for not going with the step is lengthened or shortened.
    """
    chosen = {name: getattr(query, name) for name in query.model_fields_set}
    query = QueryConfig.model_validate(chosen | {"step": step})
    window = min(max(query.fit_window, FEWEST_STEPS * step), MOST_STEPS * step)
    return query.model_copy(
        update={
            "fit_window": window,
            "fit_every": max(query.fit_every, step),
            "min_history": min(max(query.min_history, WARM_UP_STEPS * step), window),
        }
    )


def cells(grid: Grid, judgement: Judgement) -> Iterator[Sequence[str]]:
    """The answer to each row.

    A row that comes too late to be a sample has the score of its step, as it was given then, and the alarm as it
    stands: no alert starts on it. Without a score there is a flag only where the absence itself is flagged. An alarm
    that a new model raised at a step without a score starts on the next row that shows it.
    """
    verdicts = judgement.verdicts
    own = places(verdicts.times, grid.times).tolist()
    newest = places(verdicts.times, np.maximum.accumulate(grid.times)).tolist()
    value, score = verdicts.values[0].tolist(), verdicts.scores.score[0].tolist()
    expected, outcome = verdicts.scores.expected[0].tolist(), verdicts.outcome
    flag, state, detection = outcome.flag[0].tolist(), outcome.state[0].tolist(), outcome.detection[0].tolist()
    reason = outcome.reason[0].tolist()
    lower, upper = judgement.lower[0].tolist(), judgement.upper[0].tolist()
    answered = 0
    for at, now, leading in zip(own, newest, grid.leading.tolist(), strict=True):
        alarm = "idle" if now < 0 else State(state[now]).name.lower()
        if at < 0 or isnan(score[at]):
            shown = "1" if now >= 0 and reason[now] == Reason.VANISHED else ""
            yield "", shown, "0", "no_data" if at < 0 or isnan(value[at]) else "warming", alarm, "", "", ""
        else:
            onset = "0"
            if leading:
                onset = repr(max(detection[answered : at + 1]) if flag[now] else detection[at])
                answered = at + 1
            band = [number(lower[at]), number(upper[at])]
            yield repr(score[at]), str(int(flag[now])), onset, "ok", alarm, repr(expected[at]), *band


def remark(grid: Grid, name: str) -> str:
    """What is to be said about a file of which most rows come too late to be samples; nothing of another."""
    rows, late = len(grid.times), int(np.count_nonzero(~grid.leading))
    if late <= MANY_LATE * rows:
        return ""
    told = f"{name}: {late} of {rows} rows come after a row as new or newer, and are no samples"
    return f"{told}: sort them by time, a second apart at least"


def number(limit: float) -> str:
    """A limit as text, empty where it is not known."""
    return "" if isnan(limit) else repr(limit)


def places(times: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where each of the wanted times stands in ascending times, -1 where it does not."""
    at = np.searchsorted(times, wanted)
    found = np.append(times, -1)[at] == wanted
    return np.where((at < len(times)) & found, at, -1)
