"""Answers a file, or every file of a directory, wherever work runs."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from sidecar.backtest.answer import Answer, Answerer
from sidecar.backtest.table import BadFileError, BadInputError
from sidecar.backtest.work import results


def sources(source: Path, target: Path) -> Mapping[Path, Path]:
    """The files to answer, and where to: below `target`, at the same path as below `source`."""
    if target.exists() and not target.is_dir():
        raise BadInputError(f"{target} is no directory: name one with --output")
    if source.is_file():
        found = {source: target / source.name}
    elif source.is_dir():
        answers = target.resolve()
        inside = source.resolve() in answers.parents
        files = [path for path in csv_files(source) if not (inside and answers in path.resolve().parents)]
        found = {path: target / path.relative_to(source) for path in sorted(files)}
    else:
        raise BadInputError(f"{source} does not exist: name a CSV file or a directory of them with --input")
    if not found or any(answer.resolve() == path.resolve() for path, answer in found.items()):
        what = "holds no file that ends in .csv" if not found else "would be overwritten"
        raise BadInputError(f"{source} {what}: name another directory")
    return found


def csv_files(directory: Path) -> Iterator[Path]:
    """The CSV files below a directory; OSError where a part of it cannot be read."""

    def refuse(error: OSError) -> None:
        raise error

    seen = set()
    for place, below, names in os.walk(directory, onerror=refuse, followlinks=True):
        if (real := Path(place).resolve()) in seen:  # a link that leads back
            below.clear()
            continue
        seen.add(real)
        paths = (Path(place) / name for name in names if name.endswith(".csv"))
        # A link whose file is gone, too: it cannot be read, which is told.
        yield from (path for path in paths if path.is_file() or path.is_symlink())


def answer_all(
    files: Mapping[Path, Path], answerer: Answerer, executor: Executor, at_once: int
) -> Iterator[BadFileError | str]:
    """Answers files, the largest first, and yields of each that is done what is wrong with it, or its remark."""
    largest_first = sorted(files, key=lambda path: path.stat().st_size, reverse=True)
    tasks = ((path, partial(answered, answerer, path.read_bytes(), str(path))) for path in largest_first)
    for path, found in results(executor, tasks, at_once):
        if isinstance(found, BadFileError):
            files[path].unlink(missing_ok=True)  # of another run, say, which would pass for that of this one
            yield found
        else:
            store(files[path], found.text)
            yield found.remark


def answered(answerer: Answerer, content: bytes, name: str) -> Answer | BadFileError:
    """The answer to a file, or why there is none: the others have theirs all the same."""
    try:
        return answerer.answer(content, name)
    except BadFileError as error:
        return error


def store(path: Path, text: str) -> None:
    """Writes an answer, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
