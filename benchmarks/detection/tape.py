"""What the detector finds on a corpus before any bar is applied, recorded once so that other bars can be tried on it.

The product answers each file as it always does; on the way, the rarities of each fit's past and of each newest column
are kept, in half precision.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.series import Floats, Series, names, read_series
from sidecar.backtest.answer import Answerer
from sidecar.backtest.grid import Grid, grid_of, median_step
from sidecar.detection import detector, watch
from sidecar.detection.lesson import Lesson
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import Settings
from sidecar.detection.tables import Tables

Halves = NDArray[np.float16]

LEAST, MOST = 1e-4, 6e4
"""Of rarities that half precision holds."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model rests on.

    Attributes:
        past: (F, N) rarities of the training columns; NaN where there is nothing to learn.
        known: (F,) the features that it knows.
        age: buckets since the first sample.
        every: seconds from one training column to the next.
    """

    past: Halves
    known: NDArray[np.bool_]
    age: float
    every: float


@dataclass(slots=True)
class Tape:
    """A series, and what the detector found on it.

    Attributes:
        series: the labelled rows.
        grid: where they stand.
        settings: those of its step.
        fits: in the order of their instants.
        times: (n,) the columns, unix seconds.
        fit: (n,) which of the fits each was scored by.
        rarity: (F, n) of their features, NaN where there is no score.
    """

    series: Series
    grid: Grid
    settings: Settings
    fits: list[Fit]
    times: NDArray[np.int64]
    fit: NDArray[np.int64]
    rarity: Halves


@dataclass(slots=True)
class Recorder:
    """Listens to fits and scores of one series."""

    settings: Settings | None = None
    fits: list[Fit] = field(default_factory=list)
    number: dict[int, int] = field(default_factory=dict)
    columns: list[tuple[NDArray[np.int64], int, Halves]] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    until: int = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Stands between the product's parts for as long as the context lasts."""
        fit, score = Lesson.models_by, detector.score
        with (
            patch.object(Lesson, "models_by", lambda *given: self._fitted(given, fit(*given))),
            patch.object(watch, "score", lambda *given: self._scored(given, score(*given))),
        ):
            yield

    def _fitted(self, given: tuple[Lesson, Tables, Floats, Settings], models: Models) -> Models:
        lesson, tables, rarity, self.settings = given
        past = halves(np.where(np.isnan(lesson.found[0, :1]), np.nan, rarity[0]))
        self.number[id(models.tables.curves[0])] = len(self.fits)
        self.kept.append(models.tables.curves[0])  # or another's may get its id
        self.fits.append(Fit(past, tables.known[0], float(lesson.age[0]), float(lesson.every[0])))
        return models

    def _scored(self, given: tuple[Models, Floats, int, Settings, int], scores: Scores) -> Scores:
        models, _, end, settings, last = given
        times = end - settings.step * np.arange(last)[::-1]
        new = times > self.until
        known = ~np.isnan(scores.score[0])
        rarity = halves(np.where(known, scores.rarity[0], np.nan))
        self.columns.append((times[new], self.number.get(id(models.tables.curves[0]), -1), rarity[:, new]))
        self.until = end
        return scores


def halves(rarity: Floats) -> Halves:
    """Rarities in half precision: what is above 0 stays so, as 0 says that a feature is missing."""
    return np.where(rarity > 0, np.clip(rarity, LEAST, MOST), rarity).astype(np.float16)


def record(directory: Path, name: str) -> Tape | None:
    """The tape of a file; None where nothing was fitted."""
    series, recorder = read_series(directory, name), Recorder()
    with recorder.listening():
        Answerer(band=False).answer((directory / name).read_bytes(), name)
    if recorder.settings is None:
        return None
    times, fits, rarity = zip(*recorder.columns, strict=True)
    return Tape(
        series,
        grid_of(series.seconds.astype(np.float64), median_step(series.seconds.astype(np.float64))),
        recorder.settings,
        recorder.fits,
        np.concatenate(times),
        np.repeat(fits, [len(part) for part in times]),
        np.concatenate(rarity, axis=1),
    )


def record_all(directory: Path, processes: int) -> list[Tape]:
    """The tapes of a corpus."""
    with ProcessPoolExecutor(processes) as pool:
        found = pool.map(partial(record, directory), names(directory))
        return [tape for tape in found if tape is not None]
