"""Whose band is found when: finding one asks the detector many times, so most series wait for their turn."""

import math

import numpy as np
from numpy.typing import NDArray

ROUND = 600
"""Seconds within which every series has its turn."""

CONSPICUOUS = 0.8
"""Score from which on a series does not wait."""

FEWEST = 64
"""Series that have their turn at once at least, however few their share would be."""


class BandTurns:
    """Gives the series of a query their turns: all within `ROUND`, asked every `interval` seconds."""

    def __init__(self, interval: int) -> None:
        self._share = min(1.0, interval / ROUND)

    def most(self, series: int) -> int:
        """How many of so many series have their turn at once, beside those that do not wait."""
        return max(FEWEST, math.ceil(self._share * series))

    def rows(self, score: NDArray[np.float64], found_at: NDArray[np.int64], end: int) -> NDArray[np.intp]:
        """Series whose band is to be found now, at the step `end`.

        Args:
            score: shape (series,), NaN where the series is not scored.
            found_at: shape (series,), the step at which the band was found last, unix seconds.
            end: the newest step, unix seconds.
        """
        waiting = np.flatnonzero(~np.isnan(score) & (found_at < end))
        conspicuous = score[waiting] >= CONSPICUOUS
        others = waiting[~conspicuous]
        first = np.argsort(found_at[others], kind="stable")[: self.most(len(score))]
        return np.concatenate([waiting[conspicuous], others[first]])
