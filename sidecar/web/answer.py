"""What a request for a prediction is answered: checks what is asked, and asks detection."""

from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from sidecar.config.vocabulary import Direction
from sidecar.detection.arrays import NEVER, Floats
from sidecar.detection.predict import Prediction, predict_live, predict_rest, predict_self
from sidecar.detection.review import Case
from sidecar.detection.short import LEAST_VALUES
from sidecar.prometheus.frame import LARGEST
from sidecar.web.backend import Backend
from sidecar.web.detail import numbers
from sidecar.web.errors import Refused, problem
from sidecar.web.grid import Grid, aligned, even, spaced
from sidecar.web.listing import Filter, rows
from sidecar.web.predict_schemas import PredictRequest, PredictResponse

STEP = 60
"""Seconds between values that come without timestamps."""


def answered(body: bytes, backend: Backend) -> bytes:
    """The answer to a request, both as JSON.

    Raises:
        Refused: something is not valid.
    """
    asked = parsed(body)
    values = np.array(asked.values, dtype=np.float64)
    if asked.timestamps is not None and len(asked.timestamps) != len(values):
        message = f"timestamps: {len(asked.timestamps)} of them for {len(values)} values"
        raise Refused(422, message, "timestamps", min(len(asked.timestamps), len(values)))
    if asked.query is not None:
        return _live(asked, asked.query, values, backend)
    if asked.labels is not None:
        raise Refused(422, "labels: tell a series of a query: name the query", "labels")
    times = asked.timestamps
    grid = even(len(values), len(values) * STEP, STEP) if times is None else spaced(np.array(times), None)
    return _fitted(asked, values, grid)


def parsed(body: bytes) -> PredictRequest:
    """The request in a body.

    Raises:
        Refused: it is not JSON, or not what is expected.
    """
    try:
        return PredictRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        told = problem(first["loc"], first["msg"].replace("1" + 100 * "0", f"{LARGEST:g}"))
        status = 400 if first["type"] == "json_invalid" else 422
        raise Refused(status, told.error, told.field, told.index) from None


def _fitted(asked: PredictRequest, values: Floats, grid: Grid) -> bytes:
    """The answer of a model that is fitted on the values themselves."""
    columns, direction = grid.fill(values), asked.direction or Direction.BOTH
    training = len(values) if asked.fit in (None, "self") else int(asked.fit)
    usable = int(np.count_nonzero(~np.isnan(values[:training])))
    if usable < LEAST_VALUES:
        where = "" if training >= len(values) else f" among the first {training}"
        message = f"At least {LEAST_VALUES} values that are not null are needed{where}, got {usable}."
        return response(Prediction.blank(len(values)), values, asked.threshold, direction, message)
    if asked.fit in (None, "self"):
        said = predict_self(columns, grid.end, grid.step, asked.threshold)
    elif training >= len(values):
        raise Refused(422, f"fit: leaves none of the {len(values)} values to be scored", "fit")
    else:
        said = predict_rest(columns, int(grid.places[training - 1]) + 1, grid.end, grid.step, asked.threshold)
    return response(said.at(grid.places), values, asked.threshold, direction)


def _live(asked: PredictRequest, query: str, values: Floats, backend: Backend) -> bytes:
    """The answer of the model of a query's series."""
    config = backend.queries().get(query)
    if config is None:
        raise Refused(404, f"query: none is called {query!r}", "query")
    if asked.fit is not None:
        raise Refused(422, "fit: the model of a query is fitted already: leave it out", "fit")
    case, direction = _case(query, asked.labels or {}, backend), asked.direction or config.direction
    if case is None or case.instant == NEVER:
        message = "The series has no model yet: it has too little history."
        return response(Prediction.blank(len(values)), values, asked.threshold, direction, message)
    grid = even(len(values), case.frame.end + len(values) * config.step, config.step)
    if asked.timestamps is not None:
        grid = aligned(spaced(np.array(asked.timestamps), config.step))
    said = predict_live(case, grid.fill(values), grid.end, asked.threshold)
    return response(said.at(grid.places), values, asked.threshold, direction)


def _case(query: str, labels: Mapping[str, str], backend: Backend) -> Case | None:
    """What is known of the one series of a query that has the labels."""
    which = Filter(query=query, labels=tuple(labels.items()))
    found = rows(backend.snapshot(), backend.clock(), which)
    if not found:
        raise Refused(404, f"labels: no series of {query} has them", "labels")
    if len(found) > 1:
        raise Refused(422, f"labels: {len(found)} series of {query} have them: name more", "labels")
    return backend.case(query, found[0].labels)


def response(said: Prediction, values: Floats, threshold: float, direction: str, message: str | None = None) -> bytes:
    """The answer as JSON; `values` are those that were sent."""
    unknown = np.isnan(said.score) | np.isnan(values)
    fits = {"above": values > said.expected, "below": values < said.expected}.get(direction, True)
    yes = ((said.score >= threshold) & fits).astype(np.int64)
    known = np.flatnonzero(~unknown)
    return (
        PredictResponse(
            warmup_points_dropped=int(known[0]) if len(known) else len(values),
            anomaly=[None if no else flag for no, flag in zip(unknown.tolist(), yes.tolist(), strict=True)],
            anomaly_score=numbers(said.score),
            expected=numbers(said.expected),
            lower=[None] * len(values) if direction == "above" else numbers(said.lower),
            upper=[None] * len(values) if direction == "below" else numbers(said.upper),
            threshold=threshold,
            detector=said.detector,
            message=message,
        )
        .model_dump_json()
        .encode()
    )
