"""What a detector must know of a query, in its own terms, and the lengths that follow from it."""

from dataclasses import dataclass

MINUTE = 60
HOUR = 3_600
DAY = 86_400
LEAST_BUCKETS = 200
"""Buckets that a fit window is to have."""
DAYS_BACK = 7
"""Days that a value is compared with, at most."""


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
    fit_window: int = 14 * DAY
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
        """Columns that are averaged: five minutes, as shorter steps add mostly noise; less in a short window."""
        return max(1, min(round(5 * MINUTE / self.step), self.fit_steps // LEAST_BUCKETS))

    @property
    def day_steps(self) -> int:
        """Columns of a day."""
        return DAY // self.step

    @property
    def days_back(self) -> int:
        """Days that a value is compared with: as many as the fit window holds."""
        return min(DAYS_BACK, self.fit_window // DAY)

    @property
    def long_steps(self) -> int:
        """Columns of the window in which a series' range is taken: 100 minutes, six buckets at least."""
        return max(6 * self.bucket, round(100 * MINUTE / self.step))

    @property
    def slack_steps(self) -> int:
        """Columns that another day's value may be early or late: a quarter of an hour, one bucket at least."""
        return max(self.bucket, round(15 * MINUTE / self.step))


def context_steps(settings: Settings) -> int:
    """Columns of the past that scoring one column needs."""
    clock_change = HOUR // settings.step
    days = settings.days_back * settings.day_steps + clock_change + settings.slack_steps
    return max(days if settings.days_back else 0, settings.long_steps) + settings.bucket
