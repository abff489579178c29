"""The JSON of Prometheus' range query API, read into a frame."""

import json
from array import array
from collections.abc import Mapping
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.prometheus.source import BadAnswerError, BadQueryError, LabelValues, RangeResult

_EXCERPT = 200  # bytes of a body, in a message
_LONGEST = 1000  # characters of someone else's text, in a message
_GRID_TOLERANCE = 1e-3  # timestamps have milliseconds


def read_envelope(body: bytes) -> dict[str, Any]:
    """Decode the envelope every answer of the API comes in; series with samples are packed.

    Raises:
        BadAnswerError: it is not the API's JSON.
        BadQueryError: it reports an error; the text is the server's own.
    """
    try:
        envelope = _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BadAnswerError(f"not the JSON of the Prometheus API ({error}): {excerpt(body)}") from error
    if not isinstance(envelope, dict) or envelope.get("status") not in ("success", "error"):
        raise BadAnswerError(f'not an answer of the Prometheus API, "status" is missing: {excerpt(body)}')
    if envelope["status"] == "error":
        raise BadQueryError(_shortened(f"{envelope.get('errorType', 'error')}: {envelope.get('error', 'no message')}"))
    return envelope


def read_range(body: bytes, start: int, end: int, step: int) -> RangeResult:
    """Read the answer to a range query from `start` to `end`, unix seconds.

    Samples that are not finite become NaN: to a detector they are no measurement.

    Raises:
        BadAnswerError: it is not a matrix on the asked grid, or two of its series have the same labels.
        BadQueryError: it reports an error.
    """
    envelope = read_envelope(body)
    try:
        rows = _matrix(envelope)
        labels, order = _ascending([row.labels for row in rows])
        values = _samples([rows[place] for place in order], start, end, step)
        warnings, infos = _texts(envelope, "warnings"), _texts(envelope, "infos")
    except _MALFORMED as error:
        raise _no_range(error) from error
    samples = sum(len(row.times) for row in rows)
    return RangeResult(Frame(labels, start, step, values), warnings, infos, samples=samples, size=len(body))


def read_values(body: bytes) -> LabelValues:
    """Read the answer to a listing of the values of a label.

    Raises:
        BadAnswerError: it is not a list of texts.
        BadQueryError: it reports an error.
    """
    envelope = read_envelope(body)
    values = envelope.get("data") or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadAnswerError(f"not a list of label values of the Prometheus API: {excerpt(body)}")
    return LabelValues(tuple(values), _texts(envelope, "warnings"), size=len(body))


def excerpt(body: bytes) -> str:
    """Return the beginning of a body, on one line and fit for a log."""
    return repr(body[:_EXCERPT].decode("utf-8", "replace"))


class _Row(NamedTuple):
    """A series of a matrix: as objects of Python its samples would take many times the memory."""

    labels: LabelSet
    times: "array[float]"
    values: "array[float]"


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def _no_range(error: Exception) -> BadAnswerError:
    return BadAnswerError(_shortened(f"not a range of the Prometheus API ({type(error).__name__}: {error})"))


def _packed(read: dict[str, Any]) -> dict[str, Any] | _Row:
    """Pack an object of the JSON, as soon as it is read, if it is a series with samples."""
    metric, samples = read.get("metric"), read.get("values")
    if not isinstance(metric, dict) or not isinstance(samples, list) or "histograms" in read:
        return read
    try:
        times, values = map(itemgetter(0), samples), map(float, map(itemgetter(1), samples))
        return _Row(_label_set(metric), array("d", times), array("d", values))
    except _MALFORMED as error:
        raise _no_range(error) from error


_DECODER = json.JSONDecoder(object_hook=_packed)


def _matrix(envelope: Mapping[str, Any]) -> list[_Row]:
    data = envelope["data"]
    kind = data["resultType"]
    if kind != "matrix":
        raise BadAnswerError(f"the expression gives a {kind}, not a range of series")
    result: list[Any] = data["result"] or []
    left = [entry for entry in result if not isinstance(entry, _Row)]
    if any("histograms" in entry for entry in left):
        raise BadAnswerError("the expression gives native histograms: take a quantile or a rate of their count")
    if left:
        raise ValueError(f"a series without samples: {left[0]}")
    return result


def _ascending(found: list[LabelSet]) -> tuple[tuple[LabelSet, ...], list[int]]:
    """Return the label sets in ascending order, and the position each had."""
    order = sorted(range(len(found)), key=found.__getitem__)
    labels = tuple(found[row] for row in order)
    for before, after in pairwise(labels):
        if before == after:
            raise BadAnswerError(
                f"two series with the labels {describe(after)}: aggregate, or keep a label that differs"
            )
    return labels, order


def _label_set(metric: dict[str, str]) -> LabelSet:
    "".join(metric.values()).encode()  # refuses what is not text, at the price of a tenth of a look at each
    metric.pop("__name__", None)
    return tuple(sorted(metric.items()))


def describe(labels: LabelSet) -> str:
    """Write a label set as PromQL does."""
    return _shortened(
        "{" + ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels) + "}"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _samples(rows: list[_Row], start: int, end: int, step: int) -> NDArray[np.float64]:
    """Lay the samples of each row on the grid."""
    counts = [len(row.times) for row in rows]
    times, found = array("d"), array("d")
    for row in rows:
        times.extend(row.times)
        found.extend(row.values)
    values = np.array(found)
    values[~np.isfinite(values)] = np.nan
    matrix = np.full((len(rows), (end - start) // step + 1), np.nan)
    matrix[np.repeat(np.arange(len(rows)), counts), _columns(np.array(times), start, end, step)] = values
    return matrix


def _columns(times: NDArray[np.float64], start: int, end: int, step: int) -> NDArray[np.int64]:
    with np.errstate(invalid="ignore", over="ignore"):  # nan and inf are off the grid, too
        columns = np.rint((times - start) / step)
        distance = np.abs(start + columns * step - times)
    off = ~(distance <= _GRID_TOLERANCE) | (times < start - 0.5) | (times > end + 0.5)
    if off.any():
        raise BadAnswerError(f"a sample at {times[off][0]:.3f}, asked for {start} to {end} by {step} s")
    return columns.astype(np.int64)


def _texts(envelope: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, envelope.get(key) or ()))
