"""The shapes of what the API answers, as they stand in the OpenAPI document."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from sidecar.config.vocabulary import Direction
from sidecar.export.snapshot import State

Instant: TypeAlias = Annotated[float, Field(description="Unix time in seconds.", examples=[1767780000])]
Number: TypeAlias = float | None

SERIES_ID = "9f86d081884c7d65"


class Shape(BaseModel):
    """What all shapes have in common."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Problem(Shape):
    """Why a request was refused."""

    error: str = Field(examples=["values[3]: must be a finite number or null"])
    """What is wrong, where, and what to do."""
    field: str | None = None
    """The field or parameter at fault; null where it is none of them."""
    index: int | None = None
    """Which element of the field is at fault, counted from 0; null where it is the whole field."""


class Query(Shape):
    """A configured query and how it fares."""

    name: str = Field(examples=["node_cpu"])
    """Its name, `anomaly_name` of its series."""
    expr: str
    """The PromQL expression."""
    unit: str = Field(examples=["ratio"])
    """Unit of the values, empty where none is configured."""
    direction: Direction
    """Which side of the expected value counts."""
    step: int
    """Seconds between samples."""
    health: str = Field(examples=["ok"])
    """`ok`, or in words what is wrong: the newest evaluation failed, the results are too old, or have no series."""
    healthy: bool
    """Whether there are current results, with series in them, and the newest evaluation succeeded."""
    evaluated: Instant | None
    """Last successful evaluation, null if there was none."""
    sample_time: Instant | None
    """The newest step that was scored."""
    flagged: int | None
    """Number of series that are in an anomaly, null without current results."""
    series: dict[State, int]
    """Number of series by state."""
    dropped: dict[str, int]
    """Number of series that are left out, by reason."""


class Queries(Shape):
    """All configured queries, in the order of the configuration."""

    at: Instant
    """When this was answered."""
    ready: bool
    """Whether every query was attempted."""
    queries: list[Query]


class Series(Shape):
    """What the newest evaluation says of a series; whatever is not known is null, never 0."""

    id: str = Field(examples=[SERIES_ID])
    """Digest of the name of the query and the labels: the same in every replica and after a restart."""
    anomaly_name: str = Field(examples=["node_cpu"])
    """The query."""
    labels: dict[str, str] = Field(examples=[{"instance": "web-3:9100", "job": "node"}])
    """As on the gauges, `anomaly_name` and empty ones left out."""
    unit: str = Field(examples=["ratio"])
    """Unit of the values, empty where none is configured."""
    state: State
    """`ok` where the series is scored, else why it is not."""
    finding: str = Field(examples=["Anomalous, for 25 minutes so far: 93.1 % where 31.2 % was to be expected."])
    """What is said of it, in words."""
    score: Number = Field(examples=[1.93])
    """1 is the threshold, higher is more anomalous."""
    flag: bool | None
    """Whether the series is in an anomaly, by having vanished too; null where that is not known."""
    since: Instant | None
    """Since when it is; null where it is in none."""
    value: Number
    """The newest sample."""
    expected: Number
    """The value that the series' own past lets one expect."""
    lower: Number
    """Lower end of the values that score below the threshold; null where it is not known or there is none."""
    upper: Number
    """Upper end of the values that score below the threshold; null where it is not known or there is none."""


class SeriesPage(Shape):
    """Some of the series, in the order asked for."""

    at: Instant
    """When this was answered."""
    total: int
    """How many series match."""
    offset: int
    """How many of them come before this page."""
    series: list[Series]


class Points(Shape):
    """The newest steps of a series, oldest first; all lists are of one length."""

    time: list[int]
    """Unix time in seconds."""
    value: list[Number]
    """The samples; null where there is none."""
    score: list[Number]
    """Their scores; null where a step is not scored."""
    flag: list[bool]
    """Whether the alarm is on."""
    expected: list[Number]
    """The values to be expected."""
    lower: list[Number]
    """Lower ends of the values that score below the threshold; null where there is none."""
    upper: list[Number]
    """Upper ends of them."""


class Feature(Shape):
    """One of the things that the detector looks at."""

    name: str = Field(examples=["drift"])
    """Its name."""
    meaning: str = Field(examples=["the mean of the last 25 minutes against that of other days"])
    """What it is, in words."""
    score_without: float = Field(examples=[0.97])
    """The score if it were as usual: the lower, the more of the score it carries."""


class Explanation(Shape):
    """Why the newest step scores what it scores."""

    sentences: list[str]
    """The same in words, the most important first."""
    changed: list[str] = Field(examples=[["trend", "level"]])
    """What changed, the rarest first: `level`, `trend`, `spread`, `time of day`; empty where nothing is rare."""
    rarest: str = Field(examples=["drift"])
    """The feature that is rarest."""
    one_in: float = Field(examples=[2000])
    """That feature, not the score, is as rare as one in so many steps of the series' own past, a million at most."""
    features: list[Feature]
    """All of them, that which carries most first."""


class SeriesDetail(Series):
    """A series with its recent past.

    The points are scored with the model in use now: from the time it came into use on they are exactly what was
    exported, before that what would have been.
    """

    step: int
    """Seconds between samples."""
    alarm: str | None = Field(examples=["firing"])
    """What the alarm is doing: `idle`, `pending`, `firing` or `recovering`; null where the series is not scored."""
    reason: str | None = Field(examples=["exceeded"])
    """Why the alarm is in that state: the reference of the HTTP interface lists the reasons."""
    explanation: Explanation | None
    """Why the newest step scores what it does; null where it has no score."""
    points: Points
