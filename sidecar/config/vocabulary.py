"""The vocabulary of the file: what a value may be, each kind an annotated type that refuses with what to write."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
)

from sidecar.config.duration import format_duration, seconds
from sidecar.config.problems import shortened

T = TypeVar("T")

ANOMALY_NAME = "anomaly_name"
"""The label that names the query."""


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, values are what they say, nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where values come from while a file is validated; values given in code have none."""

    directory: Path


class Direction(StrEnum):
    """On which side of what is expected a value may be flagged."""

    ABOVE = "above"
    BELOW = "below"
    BOTH = "both"


class Missing(StrEnum):
    """What steps without a sample mean."""

    IGNORE = "ignore"
    ZERO = "zero"
    LAST = "last"
    FLAG = "flag"


class Scope(StrEnum):
    """Whose past says how rare a value is."""

    SERIES = "series"
    GROUP = "group"


class AlarmBudget(NamedTuple):
    """An upper limit of alarms per series: so many in `per` seconds."""

    alarms: float
    per: int

    @property
    def per_second(self) -> float:
        """The budget as a rate."""
        return self.alarms / self.per

    def __str__(self) -> str:
        return f"{self.alarms:.9f}".rstrip("0").rstrip(".") + f" per {format_duration(self.per)}"


class Confirm(NamedTuple):
    """How many of the newest `of` steps must be anomalous before the alarm fires."""

    steps: int
    of: int

    def __str__(self) -> str:
        return f"{self.steps} of {self.of}"


def _duration(value: object, info: ValidationInfo) -> int:
    if isinstance(value, str):
        return seconds(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if info.context is None or value == 0:
            return value
        raise ValueError(f"{value} has no unit: write {value}s, or a duration like 5m or 1h30m")
    raise ValueError("must be a duration: write for example 30s, 5m, 1h30m or 7d")


def _at_least_a_second(seconds: int) -> int:
    if seconds < 1:
        raise ValueError("must be at least 1s")
    return seconds


def _alarm_budget(value: object) -> AlarmBudget:
    if isinstance(value, AlarmBudget):
        return value
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) per (\S+)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number of alarms per duration: write for example 1 per 30d")
    budget = AlarmBudget(float(match[1]), seconds(match[2]))
    if not budget.alarms or not budget.per:
        raise ValueError("must be above zero: write for example 1 per 30d")
    return budget


def _confirm(value: object) -> Confirm:
    if isinstance(value, Confirm):
        return value
    match = re.fullmatch(r"([0-9]{1,9}) of ([0-9]{1,9})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number of steps out of the newest ones: write for example 2 of 3")
    confirm = Confirm(int(match[1]), int(match[2]))
    if not 1 <= confirm.steps <= confirm.of <= _MOST_CONFIRM_STEPS:
        raise ValueError(f"must be M of N with 1 <= M <= N <= {_MOST_CONFIRM_STEPS}: write for example 2 of 3")
    return confirm


_MOST_CONFIRM_STEPS = 100


def _number(value: object) -> object:
    """A number that came as text, from the environment or by a tool that knows no infinity, as the number it is."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?([0-9]{0,18}\.)?[0-9]{1,18}([eE][+-]?[0-9]{1,3})?", value):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, str) and re.fullmatch(r"[+-]?\.(inf|Inf|INF)", value):
        return float(value.replace(".", ""))
    return value


def _ordinal(value: object) -> object:
    """The number that the name of a pod of a StatefulSet ends in."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(?:.*-)?([0-9]{1,9})", value)
    if match is None:
        raise ValueError(
            f"{shortened(value)!r} does not end in a number: write one from 0 on, or ${{POD_NAME}} in a StatefulSet"
        )
    return int(match[1])


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError("must rise from the lowest to the highest value: write for example [0, 1]")
    return bounds


