"""What stands for a sample that is missing."""

from dataclasses import replace

import numpy as np

from sidecar.detection.arrays import Floats
from sidecar.prometheus.frame import View

FILLING = ("zero", "last")
"""The words for what fills gaps."""


def filled(frame: View, missing: str) -> View:
    """The frame with its gaps filled: `zero`, `last` (the last sample before the gap), or left alone by any other word.

    What lies before the first sample of a series stays missing: there was no series.
    """
    if missing == "zero":
        frame = frame.whole()
        return replace(
            frame, values=np.where(np.isnan(last_samples(frame.values)), np.nan, np.nan_to_num(frame.values))
        )
    if missing == "last":
        frame = frame.whole()
        return replace(frame, values=last_samples(frame.values))
    return frame


def last_samples(values: Floats) -> Floats:
    """The newest sample at or before each column of each row, shape (series, steps); NaN where there is none."""
    columns = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(columns, axis=1), axis=1)
