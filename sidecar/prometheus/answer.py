"""The JSON of Prometheus' range query API, read into a frame."""

import json
from array import array
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidecar.config.problems import shortened
from sidecar.prometheus.frame import LARGEST, LONGEST, Frame, LabelSet, describe
from sidecar.prometheus.source import BadAnswerError, BadQueryError, LabelValues, RangeResult, UnfitError

_EXCERPT = 200  # bytes of a body, in a message
_GRID_TOLERANCE = 1e-3  # timestamps have milliseconds


Hook = Callable[[dict[str, Any]], object]
"""Makes of an object of the JSON what stands for it, as soon as it is read."""


def read_envelope(body: bytes, hook: Hook | None = None) -> dict[str, Any]:
    """Decode the envelope every answer of the API comes in.

    Raises:
        BadAnswerError: it is not the API's JSON.
        BadQueryError: it reports an error; the text is the server's own.
    """
    try:
        envelope = json.loads(body, object_hook=hook)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError(f"not the JSON of the Prometheus API ({error}): {excerpt(body)}") from error
    if not isinstance(envelope, dict) or envelope.get("status") not in ("success", "error"):
        raise BadAnswerError(f'not an answer of the Prometheus API, "status" is missing: {excerpt(body)}')
    if envelope["status"] == "error":
        raise BadQueryError(
            shortened(f"{envelope.get('errorType', 'error')}: {envelope.get('error', 'no message')}", LONGEST)
        )
    return envelope


def read_range(body: bytes, start: int, end: int, step: int) -> RangeResult:
    """Read the answer to a range query from `start` to `end`, unix seconds.

    Samples that are not finite become NaN: to a detector they are no measurement.

    Raises:
        BadAnswerError: it is not one of the API, or has samples off the asked grid.
        UnfitError: it has native histograms, or two of its series have the same labels.
        BadQueryError: it reports an error.
    """
    samples = _Samples()
    envelope = read_envelope(body, samples.pack)
    try:
        rows = _matrix(envelope)
        values = samples.on_grid([row.samples for row in rows], start, end, step)
        labels, values = _merged(*_ascending([row.labels for row in rows], values))
        warnings, infos = _texts(envelope, "warnings"), _texts(envelope, "infos")
    except _MALFORMED as error:
        raise _no_range(error) from error
    return RangeResult(Frame(labels, start, step, values), warnings, infos, samples=len(samples), size=len(body))


def read_values(body: bytes) -> LabelValues:
    """Read the answer to a listing of the values of a label.

    Raises:
        BadAnswerError: it is not a list of texts.
        BadQueryError: it reports an error.
    """
    envelope = read_envelope(body)
    values = envelope.get("data") or []
    if not isinstance(values, list) or not all(map(_is_text, values)):
        raise BadAnswerError(f"not a list of label values of the Prometheus API: {excerpt(body)}")
    return LabelValues(tuple(values), _texts(envelope, "warnings"), size=len(body))


def _is_text(value: object) -> bool:
    """Whether it is a string, and not one with half a character, which JSON may hold."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def excerpt(body: bytes) -> str:
    """Return the beginning of a body, on one line and fit for a log."""
    return repr(body[:_EXCERPT].decode("utf-8", "replace"))


class _Row(NamedTuple):
    """A series of a matrix, whose samples are kept elsewhere."""

    labels: LabelSet
    samples: int


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def _no_range(error: Exception) -> BadAnswerError:
    return BadAnswerError(shortened(f"not a range of the Prometheus API ({type(error).__name__}: {error})", LONGEST))


Pair = tuple[str, str]


class _Samples:
    """The samples of all series of an answer, one after the other: as objects they would take many times the memory.

    For the same reason, series that have a label in common have it as one object.
    """

    def __init__(self) -> None:
        self._times, self._values = array("d"), array("d")
        self._pairs: dict[Pair, Pair] = {}

    def __len__(self) -> int:
        return len(self._times)

    def pack(self, read: dict[str, Any]) -> dict[str, Any] | _Row:
        """Take in an object of the JSON, as soon as it is read, if it is a series with samples."""
        metric, samples = read.get("metric"), read.get("values")
        if not isinstance(metric, dict) or not isinstance(samples, list) or "histograms" in read:
            return read
        try:
            self._times.extend(map(itemgetter(0), samples))
            self._values.extend(map(float, map(itemgetter(1), samples)))
            return _Row(_label_set(metric, self._pairs), len(samples))
        except _MALFORMED as error:
            raise _no_range(error) from error

    def on_grid(self, counts: list[int], start: int, end: int, step: int) -> NDArray[np.float64]:
        """The samples of series that have so many each, a row per series and a column per step."""
        if sum(counts) != len(self):
            raise ValueError("a series outside of the result")
        values = np.array(self._values)
        values[~(np.abs(values) <= LARGEST)] = np.nan
        matrix = np.full((len(counts), (end - start) // step + 1), np.nan)
        matrix[np.repeat(np.arange(len(counts)), counts), _columns(np.array(self._times), start, end, step)] = values
        return matrix


def _matrix(envelope: Mapping[str, Any]) -> list[_Row]:
    data = envelope["data"]
    kind = data["resultType"]
    if kind != "matrix":
        raise BadAnswerError(f"the expression gives a {kind}, not a range of series")
    result: list[Any] = data["result"] or []
    left = [entry for entry in result if not isinstance(entry, _Row)]
    if any("histograms" in entry for entry in left):
        raise UnfitError("the expression gives native histograms: take a quantile or a rate of their count")
    if left:
        raise ValueError(f"a series without samples: {left[0]}")
    return result


def _ascending(labels: list[LabelSet], values: NDArray[np.float64]) -> tuple[list[LabelSet], NDArray[np.float64]]:
    """Return label sets and their rows in ascending order of the former."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return [labels[row] for row in order], values[order]


def _merged(labels: list[LabelSet], values: NDArray[np.float64]) -> tuple[tuple[LabelSet, ...], NDArray[np.float64]]:
    """Return ascending rows with those of equal labels made one, as of a metric that got another name meanwhile."""
    kept: list[int] = []
    for row, label_set in enumerate(labels):
        if not kept or labels[kept[-1]] != label_set:
            kept.append(row)
            continue
        before, after = values[kept[-1]], values[row]
        if (~np.isnan(before) & ~np.isnan(after)).any():
            raise UnfitError(
                f"two series with the labels {describe(label_set)}, which differ in the names of their metrics alone:"
                " aggregate, or keep the name in a label by label_replace"
            )
        values[kept[-1]] = np.where(np.isnan(before), after, before)
    if len(kept) == len(labels):
        return tuple(labels), values
    return tuple(labels[row] for row in kept), values[kept]


def _label_set(metric: dict[str, str], pairs: dict[Pair, Pair]) -> LabelSet:
    "".join(metric.values()).encode()  # refuses what is not text, at the price of a tenth of a look at each
    metric.pop("__name__", None)
    return tuple([pairs.setdefault(pair, pair) for pair in sorted(metric.items())])


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
