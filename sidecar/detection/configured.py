"""What a query's configuration means to its detector: the same for the loop and for a backtest."""

import numpy as np

from sidecar.config.schema import QuerySettings
from sidecar.detection.alarm import Policy
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings


def schedule_of(query: QuerySettings, timezone: str = "UTC") -> Schedule:
    """When the models of a query are fitted, and on what."""
    settings = Settings(query.step, query.fit_window, query.min_history, timezone, query.alarm_budget.per_second)
    return Schedule(settings, query.fit_every)


def policy_of(query: QuerySettings) -> Policy:
    """When the scores of a query become an alarm."""
    return Policy(
        confirm=(query.alarm.confirm.steps, query.alarm.confirm.of),
        exit=query.alarm.exit,
        hold=query.alarm.hold,
        direction=query.direction,
        min_deviation=query.min_deviation.absolute,
        min_relative_deviation=query.min_deviation.relative,
        valid_range=query.valid_range or (-np.inf, np.inf),
    )
