"""The past of a query, asked of a live Prometheus by the client and the history of the loop."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.backtest.replay import Replayer, Series
from sidecar.config.promql import PLACEHOLDER
from sidecar.config.schema import QueryConfig
from sidecar.export.labels import Exporter, exported
from sidecar.loop.suppression import concerned
from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.prometheus.history import Advance, History
from sidecar.prometheus.source import RangeSource


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a past is replayed, both included, unix seconds."""

    begin: int
    end: int

    def on_grid(self, step: int) -> "Span":
        """The first and the last step within it."""
        return Span(-(-self.begin // step) * step, self.end // step * step)


@dataclass(frozen=True, slots=True)
class Past:
    """The samples of a query over a span and the lookback before it.

    Attributes:
        frame: the samples.
        condition: those of `suppress_when`; none where there is no such condition.
        dropped: series of the last step that `max_series` left out.
        warnings: what Prometheus said about its answers.
    """

    frame: Frame
    condition: Frame | None
    dropped: int
    warnings: tuple[str, ...]

    @classmethod
    def fetch(cls, source: RangeSource, query: QueryConfig, replayer: Replayer, span: Span) -> "Past":
        """Asks for all that a replay of the span needs, of all shards; PrometheusError where it cannot be had."""
        steps = (span.end - span.begin) // query.step + replayer.schedule.lookback_steps

        def asked(expr: str) -> Advance:
            shards = query.sharding.count if query.sharding and PLACEHOLDER in expr else 1
            whole = expr.replace(PLACEHOLDER, ".+")
            # All that came and went within the span was there when it was new.
            history = History(source, whole, query.step, steps, shards * query.max_series, max_gone=sys.maxsize)
            return history.advance(span.end)

        advance = asked(query.expr)
        if query.suppress_when is None:
            return cls(advance.frame.whole(), None, advance.dropped, advance.warnings)
        condition = asked(query.suppress_when)
        warnings = tuple(dict.fromkeys(advance.warnings + condition.warnings))
        return cls(advance.frame.whole(), condition.frame.whole(), advance.dropped, warnings)

    def present(self, begin: int) -> NDArray[np.bool_]:
        """(series, steps) Whether a series had a sample, for the steps since `begin`."""
        return ~np.isnan(self.frame.values[:, self.frame.times >= begin])

    def refuse_collisions(self, query: QueryConfig, begin: int) -> None:
        """ExportError where a loop could not have exported the series that it saw at some step since `begin`."""
        known = self.present(begin)
        rows: dict[LabelSet, list[int]] = {}
        for row in np.flatnonzero(known.any(axis=1)).tolist():
            rows.setdefault(exported(self.frame.labels[row], query.name, query.labels), []).append(row)
        export = Exporter(query.name, query.labels)
        # Series of which one follows the other may be exported alike, as in the loop; those of one step may not.
        for alike in rows.values():
            for column in np.flatnonzero(known[alike].sum(axis=0) > 1)[:1].tolist():
                export(self.frame.labels, known[:, column])

    def series(self) -> Iterator[Series]:
        """The series one by one."""
        frame, condition = self.frame, self.condition
        for labels, values in zip(frame.labels, frame.values, strict=True):
            known = ~np.isnan(values)
            series = Series(labels, frame.times[known], values[known])
            if condition is None:
                yield series
            else:
                holds = concerned((labels,), condition.labels)[0] @ (np.nan_to_num(condition.values) != 0)
                yield Series(labels, series.times, series.values, condition.times[holds])
