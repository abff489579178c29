"""The configuration as typed models: every key, its default and its limits, once."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field

from sidecar.config.connection import PrometheusConfig
from sidecar.config.promql import check_condition, check_expression
from sidecar.config.vocabulary import (
    AlarmBudget,
    Budget,
    Confirm,
    Confirmation,
    Count,
    Direction,
    Duration,
    LabelName,
    Missing,
    Number,
    Period,
    QueryName,
    Range,
    Section,
    Text,
    TimeZone,
)

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WARM_UP_STEPS = 25
"""The longest rolling window of the features, and a few steps to judge."""

Expression: TypeAlias = Annotated[Text, AfterValidator(check_expression)]
Condition: TypeAlias = Annotated[Text, AfterValidator(check_condition)]


class Alarm(Section):
    """When scores become a flag, and when the flag goes."""

    confirm: Confirmation = Field(Confirm(1, 1), examples=["2 of 3"])
    exit: Number = Field(0.7, gt=0, le=1, examples=["0.7"])
    hold: Duration = Field(2 * HOUR, examples=["2h"])


class MinDeviation(Section):
    """How far a value must be from the expected one before it is flagged; both limits hold where both are set."""

    absolute: Number = Field(0.0, ge=0, examples=["0.1"])
    relative: Number = Field(0.0, ge=0, examples=["0.2"])


def _shortest_history(settings: dict[str, Any]) -> int:
    return max(4 * HOUR, WARM_UP_STEPS * int(settings.get("step", 0)))


class Timing(Section):
    """The durations of a query, which must fit each other."""

    step: Period = Field(5 * MINUTE, examples=["5m"])
    fit_window: Period = Field(7 * DAY, examples=["7d"])
    fit_every: Period = Field(6 * HOUR, examples=["6h"])
    min_history: Period = Field(default_factory=_shortest_history, examples=["4h"])


class QuerySettings(Timing):
    """What a query may set and `defaults` may set for all of them."""

    labels: Mapping[LabelName, Text] = Field({}, examples=["{team: platform}"])
    unit: str = Field("", examples=["cores"])
    direction: Direction = Field(Direction.BOTH, strict=False, examples=["above"])
    max_series: Count = Field(1_000, examples=["1000"])
    alarm_budget: Budget = Field(AlarmBudget(1, 30 * DAY), examples=["1 per 30d"])
    alarm: Alarm = Field(Alarm(), examples=["{confirm: 2 of 3}"])
    min_deviation: MinDeviation = Field(MinDeviation(), examples=["{relative: 0.2}"])
    valid_range: Range | None = Field(None, examples=["[0, 1]"])
    suppress_when: Condition | None = Field(
        None, examples=["changes(kube_deployment_status_observed_generation[15m]) > 0"]
    )
    missing: Missing = Field(Missing.IGNORE, strict=False, examples=["ignore"])


class QueryConfig(QuerySettings):
    """One query: each series it returns is scored by itself."""

    name: QueryName = Field(examples=["node_cpu"])
    expr: Expression = Field(examples=["rate(process_cpu_seconds_total[5m])"])


class LoopTiming(Section):
    """When queries are evaluated, and how long a result counts."""

    evaluation_interval: Period = Field(30, examples=["30s"])
    offset: Duration = Field(30, examples=["30s"])
    staleness: Period = Field(5 * MINUTE, examples=["5m"])


class Config(LoopTiming):
    """A whole configuration file; `queries` are complete, with `defaults` merged into them."""

    prometheus: PrometheusConfig = Field(examples=["{url: http://localhost:9090}"])
    timezone: TimeZone = Field("UTC", examples=["Europe/Berlin"])
    defaults: QuerySettings = Field(QuerySettings(), examples=["{step: 5m}"])
    queries: tuple[QueryConfig, ...] = Field((), strict=False, examples=["[{name: node_cpu, expr: ...}]"])
