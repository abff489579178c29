"""Answers a file, or every file of a directory, wherever work runs."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from sidecar.backtest.answer import Answerer
from sidecar.backtest.table import BadInputError
from sidecar.backtest.work import results


def sources(source: Path, target: Path) -> Mapping[Path, Path]:
    """The files to answer, and where to: below `target`, at the same path as below `source`."""
    if target.exists() and not target.is_dir():
        raise BadInputError(f"{target} is no directory: name one with --output")
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
    """Answers files, the largest first, and yields each that is done; raises what one of them raises."""
    largest_first = sorted(files, key=lambda path: path.stat().st_size, reverse=True)
    tasks = ((path, partial(answerer.answer, path.read_bytes(), str(path))) for path in largest_first)
    for path, text in results(executor, tasks, at_once):
        store(files[path], text)
        yield path


def store(path: Path, text: str) -> None:
    """Writes an answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
