"""Runs the evaluations of each query in a thread of its own, so that a slow query delays no other."""

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog

from sidecar.export.telemetry import Telemetry
from sidecar.loop.clock import Clock, Slots
from sidecar.loop.evaluator import Evaluator

log = structlog.get_logger()


class QueryLoop:
    """Evaluates one query at every slot until it is stopped.

    Args:
        key: equal for loops that do the same.
        evaluator: evaluates the query.
        slots: when.
        clock: waits for them.
        telemetry: counts those that were missed.
        ended: called with the query's name after the last evaluation.
    """

    def __init__(
        self,
        key: object,
        evaluator: Evaluator,
        slots: Slots,
        clock: Clock,
        telemetry: Telemetry,
        *,
        ended: Callable[[str], None],
    ) -> None:
        self.key = key
        self.evaluator = evaluator
        self._slots = slots
        self._clock = clock
        self._telemetry = telemetry
        self._ended = ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"query-{evaluator.name}", daemon=True)

    def start(self) -> None:
        """Begins with the current slot, so that a start shows a result without waiting for the next."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the evaluation under way, whose result is no longer published."""
        self._stop.set()
        self.evaluator.close()

    def join(self, timeout: float) -> bool:
        """Waits for the end at most `timeout` seconds; whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        slot = self._slots.current(self._clock.now())
        while not self._clock.wait(slot, self._stop):
            self.evaluator.evaluate(slot)
            slot, missed = self._slots.after(slot, self._clock.now())
            if missed:
                self._telemetry.iterations_missed.labels(self.evaluator.name).inc(missed)
                log.warning("evaluations missed", anomaly_name=self.evaluator.name, missed=missed)
        self._ended(self.evaluator.name)


class Scheduler:
    """The loops of all queries, by name."""

    def __init__(self) -> None:
        self.loops: Mapping[str, QueryLoop] = {}

    def stop_others(self, loops: Mapping[str, QueryLoop]) -> None:
        """Stops those that are none of these."""
        for loop in not_in(self.loops.values(), loops.values()):
            loop.stop()

    def start(self, loops: Mapping[str, QueryLoop]) -> None:
        """Goes on with these instead: starts those that are new, and leaves the others alone."""
        before, self.loops = self.loops, loops
        for loop in not_in(loops.values(), before.values()):
            loop.start()

    def stop(self, timeout: float) -> None:
        """Stops all loops and waits a little for them: what hangs in a request ends with the process."""
        for loop in self.loops.values():
            loop.stop()
        for loop in self.loops.values():
            loop.join(timeout / len(self.loops))


def not_in(loops: Iterable[QueryLoop], others: Iterable[QueryLoop]) -> list[QueryLoop]:
    """The loops that are none of the others."""
    known = {id(loop) for loop in others}
    return [loop for loop in loops if id(loop) not in known]
