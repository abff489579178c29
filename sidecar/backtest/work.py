"""Sends pure functions to where work runs, a few at a time, and hands over the results as they come."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from typing import TypeAlias, TypeVar

K = TypeVar("K")
T = TypeVar("T")
Task: TypeAlias = tuple[K, Callable[[], T]]
"""What names a piece of work, and the work: a function that can be pickled."""


def results(executor: Executor, tasks: Iterable[Task[K, T]], at_once: int) -> Iterator[tuple[K, T]]:
    """Name and result of each task, in the order in which they end; raises what one of them raises.

    No more than `at_once` are under way, so that neither all inputs nor all results are ever held together.
    """
    waiting = iter(tasks)
    under_way: dict[Future[T], K] = {}
    try:
        while True:
            for key, work in islice(waiting, at_once - len(under_way)):
                under_way[executor.submit(work)] = key
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), future.result()
    finally:
        for future in under_way:
            future.cancel()
