"""A `RangeSource` in memory."""

from collections.abc import Iterable, Mapping

import numpy as np

from sidecar.prometheus.frame import Frame, LabelSet
from sidecar.prometheus.source import LabelValues, PrometheusError, RangeResult


class MemorySource:
    """Answers any expression with the samples it was given, by label set and time; counts what it was asked."""

    def __init__(self, samples: Mapping[LabelSet, Mapping[int, float]]) -> None:
        self.samples = samples
        self.asked: list[tuple[int, int]] = []
        self.exprs: list[str] = []
        self.listed: list[tuple[tuple[str, ...], int, int]] = []
        self.failures: list[PrometheusError] = []  # raised one by one instead of the next answers
        self.warnings: tuple[str, ...] = ()
        self.size = 0  # of each answer

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        assert expr
        assert start % step == end % step == 0
        self.asked.append((start, end))
        self.exprs.append(expr)
        if self.failures:
            raise self.failures.pop(0)
        times = range(start, end + 1, step)
        present = sorted(labels for labels, points in self.samples.items() if any(time in points for time in times))
        values = np.array([[self.samples[labels].get(time, np.nan) for time in times] for labels in present])
        frame = Frame(tuple(present), start, step, values.reshape(len(present), len(times)))
        found = sum(time in self.samples[labels] for labels in present for time in times)
        return RangeResult(frame, self.warnings, requests=1, samples=found, size=self.size)

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        self.listed.append((tuple(selectors), start, end))
        if self.failures:
            raise self.failures.pop(0)
        found = {
            dict(labels).get(label)
            for labels, points in self.samples.items()
            if any(start <= at <= end for at in points)
        }
        return LabelValues(tuple(sorted(filter(None, found))), requests=1)
