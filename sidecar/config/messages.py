"""What a refused value is told: what is wrong, and what to write instead."""

import difflib
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sidecar.config.document import KeyPath
from sidecar.config.schema import Config, QueryConfig

_KINDS = {
    "string_type": "must be text, put the value in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "path_type": "must be the name of a file",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_long": "must be a list of two numbers",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
}


def dotted(path: KeyPath) -> str:
    """A path as it is written in messages: `queries[0].step`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.isprintable() else repr(part))
    return text or "file"


def key_path(error: ErrorDetails) -> KeyPath:
    """The way to the value that an error of the models is about."""
    return tuple(part for part in error["loc"] if part != "[key]")


def message(error: ErrorDetails, path: KeyPath, root: type[BaseModel] = Config) -> str:
    """The sentence for one error of the models at a path below `root`; it quotes nothing that could be a secret."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path, root)
    if kind == "value_error" and error["input"] is not None:
        return str(context["error"])
    if kind == "enum" and error["input"] is not None:
        return _unknown_word(error["input"], str(context["expected"]))
    return f"{_complaint(error, path)}: write for example {_example(path, root)}"


def _complaint(error: ErrorDetails, path: KeyPath) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is required" if isinstance(path[-1], str) else _KINDS["too_long"]
    if error["input"] is None:
        return "has no value, write one or remove the key"
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"must be {words} {context[limit]:g}"
    return _KINDS[kind]


def _unknown_key(path: KeyPath, root: type[BaseModel]) -> str:
    name = str(path[-1])
    if path == ("defaults", name) and name in QueryConfig.model_fields:
        return "belongs to one query: write it under queries"
    known = _walk(path[:-1], root)[0].model_fields
    near = difflib.get_close_matches(name, known, n=1)
    return (
        f"unknown key: did you mean {near[0]}?"
        if near
        else f"unknown key: remove it, or write one of {', '.join(known)}"
    )


def _unknown_word(given: object, expected: str) -> str:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(given, words, n=1) if isinstance(given, str) else []
    return f"must be {', '.join(words[:-1])} or {words[-1]}" + (f": did you mean {near[0]}?" if near else "")


def _example(path: KeyPath, root: type[BaseModel]) -> str:
    _, name, field = _walk(path, root)
    return f"{name}: {field.examples[0]}" if field is not None and field.examples else "a mapping"


def _walk(path: KeyPath, model: type[BaseModel]) -> tuple[type[BaseModel], str, FieldInfo | None]:
    """The innermost model on a path from another, and the last key on it that is a model's, with its field."""
    name, field = "", None
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            name, field = part, model.model_fields[part]
            inner = next(_models_in(field.annotation), None)
            if inner is None:
                break
            model = inner
    return model, name, field


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
