"""The one reference through which evaluations hand their results to whoever serves them."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from threading import Lock

from sidecar.export.snapshot import Failure, QueryResult, Snapshot


class Board:
    """Holds the newest snapshot: readers take it without a lock, writers replace it whole, one at a time."""

    def __init__(self) -> None:
        self._writing = Lock()
        self._snapshot = Snapshot()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; it never changes after it was taken."""
        return self._snapshot

    def configure(self, queries: Iterable[str], staleness: float, anew: Collection[str] = ()) -> None:
        """Set the queries that are shown, and for how many seconds.

        What is known of any other is forgotten, and of those that are asked `anew`, as what they ask for has changed.
        """
        with self._writing:
            old, names = self._snapshot, tuple(queries)
            kept = [name for name in names if name not in anew]
            self._snapshot = Snapshot(
                queries=names,
                staleness=staleness,
                results={name: old.results[name] for name in kept if name in old.results},
                failures={name: old.failures[name] for name in kept if name in old.failures},
            )

    def publish(self, result: QueryResult) -> None:
        """Show the result in place of the query's former one, unless the query is no longer configured."""
        with self._writing:
            old = self._snapshot
            if result.name in old.queries:
                failures = {name: failure for name, failure in old.failures.items() if name != result.name}
                self._snapshot = replace(old, results={**old.results, result.name: result}, failures=failures)

    def fail(self, query: str, failure: Failure) -> None:
        """Note that the query's newest evaluation failed; its last result stays until it expires."""
        with self._writing:
            old = self._snapshot
            if query in old.queries:
                self._snapshot = replace(old, failures={**old.failures, query: failure})
