"""From a file to a checked configuration, or to all of its problems at once."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sidecar.config.checks import loop_faults, repeated_names, timing_faults
from sidecar.config.document import Document, DocumentError, KeyPath, read_document
from sidecar.config.messages import dotted, key_path, message
from sidecar.config.problems import ConfigError, Problem, shortened
from sidecar.config.schema import Config, LoopTiming, QuerySettings, Timing
from sidecar.config.vocabulary import Origin

__all__ = ["Config", "ConfigError", "Problem", "load", "parse"]

LARGEST = 512 * 1024
"""Bytes of a configuration, at most."""


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file; ConfigError with every problem of it."""
    return parse(read_file(path, "--config.file"), str(path), environ)


def read_file(path: str | Path, flag: str) -> str:
    """The text of a file that a flag names; ConfigError where it is none, or too long."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError([Problem(str(path), 1, "file", f"{reason}: name a readable file with {flag}")]) from None
    if len(content) > LARGEST:
        raise ConfigError(
            [Problem(str(path), 1, "file", f"is larger than {LARGEST // 1024} KiB: split it over several sidecars")]
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(str(path), line, "file", "is not UTF-8: save it as UTF-8")]) from None


def parse(text: str, source_name: str, environ: Mapping[str, str]) -> Config:
    """The configuration in a text; file names in it are relative to the directory of `source_name`."""
    try:
        document = read_document(text, environ)
    except DocumentError as error:
        raise ConfigError([Problem(source_name, error.line, "file", error.message)]) from None
    if not isinstance(document.values, dict):
        raise ConfigError(
            [Problem(source_name, 1, "file", "is not a mapping: begin with prometheus: {url: http://localhost:9090}")]
        )
    values = _with_defaults(document.values)
    config, errors = _validated(values, Path(source_name).parent)
    faults = [*document.faults, *_model_faults(errors, document), *_fit_faults(values, errors, document)]
    if faults or config is None:
        raise ConfigError(Problem(source_name, line, dotted(path), what) for path, line, what in faults)
    return config


def _with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    defaults, queries = values.get("defaults"), values.get("queries")
    if not isinstance(defaults, dict) or not isinstance(queries, list):
        return values
    defaults = {key: value for key, value in defaults.items() if key in QuerySettings.model_fields}
    return {**values, "queries": [_merged(defaults, query) if isinstance(query, dict) else query for query in queries]}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = _merged(below[key], above[key])
    return merged


def _validated(values: dict[str, Any], directory: Path) -> tuple[Config | None, list[ErrorDetails]]:
    try:
        return Config.model_validate(values, context=Origin(directory)), []
    except ValidationError as error:
        return None, [one for one in error.errors(include_url=False) if one["type"] != "default_factory_not_called"]


_Fault = tuple[KeyPath, int, str]


def _model_faults(errors: list[ErrorDetails], document: Document) -> Iterator[_Fault]:
    """What the models refuse, save for values that have a fault of their own already."""
    known = {path for path, _, _ in document.faults}
    for error in errors:
        path, line = _place(_key_at_fault(error), document)
        if path not in known:
            yield path, line, message(error, path)


def _key_at_fault(error: ErrorDetails) -> KeyPath:
    path = key_path(error)
    return (*path, "url") if error["type"] == "missing" and path == ("prometheus",) else path


def _place(path: KeyPath, document: Document) -> tuple[KeyPath, int]:
    """Path and line of a value where it was written, which may be in `defaults`, or the line of what should hold it."""
    inherited = ("defaults", *path[2:])
    may_inherit = path[:1] == ("queries",) and path[2:3] and path[2] in QuerySettings.model_fields
    if may_inherit and path not in document.lines and inherited in document.lines:
        path = inherited
    return path, document.line_of(path)


def _fit_faults(values: dict[str, Any], errors: list[ErrorDetails], document: Document) -> Iterator[_Fault]:
    """Keys that do not fit each other, as far as each of them is right."""
    wrong = {error["loc"][:3] for error in errors} | {path[:3] for path, _, _ in document.faults}
    loop = None if any((key,) in wrong for key in LoopTiming.model_fields) else _part(LoopTiming, values)
    for key, what in loop_faults(loop) if loop else ():
        yield *_place((key,), document), what
    queries = values.get("queries")
    queries = [query if isinstance(query, dict) else {} for query in queries] if isinstance(queries, list) else []
    for index, query in enumerate(queries):
        if query and not any(("queries", index, key) in wrong for key in Timing.model_fields):
            for key, what in timing_faults(_part(Timing, query), loop.evaluation_interval if loop else None):
                yield *_place(("queries", index, key), document), what
    yield from _name_faults(queries, document)


def _name_faults(queries: list[dict[str, Any]], document: Document) -> Iterator[_Fault]:
    for index, name, first in repeated_names([query.get("name") for query in queries]):
        where = document.lines["queries", first, "name"]
        path = ("queries", index, "name")
        yield *_place(path, document), f"{shortened(name)!r} is taken by the query in line {where}: choose another name"


_Part = TypeVar("_Part", LoopTiming, Timing)


def _part(model: type[_Part], values: dict[str, Any]) -> _Part:
    return model.model_validate({key: values[key] for key in model.model_fields if key in values})
