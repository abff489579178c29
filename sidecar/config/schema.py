"""The configuration as typed models: every key, its default and its limits, once."""

from collections.abc import Mapping
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from sidecar.config.connection import PrometheusConfig
from sidecar.config.promql import check_condition, check_expression, check_placeholder
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
    Ordinal,
    Period,
    QueryName,
    Range,
    Scope,
    Section,
    Text,
    TimeZone,
)

__all__ = [
    "Alarm",
    "Config",
    "LoopTiming",
    "MinDeviation",
    "PrometheusConfig",
    "QueryConfig",
    "QuerySettings",
    "Sharding",
    "Timing",
]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
STEP = 5 * MINUTE
WARM_UP_STEPS = 25
"""The longest window of the features where steps are five minutes, 20 of them, and a few steps to judge."""

Expression: TypeAlias = Annotated[Text, AfterValidator(check_expression)]
Condition: TypeAlias = Annotated[Text, AfterValidator(check_condition)]


class Alarm(Section):
    """When scores become a flag, and when the flag goes."""

    confirm: Confirmation = Field(default=Confirm(1, 1), examples=["2 of 3"])
    exit: Number = Field(default=0.8, gt=0, le=1, examples=["0.8"])
    hold: Duration = Field(default=20 * MINUTE, examples=["20m"])


class MinDeviation(Section):
    """How far a value must be from the expected one before it is flagged; both limits hold where both are set."""

    absolute: Number = Field(default=0.0, ge=0, examples=["0.1"])
    relative: Number = Field(default=0.0, ge=0, examples=["0.2"])


class Sharding(Section):
    """Which part of the series is ours, of so many parts as there are processes."""

    by: LabelName = Field(default="instance", examples=["instance"])
    count: Count = Field(le=1_000, examples=["3"])
    index: Ordinal = Field(examples=["${POD_NAME}"])

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.index >= self.count:
            raise ValueError(
                f"has index {self.index} of count {self.count}: the first of {self.count} is 0, "
                f"the last {self.count - 1}"
            )
        return self


def default_fit_window(step: int) -> int:
    """Four weeks, or fewer where a step is short: more samples cost more than they tell."""
    return min(28 * DAY, 20_160 * step)


def default_min_history(step: int) -> int:
    """Four hours, or more where a step is long."""
    return max(4 * HOUR, WARM_UP_STEPS * step)


class Timing(Section):
    """The durations of a query, which must fit each other."""

    step: Period = Field(default=STEP, examples=["5m"])
    fit_window: Period = Field(
        default_factory=lambda settings: default_fit_window(settings.get("step", STEP)), examples=["28d"]
    )
    fit_every: Period = Field(default=DAY, examples=["1d"])
    min_history: Period = Field(
        default_factory=lambda settings: default_min_history(settings.get("step", STEP)), examples=["4h"]
    )


class QuerySettings(Timing):
    """What a query may set and `defaults` may set for all of them."""

    labels: Mapping[LabelName, Text] = Field(default={}, examples=["{team: platform}"])
    unit: str = Field(default="", examples=["cores"])
    direction: Direction = Field(default=Direction.BOTH, strict=False, examples=["above"])
    max_series: Count = Field(default=1_000, examples=["1000"])
    alarm_budget: Budget = Field(default=AlarmBudget(1, 30 * DAY), examples=["1 per 30d"])
    alarm: Alarm = Field(default=Alarm(), examples=["{confirm: 2 of 3}"])
    min_deviation: MinDeviation = Field(default=MinDeviation(), examples=["{relative: 0.2}"])
    valid_range: Range | None = Field(default=None, examples=["[0, 1]"])
    suppress_when: Condition | None = Field(
        default=None, examples=["changes(kube_deployment_status_observed_generation[15m]) > 0"]
    )
    scope: Scope = Field(default=Scope.SERIES, strict=False, examples=["group"])
    group_by: tuple[LabelName, ...] = Field(
        default=("namespace", "workload"), strict=False, examples=["[namespace, workload]"]
    )
    sharding: Sharding | None = Field(default=None, examples=["{by: instance, count: 3, index: 0}"])
    missing: Missing = Field(default=Missing.IGNORE, strict=False, examples=["ignore"])


class QueryConfig(QuerySettings):
    """One query: each series it returns is scored by itself."""

    name: QueryName = Field(examples=["node_cpu"])
    expr: Expression = Field(examples=["rate(process_cpu_seconds_total[5m])"])

    @model_validator(mode="after")
    def _placeholder_has_a_meaning(self) -> Self:
        for key, text in (("expr", self.expr), ("suppress_when", self.suppress_when)):
            check_placeholder(key, text or "", self.sharding.by if self.sharding else None)
        return self

    @model_validator(mode="after")
    def _groups_stay_together(self) -> Self:
        if self.scope is Scope.GROUP and self.sharding and self.sharding.by not in self.group_by:
            raise ValueError(
                f"has scope: group, but sharding.by is {self.sharding.by}, which parts siblings: "
                f"shard by one of group_by ({', '.join(self.group_by)})"
            )
        return self


class LoopTiming(Section):
    """When queries are evaluated, and how long a result counts."""

    evaluation_interval: Period = Field(default=30, examples=["30s"])
    offset: Duration = Field(default=30, examples=["30s"])
    staleness: Period = Field(default=5 * MINUTE, examples=["5m"])


class Config(LoopTiming):
    """A whole configuration file; `queries` are complete, with `defaults` merged into them."""

    prometheus: PrometheusConfig = Field(examples=["{url: http://localhost:9090}"])
    timezone: TimeZone = Field(default="UTC", examples=["Europe/Berlin"])
    defaults: QuerySettings = Field(default_factory=QuerySettings, examples=["{step: 5m}"])
    queries: tuple[QueryConfig, ...] = Field(default=(), strict=False, examples=["[{name: node_cpu, expr: ...}]"])
