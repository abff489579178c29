"""Scores a list of values that somebody sends, with the parts that the loop scores its series with.

Where the training values reach far enough back the loop's own detector answers, else the one for short lists.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sidecar.detection.arrays import Floats, Ints
from sidecar.detection.detector import Models, context_steps, fit, score
from sidecar.detection.review import Case
from sidecar.detection.settings import DAY, HOUR, Settings
from sidecar.detection.short import LEAST_VALUES, band_short, fit_short, score_short

FIT_WINDOW, FIT_STEPS = 28 * DAY, 20_160
LEAST_CAUSAL, LEAST_CAUSAL_STEPS = 4 * HOUR, 25
"""What a query has by default: its fit window, and the history from which on it is scored, in seconds and steps."""

LEAST_SELF = 3 * DAY
"""Below, the loop's detector has too few days to compare to find anything in the very values it was fitted on."""


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
        lower: lower end of the values that score below the asked threshold.
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
    enough = len(values) * step >= LEAST_SELF
    said = _by_loop(values, len(values), 0, end, step) if enough else None
    return said or _by_short(values, len(values), 0, threshold)


def predict_rest(values: Floats, training: int, end: int, step: int, threshold: float) -> Prediction:
    """Score values (n,) after the first `training`, with the model of those: as the loop would, step by step."""
    enough = training >= max(LEAST_CAUSAL // step, LEAST_CAUSAL_STEPS)
    said = _by_loop(values, training, training, end, step) if enough else None
    return said or _by_short(values, training, training, threshold)


def predict_live(case: Case, values: Floats, end: int) -> Prediction:
    """Score values (n,), the last at `end`, with a live model; what came before them is taken from the series."""
    frame, settings = case.frame, case.schedule.settings
    context = context_steps(settings)
    columns = np.concatenate([np.full(context, np.nan), values])
    shift = (end - frame.start) // frame.step - (len(columns) - 1)  # where the frame has our first column
    known = np.arange(max(shift, 0), max(min(shift + context, frame.values.shape[1]), 0))
    columns[known - shift] = frame.values[0, known]
    return Prediction(Detector.LIVE, *_scores(case.models, columns, end, settings, len(values)))


def settings_for(step: int, training: int) -> Settings:
    """The settings of a query that has all defaults, but for a fit window that holds all training values."""
    fit_window = max(min(FIT_WINDOW, FIT_STEPS * step), training * step)
    return Settings(step, fit_window, max(LEAST_CAUSAL, LEAST_CAUSAL_STEPS * step))


def _by_loop(values: Floats, training: int, first: int, end: int, step: int) -> Prediction | None:
    """The loop's detector, fitted on the first `training` values, says something of those from `first` on, or nothing.

    It says nothing where too many of them are missing.
    """
    settings = settings_for(step, training)
    fitted_at = end - (len(values) - training) * step
    models = fit(values[None, :training], fitted_at, np.zeros(1, np.uint64), settings)
    if not models.fitted[0]:
        return None
    said = np.full((4, len(values)), np.nan)
    said[:, first:] = _scores(models, values, end, settings, len(values) - first)
    return Prediction(Detector.LOOP, *said)


def _scores(models: Models, values: Floats, end: int, settings: Settings, last: int) -> Floats:
    """Score, expected value and both ends of the band for the `last` of values (n,), shape (4, last)."""
    scores = score(models, values[None], end, settings, last)
    unknown = np.full(last, np.nan)
    return np.stack([scores.score[0], scores.expected[0], unknown, unknown])


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
