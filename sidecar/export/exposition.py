"""From the snapshot to what a scrape reads: rendered once per result, not once per scrape."""

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from threading import Lock

import numpy as np
from prometheus_client.registry import Collector

from sidecar.export.board import Board
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable
from sidecar.export.text import Format, family_head, gauge_samples, label_text, registry_text
from sidecar.prometheus.frame import LabelSet

# Deflate at its lowest level: more than twice as fast as at the default level, for a sixth more bytes.
_LEVEL = 1
_RAW_DEFLATE = -zlib.MAX_WBITS
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"


class _QueryText:
    """The samples of one query's newest result by gauge, and the texts of its label sets for the result after it."""

    def __init__(self, result: QueryResult, before: "_QueryText | None") -> None:
        self.result = result
        self._table = result.series
        labels = self._table.labels
        self._label_texts = before.texts_of(labels) if before else [label_text(each) for each in labels]
        self.lines: dict[str, bytes] = {
            name: (before and before.unchanged_lines(name, self._table))
            or gauge_samples(name, self._label_texts, values)
            for name, values in self._table.gauges.items()
        }

    def texts_of(self, labels: tuple[LabelSet, ...]) -> list[str]:
        """The texts of the label sets, rendered where this result did not have them."""
        if labels == self._table.labels:
            return self._label_texts
        known = dict(zip(self._table.labels, self._label_texts, strict=True))
        return [known.get(each) or label_text(each) for each in labels]

    def unchanged_lines(self, name: str, table: SeriesTable) -> bytes | None:
        """The samples of the gauge, if they are the same in the other table: between two steps, most are."""
        before = self._table.gauges.get(name)
        if before is None or table.labels != self._table.labels:
            return None
        return self.lines[name] if np.array_equal(before, table.gauges[name], equal_nan=True) else None


class _SeriesText:
    """The gauges of all series, plain and deflated."""

    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self.chunks = chunks

    @cached_property
    def deflated(self) -> tuple[bytes, int, int]:
        """The text as an unfinished deflate stream, to which more can be appended, its CRC-32 and its length."""
        compressor, crc = zlib.compressobj(_LEVEL, wbits=_RAW_DEFLATE), 0
        parts = []
        for chunk in self.chunks:
            crc = zlib.crc32(chunk, crc)
            parts.append(compressor.compress(chunk))
        parts.append(compressor.flush(zlib.Z_FULL_FLUSH))
        return b"".join(parts), crc, sum(map(len, self.chunks))


def _families(queries: Collection[_QueryText]) -> Iterator[bytes]:
    for name, text in GAUGES.items():
        lines = [query.lines[name] for query in queries if query.lines.get(name)]
        if lines:
            yield family_head(name, "gauge", text).encode()
            yield from lines


class Exposition:
    """What `/metrics` serves: the gauges of every series that is not stale, then the sidecar's own metrics.

    Args:
        board: where the results are taken from.
        telemetry: the sidecar's own metrics.
        clock: unix seconds now.
    """

    def __init__(self, board: Board, telemetry: Collector, clock: Callable[[], float]) -> None:
        self._board = board
        self._telemetry = telemetry
        self._clock = clock
        self._rendering = Lock()
        self._results: tuple[QueryResult, ...] = ()
        self._queries: dict[str, _QueryText] = {}
        self._series = _SeriesText(())

    def render(self, form: Format, *, compress: bool) -> tuple[bytes, ...]:
        """The exposition of now, in pieces to be sent one after the other; all of them one gzip member if asked."""
        telemetry = registry_text(self._telemetry, form)
        with self._rendering:
            series = self._newest_series()
            return _gzip(series, telemetry) if compress else (*series.chunks, telemetry)

    def _newest_series(self) -> _SeriesText:
        results = self._board.snapshot.live(self._clock())
        if not _same(results, self._results):
            self._results = results
            self._queries = {result.name: self._rendered(result) for result in results}
            chunks = tuple(_families(self._queries.values()))
            if chunks != self._series.chunks:
                self._series = _SeriesText(chunks)
        return self._series

    def _rendered(self, result: QueryResult) -> _QueryText:
        before = self._queries.get(result.name)
        return before if before and before.result is result else _QueryText(result, before)


def _same(results: Sequence[QueryResult], others: Sequence[QueryResult]) -> bool:
    # By identity: results are frozen, and comparing their arrays is what this saves.
    return len(results) == len(others) and all(map(lambda a, b: a is b, results, others))


def _gzip(series: _SeriesText, tail: bytes) -> tuple[bytes, ...]:
    # One member, not two: several HTTP clients stop at the end of the first. A full flush ends the cached part at a
    # byte and forgets its window, so any deflate stream may follow it (RFC 1951, RFC 1952).
    deflated, crc, size = series.deflated
    compressor = zlib.compressobj(_LEVEL, wbits=_RAW_DEFLATE)
    rest = compressor.compress(tail) + compressor.flush()
    crc, size = zlib.crc32(tail, crc), (size + len(tail)) % 2**32
    return _GZIP_HEADER, deflated, rest + crc.to_bytes(4, "little") + size.to_bytes(4, "little")
