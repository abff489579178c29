"""A query's configuration in the detector's own terms."""

import math

from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import Missing, Scope
from sidecar.detection.alarm import Policy
from sidecar.detection.missing import FILLING
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import Settings


def settings_of(query: QueryConfig, timezone: str) -> Settings:
    """What its scores depend on."""
    return Settings(
        step=query.step,
        fit_window=query.fit_window,
        min_history=query.min_history,
        timezone=timezone,
        alarm_budget=query.alarm_budget.per_second,
    )


def schedule_of(query: QueryConfig, timezone: str) -> Schedule:
    """When its models are fitted."""
    groups = query.group_by if query.scope is Scope.GROUP else None
    return Schedule(settings_of(query, timezone), query.fit_every, groups)


def exact_steps_of(schedule: Schedule, missing: str) -> int:
    """How many of its newest samples are held as they came.

    All, where gaps are filled: what stands in a gap then counts for the range that a coarse block is held in.
    """
    return schedule.lookback_steps if missing in FILLING else schedule.exact_steps


def policy_of(query: QueryConfig) -> Policy:
    """When its scores become alarms."""
    settings = settings_of(query, "UTC")  # windows are as long in any zone
    return Policy(
        confirm=(query.alarm.confirm.steps, query.alarm.confirm.of),
        exit=query.alarm.exit,
        hold=max(query.alarm.hold, query.step),
        direction=query.direction.value,
        min_deviation=query.min_deviation.absolute,
        min_relative_deviation=query.min_deviation.relative,
        valid_range=query.valid_range or (-math.inf, math.inf),
        flag_vanished=query.missing is Missing.FLAG,
        averaged=settings.bucket * query.step,
        aftermath=2 * settings.long_steps * query.step,
    )
