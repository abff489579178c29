"""A series of a backtest as a small drawing: samples, what was expected, score, alarms and incidents, in SVG."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.backtest.incidents import Incident
from sidecar.backtest.past import Span
from sidecar.backtest.tables import moment
from sidecar.backtest.trace import Trace

WIDTH, LINES, GAP, STRIP = 960, 150, 10, 40
"""Sizes in pixels: of the drawing, of its lines, between them and the scores, of the scores."""
HIGHEST = 2.0
"""Scores above it are drawn there."""
LEAST = 2
"""Pixels that an alarm is wide at least."""


@dataclass(frozen=True, slots=True)
class Axes:
    """From times and values to pixels, in a part of the drawing."""

    span: Span
    low: float
    high: float
    top: float
    height: float

    def x(self, time: float) -> float:
        """Pixels from the left edge."""
        share = (time - self.span.begin) / max(self.span.end - self.span.begin, 1)
        return min(max(share, 0.0), 1.0) * WIDTH

    def y(self, value: float) -> float:
        """Pixels from the upper edge."""
        share = (value - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - min(max(share, 0.0), 1.0))


def draw(trace: Trace, incidents: Iterable[Incident], span: Span) -> str:
    """The drawing of a series."""
    axes = sample_axes(trace, span)
    scores = Axes(span, 0.0, HIGHEST, LINES + GAP, STRIP)
    threshold, bottom = scores.y(1.0), LINES + GAP + STRIP + 13
    parts = [
        *(band("incident", axes, incident.start, incident.end) for incident in incidents),
        *(band("alarm", axes, alarm.start, alarm.end) for alarm in trace.alarms),
        *areas(axes, trace),
        *lines("expected", axes, trace.times, trace.expected),
        *lines("value", axes, trace.times, trace.values),
        *lines("score", scores, trace.times, trace.score),
        f'<line class="threshold" x1="0" x2="{WIDTH}" y1="{threshold:.1f}" y2="{threshold:.1f}"/>',
        label(2, 11, f"{axes.high:.4g}"),
        label(2, LINES - 2, f"{axes.low:.4g}"),
        label(2, threshold - 2, "score 1"),
        label(2, bottom, moment(span.begin)),
        label(WIDTH - 2, bottom, moment(span.end), "end"),
    ]
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 3}" role="img">{"".join(parts)}</svg>'


def sample_axes(trace: Trace, span: Span) -> Axes:
    """As wide as the span, as high as the samples."""
    known = trace.values[~np.isnan(trace.values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return Axes(span, low, high if high > low else low + max(1.0, abs(low)), 0, LINES)


def band(kind: str, axes: Axes, start: float, end: float) -> str:
    """A time marked."""
    left, right = axes.x(start), axes.x(end)
    return f'<rect class="{kind}" x="{left:.1f}" y="0" width="{max(right - left, LEAST):.1f}" height="{LINES}"/>'


def label(x: float, y: float, text: str, anchor: str = "start") -> str:
    """A short text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'


def lines(kind: str, axes: Axes, times: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[str]:
    """Values against time, a line for each run without a gap."""
    times, values = thinned(times, values)
    known = ~np.isnan(values)
    for run in runs(known):
        yield f'<polyline class="{kind}" points="{points(axes, times[run], values[run])}"/>'


def areas(axes: Axes, trace: Trace) -> Iterator[str]:
    """The values that would not have been flagged, an area for each run of steps with a band."""
    some = slice(None, None, max(1, -(-len(trace.times) // WIDTH)))
    times, lower, upper = trace.times[some], trace.lower[some], trace.upper[some]
    for run in runs(~np.isnan(lower)):
        above, below = points(axes, times[run], upper[run]), points(axes, times[run][::-1], lower[run][::-1])
        yield f'<polygon class="band" points="{above} {below}"/>'


def runs(known: NDArray[np.bool_]) -> Iterator[slice]:
    """Where one step after the other is known."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    yield from (slice(begin, end) for begin, end in edges.reshape(-1, 2).tolist())


def points(axes: Axes, times: NDArray[np.int64], values: NDArray[np.float64]) -> str:
    """The corners of a line, at the edge where they lie beyond."""
    places = zip(times.tolist(), values.tolist(), strict=True)
    return " ".join(f"{axes.x(time):.1f},{axes.y(value):.1f}" for time, value in places)


def thinned(times: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Lowest and highest of so many neighbours that there are about two for each pixel."""
    group = -(-len(values) // WIDTH)
    if group <= 2:  # noqa: PLR2004 they are lowest and highest
        return times, values
    whole = len(values) // group * group
    table = values[:whole].reshape(-1, group)
    low = np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    high = np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    kept = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(0, whole, group)[:, None]
    chosen = np.concatenate([kept.ravel(), np.arange(whole, len(values))])
    return times[chosen], values[chosen]
