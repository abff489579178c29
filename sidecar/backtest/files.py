"""Answers a file, or every file of a directory, wherever work runs."""

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path

from sidecar.backtest.answer import Answerer


class BadInputError(Exception):
    """What was asked for cannot be done; the text says why and what to do."""


def sources(source: Path, target: Path) -> Mapping[Path, Path]:
    """The files to answer, and where to: below `target`, at the same path as below `source`."""
    if source.is_file():
        found = {source: target / source.name}
    elif source.is_dir():
        files = [
            path for path in source.rglob("*.csv") if path.is_file() and target.resolve() not in path.resolve().parents
        ]
        found = {path: target / path.relative_to(source) for path in sorted(files)}
    else:
        raise BadInputError(f"{source} does not exist: name a CSV file or a directory of them with --input")
    if not found or any(answer.resolve() == path.resolve() for path, answer in found.items()):
        what = "holds no file that ends in .csv" if not found else "would be overwritten"
        raise BadInputError(f"{source} {what}: name another directory")
    return found


def answer_all(files: Mapping[Path, Path], answerer: Answerer, executor: Executor, at_once: int) -> Iterator[Path]:
    """Answers files, the largest first, and yields each that is done; raises what one of them raises.

    No more than `at_once` are held in memory.
    """
    waiting = sorted(files, key=lambda path: path.stat().st_size)
    under_way: dict[Future[str], Path] = {}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_once:
                path = waiting.pop()
                under_way[executor.submit(answerer.answer, path.read_bytes(), str(path))] = path
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                path = under_way.pop(future)
                store(files[path], future.result())
                yield path
    finally:
        for future in under_way:
            future.cancel()


def store(path: Path, text: str) -> None:
    """Writes an answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
