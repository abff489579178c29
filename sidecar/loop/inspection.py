"""Lets other threads look at one series while the loop works on all of them."""

from threading import Lock

import numpy as np

from sidecar.detection.arrays import NEVER, Bools
from sidecar.detection.missing import filled
from sidecar.detection.review import Case
from sidecar.detection.watch import Watch
from sidecar.prometheus.frame import Frame, View
from sidecar.prometheus.source import RangeResult, RangeSource, StoppedError


class LettingGo:
    """A source that lets a lock go while it waits for an answer: whoever looks on need not wait for Prometheus.

    Attributes:
        closed: whether nobody wants the answers any more.
    """

    def __init__(self, source: RangeSource, lock: Lock) -> None:
        self._source = source
        self._lock = lock
        self.closed = False

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """Asks the source; the caller holds the lock before and after.

        Raises:
            StoppedError: it was closed, meanwhile maybe.
            PrometheusError: the source's.
        """
        self._lock.release()
        try:
            result = self._source.query_range(expr, start, end, step)
        finally:
            self._lock.acquire()
        if self.closed:
            raise StoppedError("given up for a reload")
        return result


def case_of(row: int, frame: View, missing: str, watch: Watch, suppressed: Bools | None) -> Case | None:
    """A copy of what is known of a series up to the newest step that was scored; None where there is none.

    Args:
        row: of the watch.
        frame: the lookback; it may be further on than the watch, in the middle of an evaluation.
        missing: what stands for missing samples.
        watch: the models.
        suppressed: shape (steps,), up to the newest step that was scored: where no alarm may begin.
    """
    labels = watch.labels[row]
    if watch.scored_until == NEVER or labels not in frame.labels:
        return None
    columns = max((watch.scored_until - frame.start) // frame.step + 1, 0)
    at = frame.labels.index(labels)
    samples = Frame((labels,), frame.start, frame.step, frame.values[at : at + 1, :columns].copy())
    models = watch.series.models.take(np.array([row]))
    return Case(
        filled(samples, missing).whole(),
        models,
        int(watch.series.instant[row]),
        watch.schedule,
        watch.policy,
        None if suppressed is None else suppressed[None, -columns:].copy(),
    )
