"""What a replay of one series comes to: its alarms, and the lines to plot."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sidecar.backtest.past import Span
from sidecar.backtest.replay import Judgement, Replayer, Series, joined
from sidecar.prometheus.frame import LabelSet


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that would have been raised.

    Attributes:
        start: time of its first step, unix seconds.
        end: time of its last step.
        score: the highest score within it.
        value: the sample with that score.
        expected: the value that was expected there.
    """

    start: int
    end: int
    score: float
    value: float
    expected: float


@dataclass(frozen=True, slots=True)
class Trace:
    """The replay of a series; arrays of shape (steps,), those of the span.

    Attributes:
        labels: the series.
        times: unix seconds.
        values: the samples; NaN where there is none, or the loop would not have known the series.
        score: NaN where there is none.
        expected: the expected values.
        lower: lower end of the band of values that would not be flagged; NaN where it was not searched, as in series
            without alarms.
        upper: upper end of it.
        alarms: in the order of time.
    """

    labels: LabelSet
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    score: NDArray[np.float64]
    expected: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    alarms: tuple[Alarm, ...]

    @property
    def scored_steps(self) -> int:
        """Number of steps that have a score."""
        return int(np.count_nonzero(~np.isnan(self.score)))


def trace(replayer: Replayer, series: Series, span: Span) -> Trace:
    """Replays a series over a span of its grid; for the band once more, and only where there are alarms to be drawn."""
    judgement = replayed(replace(replayer, band=False), series, span)
    if replayer.band and judgement.verdicts.outcome.flag.any():
        judgement = replayed(replayer, series, span)
    verdicts = judgement.verdicts
    times, values, scores = verdicts.times, verdicts.values[0], verdicts.scores
    score, expected = scores.score[0], scores.expected[0]
    alarms = tuple(
        alarm(times[run], values[run], score[run], expected[run])
        for run in alarm_runs(times, verdicts.outcome.flag[0], verdicts.outcome.since[0])
    )
    steps = np.arange(span.begin, span.end + 1, replayer.step, dtype=np.int64)
    lines = np.full((5, len(steps)), np.nan)
    place = (times - span.begin) // replayer.step
    lines[:, place] = values, score, expected, judgement.lower[0], judgement.upper[0]
    return Trace(series.labels, steps, lines[0], lines[1], lines[2], lines[3], lines[4], alarms)


def replayed(replayer: Replayer, series: Series, span: Span) -> Judgement:
    """What is said of the steps of a span."""
    return joined(replayer.replay(series, span.begin, span.end), replayer.schedule.settings)


def alarm_runs(times: NDArray[np.int64], flag: NDArray[np.bool_], since: NDArray[np.int64]) -> list[slice]:
    """Where each alarm is on; one that starts at the end of another is another.

    One to which a new model gives another beginning is not: its beginning lies before the step.
    """
    starts = flag & (~np.append(False, flag[:-1]) | (since == times))
    ends = np.flatnonzero(np.append(starts[1:] | ~flag[1:], True) & flag) + 1
    return [slice(a, b) for a, b in zip(np.flatnonzero(starts).tolist(), ends.tolist(), strict=True)]


def alarm(
    times: NDArray[np.int64], values: NDArray[np.float64], score: NDArray[np.float64], expected: NDArray[np.float64]
) -> Alarm:
    """An alarm over some steps."""
    top = int(np.nan_to_num(score).argmax())
    return Alarm(int(times[0]), int(times[-1]), float(score[top]), float(values[top]), float(expected[top]))
