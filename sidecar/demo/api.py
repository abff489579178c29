"""Prometheus' query API over the demo's series: request parameters in, status and JSON document out."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import numpy as np

from sidecar.demo.incidents import utilisation
from sidecar.demo.noise import FloatArray
from sidecar.demo.series import HOSTS, Host

EXPRESSION = "instance:node_cpu_utilisation:rate5m"
"""The one expression the source answers, a recording rule of the node mixin."""

MAX_POINTS = 11_000

Answer = tuple[HTTPStatus, dict[str, Any]]


class BadDataError(ValueError):
    """A request that Prometheus refuses with `bad_data`."""


def query_range(parameters: Mapping[str, str], now: float, epoch: float) -> Answer:
    """Answer `/api/v1/query_range`: a matrix, without any sample later than `now`; times in unix seconds."""
    try:
        _check_expression(parameters)
        steps = _steps(parameters)
    except BadDataError as error:
        return _refusal(error)
    times = steps[steps <= now]
    return _success("matrix", [_range_series(host, times, epoch) for host in HOSTS] if times.size else [])


def query(parameters: Mapping[str, str], now: float, epoch: float) -> Answer:
    """Answer `/api/v1/query`: a vector of the values at `time`, empty where that is later than `now`."""
    try:
        _check_expression(parameters)
        at = _time(parameters, "time") if "time" in parameters else now
    except BadDataError as error:
        return _refusal(error)
    time = np.array([at], np.float64)
    return _success("vector", [_instant_series(host, time, epoch) for host in HOSTS] if at <= now else [])


def _success(kind: str, result: list[dict[str, Any]]) -> Answer:
    return HTTPStatus.OK, {"status": "success", "data": {"resultType": kind, "result": result}}


def _refusal(error: BadDataError) -> Answer:
    return HTTPStatus.BAD_REQUEST, {"status": "error", "errorType": "bad_data", "error": str(error)}


def _range_series(host: Host, times: FloatArray, epoch: float) -> dict[str, Any]:
    return {"metric": _labels(host), "values": _samples(host, times, epoch)}


def _instant_series(host: Host, time: FloatArray, epoch: float) -> dict[str, Any]:
    return {"metric": _labels(host), "value": _samples(host, time, epoch)[0]}


def _labels(host: Host) -> dict[str, str]:
    return {"__name__": EXPRESSION, "instance": host.name, "job": "node"}


def _samples(host: Host, times: FloatArray, epoch: float) -> list[list[float | str]]:
    """The samples as Prometheus writes them: whole seconds without a point, the value as the shortest text."""
    values = utilisation(host, times, epoch)
    return [
        [int(time) if time.is_integer() else round(time, 3), np.format_float_positional(value, trim="-")]
        for time, value in zip(times.tolist(), values, strict=True)
    ]


def _check_expression(parameters: Mapping[str, str]) -> None:
    if (given := parameters.get("query", "").strip()) != EXPRESSION:
        raise BadDataError(f'invalid parameter "query": the demo source knows only {EXPRESSION}, not {given!r}')


def _steps(parameters: Mapping[str, str]) -> FloatArray:
    start, end = _time(parameters, "start"), _time(parameters, "end")
    step = _number(parameters, "step", "duration in seconds")
    if end < start:
        raise BadDataError('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise BadDataError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    if (end - start) / step > MAX_POINTS:
        raise BadDataError(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return start + step * np.arange(math.floor((end - start) / step) + 1, dtype=np.float64)


def _time(parameters: Mapping[str, str], name: str) -> float:
    """An instant given as RFC 3339 or in unix seconds."""
    try:
        given = datetime.fromisoformat(parameters.get(name, ""))
    except ValueError:
        return _number(parameters, name, "timestamp")
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def _number(parameters: Mapping[str, str], name: str, kind: str) -> float:
    text = parameters.get(name, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadDataError(f'invalid parameter "{name}": cannot parse "{text}" to a valid {kind}')
    return number
