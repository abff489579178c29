"""The shapes of a prediction: what is asked and what is answered."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from sidecar.detection.predict import Detector
from sidecar.prometheus.frame import LARGEST
from sidecar.web.schemas import Number, Shape

MOST_VALUES = 10_000
"""Values of one request."""

LAST_INSTANT = 253_402_300_799
"""The end of the year 9999, unix seconds: what is later was meant in milliseconds."""

LONGEST_TEXT = 1_000
MOST_LABELS = 100

EXAMPLE: dict[str, Any] = {
    "values": [
        42.1, 42.6, 42.3, 42.5, 42.2, 42.4, 42.7, 42.3, 42.5, 42.4, 42.6, 42.2, 42.4,
        42.5, 42.3, 42.6, 42.4, 42.2, 42.5, 42.3, 89.7, 42.4, 42.6, 42.3, 42.5,
    ]
}  # fmt: skip


def _one_message(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 JSON may have anything
    try:
        return handler(value)
    except ValidationError:
        raise PydanticCustomError(
            "fit", 'must be "self" or a whole number from 1 to {most}', {"most": MOST_VALUES}
        ) from None


Flag: TypeAlias = Annotated[int, Field(ge=0, le=1)]
Finite: TypeAlias = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Second: TypeAlias = Annotated[float, Field(strict=True, ge=0, le=LAST_INSTANT, allow_inf_nan=False)]
Training: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=MOST_VALUES)]
Text: TypeAlias = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT)]


class PredictRequest(Shape):
    """Values of one series, oldest first, and how they are to be scored."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    values: list[Finite | None] = Field(min_length=1, max_length=MOST_VALUES)
    """Of any quantity in any unit; null where one is missing."""
    timestamps: list[Second] | None = Field(None, max_length=MOST_VALUES)
    """Unix times of the values in seconds, ascending, a whole number of steps apart; the step is their median
    distance. Without them a value stands for every 60 s, or for every step of the query."""
    fit: Annotated[Literal["self"] | Training | None, WrapValidator(_one_message)] = None
    """`self` (the default): one model of all values, those that come after a value included. A number: a model of the
    first so many values, with which the others are scored, none of them knowing what comes after it."""
    query: Text | None = None
    """Name of a configured query: score with the model that the sidecar uses for one of its series. Without timestamps
    the values are taken to follow the newest sample of the series."""
    labels: Annotated[dict[Text, Text], Field(max_length=MOST_LABELS)] | None = None
    """Which series of the query; as many labels as tell it from the others."""
    threshold: float = Field(1.0, strict=True, gt=0, le=100)
    """The score from which on a value is anomalous."""
    direction: Literal["above", "below", "both"] | None = None
    """On which side of what is expected a value may be anomalous; `both` by default, or what the query says."""


class PredictResponse(Shape):
    """What the values are; all lists are aligned to them."""

    warmup_points_dropped: int
    """Number of leading nulls in `anomaly`."""
    anomaly: list[Flag | None]
    """1 where the score reaches the threshold on the side asked for; null where nothing can be said."""
    anomaly_score: list[Number]
    """1 is the threshold by default, higher is more anomalous."""
    expected: list[Number]
    """The value that was to be expected."""
    lower: list[Number]
    """Lower end of the values that are not anomalous; null where it is not known or there is none."""
    upper: list[Number]
    """Upper end of the values that are not anomalous; null where it is not known or there is none."""
    threshold: float
    """As asked for."""
    detector: Detector
    """Which detector answered: `loop`, the one that scores the configured queries, fitted on the values; `short`, one
    for lists that are too short for it; `live`, the query's model; `none`: see `message`."""
    message: str | None
    """Why nothing could be said; null where something was."""
