"""The lookback of one query: asks only for the steps it lacks, and decides which series are worth their memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sidecar.prometheus.frame import Frame, LabelSet, View, hash_of
from sidecar.prometheus.lookback import Lookback, Samples, newest_samples
from sidecar.prometheus.source import PrometheusError, RangeResult, RangeSource, TooLargeError

LONGEST_DOUBT = 86_400
"""Seconds after which steps that were answered with warnings are asked for again at last."""

FORGET = 12
"""Steps after which a series that is gone is not expected to come back."""


@dataclass(frozen=True, slots=True)
class Advance:
    """A query's lookback, moved on.

    Attributes:
        frame: the whole lookback; its labels are the same object while the series are, and its values are
            to be read until the next advance.
        present: bool, shape (series,), whether the source had the series at the newest step, even if only with NaN.
        dropped: series of the newest answer that `max_series` left out.
        warnings: what the server said about its answers, here and below also to an advance before that failed.
        requests: HTTP requests made in this one: an error tells of its own.
        samples: samples received.
        size: bytes received, uncompressed.
    """

    frame: View
    present: NDArray[np.bool_]
    dropped: int
    warnings: tuple[str, ...] = ()
    requests: int = 0
    samples: int = 0
    size: int = 0


@dataclass(slots=True)
class _Tally:
    warnings: dict[str, None] = field(default_factory=dict)
    requests: int = 0
    samples: int = 0
    size: int = 0

    def add(self, result: RangeResult) -> None:
        self.warnings |= dict.fromkeys(result.warnings + result.infos)
        self.requests += result.requests
        self.samples += result.samples
        self.size += result.size


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Steps that were answered with warnings: they are asked for again, ever more seldom while that is in vain.

    Attributes:
        first: the first of them.
        due: the newest step with which they are asked for again.
        wait: seconds until the next time, should that be in vain.
    """

    first: int
    due: int
    wait: int


