"""What a detector must know of a query, in its own terms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of a query's configuration that scores depend on; all times in seconds.

    Attributes:
        step: distance of two columns.
        fit_window: how much of the past a model is fitted on.
        min_history: how much of it a series must have before it is scored.
    """

    step: int
    fit_window: int
    min_history: int

    @property
    def fit_steps(self) -> int:
        """Columns of a whole fit window."""
        return self.fit_window // self.step

    @property
    def min_steps(self) -> int:
        """Columns with a sample that a fit needs."""
        return self.min_history // self.step
