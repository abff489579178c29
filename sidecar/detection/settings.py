"""What a detector must know of a query, in its own terms, and the lengths that follow from it."""

from dataclasses import dataclass

import numpy as np

from sidecar.detection.arrays import Ints

MINUTE = 60
HOUR = 3_600
DAY = 86_400
WEEK = 7 * DAY
LEAST_BUCKETS = 200
"""Buckets that a fit window is to have."""
DAYS_BACK, WEEKS_BACK = 7, 3
"""Days and weeks that a value is compared with, at most."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of a query's configuration that scores depend on; all times in seconds.

    Attributes:
        step: distance of two columns.
        fit_window: how much of the past a model is fitted on.
        min_history: how much of it a series must have before it is scored.
        timezone: IANA name of the zone whose days are compared.
        alarm_budget: alarms per second that an ordinary series may raise.
    """

    step: int
    fit_window: int = 28 * DAY
    min_history: int = DAY
    timezone: str = "UTC"
    alarm_budget: float = 1 / (30 * DAY)

    @property
    def fit_steps(self) -> int:
        """Columns of a whole fit window."""
        return self.fit_window // self.step

    @property
    def min_steps(self) -> int:
        """Columns with a sample that a fit needs."""
        return self.min_history // self.step

    @property
    def bucket(self) -> int:
        """Columns that are averaged: five minutes, as shorter steps add mostly noise; fewer in a short window."""
        return max(1, min(round(5 * MINUTE / self.step), self.fit_steps // LEAST_BUCKETS))

    @property
    def day_steps(self) -> int:
        """Columns of a day."""
        return DAY // self.step

    @property
    def days_back(self) -> int:
        """Days that a value is compared with: as many as the fit window holds, none where a day has no two columns."""
        return min(DAYS_BACK, self.fit_window // DAY) if self.day_steps > 1 else 0

    @property
    def weeks_back(self) -> int:
        """Weeks that a value is compared with: as many as the fit window holds, none where a day has no two columns."""
        return min(WEEKS_BACK, self.fit_window // WEEK) if self.day_steps > 1 else 0

    @property
    def mark_steps(self) -> int:
        """Columns between the marks at which the level of a day is read: half an hour, one bucket at least."""
        return self.bucket * max(1, 30 * MINUTE // (self.step * self.bucket))

    @property
    def short_steps(self) -> int:
        """Columns of a short mean: 25 minutes, but three to five buckets."""
        return max(3 * self.bucket, min(round(25 * MINUTE / self.step), 5 * self.bucket))

    @property
    def long_steps(self) -> int:
        """Columns of the window in which the spread is taken: 100 minutes, but six to twenty buckets."""
        return max(6 * self.bucket, min(round(100 * MINUTE / self.step), 20 * self.bucket))

    @property
    def short_lags(self) -> Ints:
        """The buckets of a short mean, as columns back from its last."""
        return np.arange(0, self.short_steps, self.bucket)

    @property
    def long_lags(self) -> Ints:
        """The buckets of a long window, as columns back from its last."""
        return np.arange(0, self.long_steps, self.bucket)

    @property
    def slack_steps(self) -> int:
        """Columns that another day's value may be early or late: a quarter of an hour, one bucket at least."""
        return max(self.bucket, round(15 * MINUTE / self.step))

    @property
    def clock_steps(self) -> int:
        """Columns that the same time of another day may be off, where the clock was changed by an hour: rounded up."""
        return -(-HOUR // self.step)

    @property
    def rough_steps(self) -> int:
        """Differences from column to column whose mean size is taken: as many as a short mean has, ten at least."""
        return max(10, self.short_steps)

    @property
    def calm_steps(self) -> int:
        """How far before a jump its yardstick is taken: clear of it, where there are enough columns."""
        return 8 * self.bucket if self.bucket > 1 else 1

    @property
    def jump_steps(self) -> int:
        """Columns whose middle a jump is measured from: half an hour, but 6 to 60."""
        return max(6, min(60, round(30 * MINUTE / self.step)))


def around_reach(settings: Settings) -> int:
    """Columns before the same time of another day that have to do with it, also where the clock was changed."""
    windows = 2 * settings.long_steps + settings.short_steps + settings.rough_steps + 10 * settings.bucket
    return windows + settings.slack_steps + settings.clock_steps


def day_reach(settings: Settings) -> int:
    """Columns of the day before that a column has to do with."""
    day = min(settings.day_steps, settings.fit_steps) + 2 * settings.mark_steps
    return max(day, settings.jump_steps) + around_reach(settings)


def days_reach(settings: Settings) -> int:
    """Columns of the last days that a column has to do with; before them only the same time of some weeks ago has."""
    return max(settings.days_back * settings.day_steps + around_reach(settings), day_reach(settings))


def context_steps(settings: Settings) -> int:
    """Columns of the past that scoring one column needs."""
    weeks = 7 * settings.weeks_back * settings.day_steps + around_reach(settings)
    return max(weeks, days_reach(settings))