class History:
    """The last `length` steps of one query, for one thread.

    After a failure what was fetched stays, and the next advance goes on from there.  Which series are held depends
    only on the samples of the window, so that a restart comes to the same choice; of more than `max_series` in the
    newest step, those with the lowest hash of their labels stay.  Series that are gone from it are held beside them,
    at most `max_gone`, the longest gone leaving first; and not at all once they have been gone for `forget`
    steps with less than `min_samples` samples in the window: short-lived pods would pile up.  Of these only the samples
    are kept, in case they come back.

    Args:
        source: what answers.
        expr: the expression.
        step: seconds between samples.
        length: steps held.
        max_series: series held at most.
        exact: how many of the newest steps are held as they come, `BLOCK` or more; None: all.
        max_gone: series held beside them that are gone; None: as many again.
        forget: steps after which a series is not expected to come back.
        min_samples: samples that make a vanished series worth keeping.
        samples_per_request: about how many samples a request may bring: a first fill is split into many, as each
            sample takes many times its memory while an answer is read.
        fewest_steps: steps that such a request asks for at least: with fewer, its labels would cost more than its
            samples.
    """

    def __init__(
        self,
        source: RangeSource,
        expr: str,
        step: int,
        length: int,
        max_series: int,
        *,
        exact: int | None = None,
        max_gone: int | None = None,
        forget: int = FORGET,
        min_samples: int = 1,
        samples_per_request: int = 50_000,
        fewest_steps: int = 20,
    ) -> None:
        self._source, self._expr = source, expr
        self._step, self._length, self._max_series = step, length, max_series
        self._exact = length if exact is None else exact
        self._max_gone = max_series if max_gone is None else max_gone
        self._forget, self._min_samples = forget * step, min_samples
        self._budget, self._fewest_steps = samples_per_request, fewest_steps
        self._window: Lookback | None = None
        self._doubt: _Doubt | None = None
        self._dropped = 0
        self._tally = _Tally()  # of advances that failed too: what they fetched stays
        self._let_go: dict[LabelSet, Samples] = {}  # those let go of last come last

    @property
    def frame(self) -> View | None:
        """The lookback as it is, in the middle of an advance too; None before the first."""
        return self._window.view() if self._window else None

    def advance(self, at: int) -> Advance:
        """Bring the lookback to the newest whole step at or before `at`, unix seconds.

        No new step makes no request.  A time before the last one, or one whose lookback shares nothing with what is
        held, fills it anew.

        Raises:
            PrometheusError: the source's; its `requests` counts those of the whole advance.
        """
        end = at - at % self._step
        tally = self._tally
        try:
            window = self._moved(end, tally)
        except PrometheusError as error:
            error.requests += tally.requests
            tally.requests = 0
            raise
        self._tally = _Tally()
        self._prune(window)
        warnings = tuple(tally.warnings)
        present = window.seen == window.end
        return Advance(window.view(), present, self._dropped, warnings, tally.requests, tally.samples, tally.size)

    def _moved(self, end: int, tally: _Tally) -> Lookback:
        window = self._window
        if window is None or not 0 <= end - window.end < self._length * self._step:
            return self._refilled(end, tally)
        if end > window.end:
            self._extend(window, end, tally)
        return window

    def _refilled(self, end: int, tally: _Tally) -> Lookback:
        """Start anew, with the newest step: it tells how many series there are, and so how much to ask for at once."""
        newest = self._source.query_range(self._expr, end, end, self._step)
        tally.add(newest)
        self._window = window = Lookback(self._step, self._length, end - self._length * self._step, self._exact)
        self._doubt, self._let_go = None, {}
        self._fill(window, window.end + self._step, end - self._step, len(newest.frame.labels), tally)
        self._take(window, newest)
        return window

    def _extend(self, window: Lookback, end: int, tally: _Tally) -> None:
        held = window.end
        whole = self._fill(window, held + self._step, end, len(window.labels), tally)
        # Once the server gives whole answers again, what it gave in part is asked for again.
        if whole and self._doubt is not None and window.end >= self._doubt.due:
            first, wait = max(self._doubt.first, window.start), self._doubt.wait
            self._doubt = _Doubt(first, window.end + wait, min(2 * wait, LONGEST_DOUBT))  # also where this fails
            if self._fill(window, first, held, len(window.labels), tally):
                self._doubt = None

    def _fill(self, window: Lookback, first: int, last: int, series: int, tally: _Tally) -> bool:
        """Take the steps from `first` to `last`; False if an answer was not whole."""
        whole = True
        for result in self._answers(first, last, series, tally):
            tally.add(result)
            whole &= self._take(window, result)
        return whole

    def _answers(self, first: int, last: int, series: int, tally: _Tally) -> Iterator[RangeResult]:
        """Ask for so many steps at once as the budget of samples allows, for the most series seen so far."""
        budget = max(self._budget, self._fewest_steps * series)
        while first <= last:
            steps = min(max(1, budget // max(1, series)), (last - first) // self._step + 1)
            upto = first + (steps - 1) * self._step
            try:
                result = self._source.query_range(self._expr, first, upto, self._step)
            except TooLargeError as error:
                if steps == 1:
                    raise
                tally.requests += error.requests
                series = 2 * budget // steps  # half of the steps
                continue
            yield result
            first, series = upto + self._step, max(series, len(result.frame.labels))

    def _take(self, window: Lookback, result: RangeResult) -> bool:
        """Take the samples of an answer; False if it was not whole."""
        frame = result.frame
        left_out = self._admit(window, frame)
        window.write(frame)
        whole = not any(map(_tells_of_a_loss, result.warnings))
        if frame.end == window.end:  # not where a past answer is made whole
            self._dropped = left_out
            if not whole:
                first = frame.start if self._doubt is None else min(self._doubt.first, frame.start)
                self._doubt = _Doubt(first, window.end, self._step)
        return whole

    def _admit(self, window: Lookback, frame: Frame) -> int:
        """Make rows for new series, as far as `max_series` goes; how many of the newest step are left out."""
        if frame.labels == window.labels and len(frame.labels) <= self._max_series:
            return 0
        labels, seen = _union(window, frame)
        live = seen == max(window.end, frame.end)
        kept = np.ones(len(labels), np.bool_)
        for rows, most in ((np.flatnonzero(live), self._max_series), (np.flatnonzero(~live), self._max_gone)):
            kept[rows[_beyond(most, [labels[row] for row in rows], seen[rows])]] = False
        held = len(window.labels)
        if kept[held:].any() or not kept[:held].all():
            window.arrange(sorted(labels[row] for row in np.flatnonzero(kept)))
        for row in (held + np.flatnonzero(kept[held:])).tolist():
            if samples := self._let_go.pop(labels[row], None):
                window.put_back(labels[row], samples)
        return int((live & ~kept).sum())

    def _prune(self, window: Lookback) -> None:
        """Let go of series that are gone and have too few samples to be worth their memory."""
        age = window.end - window.seen
        idle = (age > 0) & (window.counts == 0) | (age >= self._forget) & (window.counts < self._min_samples)
        if idle.any():
            self._keep_samples(window, idle & (window.counts > 0))
            window.arrange([window.labels[row] for row in np.flatnonzero(~idle)])

    def _keep_samples(self, window: Lookback, rows: NDArray[np.bool_]) -> None:
        """Keep the samples of some series, and forget those that have left the window, or were let go of long ago."""
        before = {labels: known for labels, known in self._let_go.items() if known.times[-1] >= window.start}
        gone = {window.labels[row]: window.samples(row) for row in np.flatnonzero(rows).tolist()}
        self._let_go = dict(list((before | gone).items())[-self._max_gone :])


def _union(window: Lookback, frame: Frame) -> tuple[list[LabelSet], NDArray[np.int64]]:
    """Return the label sets of the rows of a window and of a frame, and the time each was seen last."""
    rows = window.rows(frame.labels)
    new, seen = rows < 0, newest_samples(frame.end, frame.step, frame.values)
    held = window.seen.copy()
    held[rows[~new]] = np.maximum(held[rows[~new]], seen[~new])
    labels = [*window.labels, *(frame.labels[row] for row in np.flatnonzero(new))]
    return labels, np.concatenate([held, seen[new]])


def _beyond(limit: int, labels: list[LabelSet], seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the series beyond the limit: the longest gone, then those with the highest hash."""
    if len(labels) <= limit:
        return np.empty(0, np.int64)
    hashes = np.array([hash_of(label_set) for label_set in labels], np.uint64)
    return np.lexsort((hashes, -seen))[limit:]


def _tells_of_a_loss(warning: str) -> bool:
    # Prometheus marks remarks on the expression so; all others say that a part of the data could not be read.
    return not warning.startswith("PromQL ")