def _switch(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write a value or remove the key")
    return text


def _query_name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", text):
        raise ValueError(
            f"{shortened(text)!r} cannot name a query: write letters, digits, _ and -, at most 64, "
            "beginning with a letter, for example node_cpu"
        )
    return text


def _label_name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", text):
        raise ValueError(
            f"{shortened(text)!r} is not a label name: write letters, digits and _, beginning with a letter"
        )
    if text == ANOMALY_NAME:
        raise ValueError(f"{ANOMALY_NAME} is set by the sidecar to the query's name: choose another label")
    if text.startswith("__"):
        raise ValueError(f"{shortened(text)!r} is reserved, as every label that begins with __: choose another label")
    return text


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError, RecursionError):
        places = sorted(zone for zone in available_timezones() if "/" in zone)  # to CEST the nearest would be EST
        near = difflib.get_close_matches(name, places, n=1)
        hint = f"did you mean {near[0]}?" if near else "write a name like UTC or Europe/Berlin"
        raise ValueError(f"{shortened(name)!r} is not a time zone: {hint}") from None
    return name


def _url(text: str) -> str:
    """An http(s) URL without user, query and fragment, and without a slash at its end; errors never quote it."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL: write for example http://localhost:9090") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("must be an http:// or https:// URL: write for example http://localhost:9090")
    if "@" in parts.netloc:
        raise ValueError("holds a user: write it under prometheus.basic_auth, where it is kept out of logs")
    if "?" in text or "#" in text:
        raise ValueError("has a part after ? or #: write only scheme, host, port and path prefix")
    return text.rstrip("/")


def _proxy_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL: write for example http://proxy:3128") from None
    if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not parts.hostname:
        raise ValueError("must be an http://, https:// or socks5:// URL: write for example http://proxy:3128")
    return text


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:<secret>@", url)


def _something(value: object) -> object:
    """What is said with nothing behind it is meant: to take it for not said would leave something open."""
    if value is None:
        raise ValueError("has nothing in it: fill it in, or remove the key")
    return value


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return info.context.directory / path if isinstance(info.context, Origin) else path


Duration: TypeAlias = Annotated[int, PlainValidator(_duration), PlainSerializer(format_duration)]
"""Whole seconds, written as a Prometheus duration."""
Period: TypeAlias = Annotated[Duration, AfterValidator(_at_least_a_second)]
"""A duration that is not zero."""
Budget: TypeAlias = Annotated[AlarmBudget, PlainValidator(_alarm_budget), PlainSerializer(str)]
Confirmation: TypeAlias = Annotated[Confirm, PlainValidator(_confirm), PlainSerializer(str)]
Count: TypeAlias = Annotated[int, BeforeValidator(_number), Field(ge=1)]
Ordinal: TypeAlias = Annotated[int, BeforeValidator(_ordinal), Field(ge=0)]
"""A number from 0 on, also as the end of a pod's name: `web-3` is 3."""
Number: TypeAlias = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
_Bound: TypeAlias = Annotated[float, BeforeValidator(_number)]
Range: TypeAlias = Annotated[tuple[_Bound, _Bound], Field(strict=False), AfterValidator(_rising)]
Switch: TypeAlias = Annotated[bool, BeforeValidator(_switch)]
Text: TypeAlias = Annotated[str, AfterValidator(_not_empty)]
Secret: TypeAlias = Annotated[SecretStr, PlainSerializer(lambda _: "<secret>")]
FilePath: TypeAlias = Annotated[
    Path, Field(strict=False), BeforeValidator(lambda value: value or None), AfterValidator(_beside_the_file)
]
Given: TypeAlias = Annotated[T | None, BeforeValidator(_something)]
"""A section that may be left out, but not left empty."""
QueryName: TypeAlias = Annotated[str, AfterValidator(_query_name)]
LabelName: TypeAlias = Annotated[str, AfterValidator(_label_name)]
TimeZone: TypeAlias = Annotated[str, AfterValidator(_timezone)]
Url: TypeAlias = Annotated[str, AfterValidator(_url)]
ProxyUrl: TypeAlias = Annotated[str, AfterValidator(_proxy_url), PlainSerializer(_without_password)]
