"""Scores a list of values that somebody sends, with the parts that the loop scores its series with.

Where the training values reach far enough back the loop's own detector answers, else the one for short lists.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sidecar.config.schema import default_fit_window, default_min_history
from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.band import band
from sidecar.detection.detector import fit, score
from sidecar.detection.models import Models
from sidecar.detection.review import Case
from sidecar.detection.settings import DAY, HOUR, Settings, context_steps
from sidecar.detection.short import LEAST_VALUES, band_short, fit_short, score_short

LEAST_SELF, LEAST_SELF_STEPS = 3 * DAY, 150
"""Below, the loop's detector has too few days and values to find anything in the very values it was fitted on."""

LONGEST_STEP = 12 * HOUR
"""Above, there are no times of day to compare, which is what the loop's detector does."""


class Detector(StrEnum):
    """Which detector has answered."""

    NONE = "none"
    SHORT = "short"
    LOOP = "loop"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is said of each step, shape (n,); NaN where nothing is.

    Attributes:
        detector: which has said it.
        score: 1 at the threshold.
        expected: the value that was to be expected.
        lower: lower end of the values that score below the asked threshold; infinite where there is none.
        upper: upper end of them.
    """

    detector: Detector
    score: Floats
    expected: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def blank(cls, steps: int) -> "Prediction":
        """Nothing said."""
        return cls(Detector.NONE, *np.full((4, steps), np.nan))

    def at(self, steps: Ints) -> "Prediction":
        """Some of the steps."""
        parts = np.stack([self.score, self.expected, self.lower, self.upper])[:, steps]
        return Prediction(self.detector, *parts)


def predict_self(values: Floats, end: int, step: int, threshold: float) -> Prediction:
    """Score values (n,), the last at `end`, with one model of all of them: no score is free of the future."""
    given = Timed(values, end, settings_for(step, len(values)))
    enough = len(values) >= max(LEAST_SELF // step, LEAST_SELF_STEPS)
    said = _by_loop(given, len(values), 0, threshold) if enough and step <= LONGEST_STEP else None
    return said or _by_short(values, len(values), 0, threshold)


def predict_rest(values: Floats, training: int, end: int, step: int, threshold: float) -> Prediction:
    """Score values (n,) after the first `training`, with the model of those: as the loop would, step by step."""
    given = Timed(values, end, settings_for(step, training))
    enough = training >= default_min_history(step) // step
    said = _by_loop(given, training, training, threshold) if enough and step <= LONGEST_STEP else None
    return said or _by_short(values, training, training, threshold)


def predict_live(case: Case, values: Floats, end: int, threshold: float) -> Prediction:
    """Score values (n,), the last at `end`, with a live model; what came before them is taken from the series."""
    frame, settings = case.frame, case.schedule.settings
    context = context_steps(settings)
    columns = np.concatenate([np.full(context, np.nan), values])
    shift = (end - frame.start) // frame.step - (len(columns) - 1)  # where the frame has our first column
    known = np.arange(max(shift, 0), max(min(shift + context, frame.values.shape[1]), 0))
    columns[known - shift] = frame.values[0, known]
    return Prediction(Detector.LIVE, *_scores(case.models, Timed(columns, end, settings), context, threshold))


def settings_for(step: int, training: int) -> Settings:
    """The settings of a query that has all defaults, but for a fit window that holds all training values."""
    return Settings(step, max(default_fit_window(step), training * step), default_min_history(step))


@dataclass(frozen=True, slots=True)
class Timed:
    """Values (n,) of which the last lies at `end`, and how they are to be taken."""

    values: Floats
    end: int
    settings: Settings


def _by_loop(given: Timed, training: int, first: int, threshold: float) -> Prediction | None:
    """The loop's detector, fitted on the first `training` values, says something of those from `first` on, or nothing.

    It says nothing where too many of them are missing.
    """
    values, settings = given.values, given.settings
    fitted_at = given.end - (len(values) - training) * settings.step
    models = fit(values[None, :training], fitted_at, settings)
    if not models.fitted[0]:
        return None
    said = np.full((4, len(values)), np.nan)
    said[:, first:] = _scores(models, given, first, threshold)
    return Prediction(Detector.LOOP, *said)


def _scores(models: Models, given: Timed, first: int, threshold: float) -> Floats:
    """Score, expected value and both ends of the band for the values from `first` on, shape (4, n - first)."""
    last = len(given.values) - first
    scores = score(models, given.values[None], given.end, given.settings, last)
    limits = band(models, given.values[None], scores.expected, given.end, given.settings, threshold=threshold)
    return np.concatenate([scores.score, scores.expected, *limits])


def _by_short(values: Floats, training: int, first: int, threshold: float) -> Prediction:
    """The detector for short lists, fitted on the first `training` values, says something of those from `first` on."""
    there = np.flatnonzero(~np.isnan(values))
    present = values[there]
    training = int(np.count_nonzero(there < training))
    if training < LEAST_VALUES:
        return Prediction.blank(len(values))
    model = fit_short(present[:training])
    said = np.full((4, len(values)), np.nan)
    said[:, there] = [*score_short(model, present), *band_short(model, present, threshold)]
    said[:, :first] = np.nan
    return Prediction(Detector.SHORT, *said)
