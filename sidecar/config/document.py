"""From YAML text to plain values, each with its line, environment variables expanded; nothing is interpreted here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

_MOST_VALUES = 50_000
_DEEPEST = 20
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_RESERVED_VARIABLE = "shard"
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_STRING = "tag:yaml.org,2002:str"
_ADVICE = {
    "cannot start any token": "put the value in quotes, and indent with spaces, never with tabs",
    "mapping values are not allowed": "put the value in quotes if it contains a colon, or mend the indentation",
    "undefined alias": "put the value in quotes if its * is literal",
    "found another document": "keep one document per file: remove the --- in the middle",
    "expected <block end>": "mend the indentation, or put the value in quotes",
    "could not find expected ':'": "write a colon and a space after the key, or mend the indentation",
    "end of stream": "close the quote or bracket that is open",
}


class DocumentError(Exception):
    """Text that is not a document at all: the line and what to do."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file.

    Attributes:
        values: what the file says, in mappings, lists and scalars.
        lines: the line of every key and list item, from 1.
        faults: mistakes in it, as (path, line, message).
    """

    values: object
    lines: Mapping[KeyPath, int]
    faults: list[tuple[KeyPath, int, str]]

    def line_of(self, path: KeyPath) -> int:
        """The line of a value, or of the nearest one that should hold it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read_document(text: str, environ: Mapping[str, str]) -> Document:
    """Values of a YAML text, `${NAME}` and `${NAME:-default}` expanded in strings; DocumentError where it has none."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(mark.line + 1 if mark else 1, _advice(error.problem or "")) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(line, "holds a character that YAML does not allow: remove it") from None
    except RecursionError:
        raise DocumentError(1, "is nested too deeply: remove the surplus brackets or indentation") from None
    if root is None:
        raise DocumentError(1, "is empty: write at least prometheus.url, and a query with name and expr")
    reader = _Reader(environ)
    values = reader.read(root, ())
    return Document(values, reader.lines, reader.faults)


def _advice(problem: str) -> str:
    """YAML's complaint without the text it quotes, which may be a secret, and what to do about it."""
    complaint = (
        re.sub(r"(, but found)?\s*(['\"]).*\2", "", problem, flags=re.DOTALL) if "':'" not in problem else problem
    )
    advice = next((advice for sign, advice in _ADVICE.items() if sign in problem), "mend the YAML here")
    return f"is not valid YAML, {complaint}: {advice}"


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values, with a limit on how much aliases may multiply them."""

    environ: Mapping[str, str]
    constructor: yaml.SafeLoader = field(default_factory=lambda: yaml.SafeLoader(""))
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[tuple[KeyPath, int, str]] = field(default_factory=list)
    values: int = 0

    def read(self, node: yaml.Node, path: KeyPath) -> object:
        self.values += 1
        if self.values > _MOST_VALUES:
            raise DocumentError(node.start_mark.line + 1, f"has more than {_MOST_VALUES} values: use fewer aliases")
        if len(path) > _DEEPEST:
            raise DocumentError(node.start_mark.line + 1, f"is nested more than {_DEEPEST} deep: remove the surplus")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.CollectionNode) and node.tag not in _PLAIN:
            self._fault(path, self.lines[path], "has a tag: remove it")
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _pairs(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, object]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path, line)
            if key is None:
                continue
            if key in seen:
                self._fault((*path, key), line, f"is written twice, first in line {seen[key]}: keep one of the two")
                continue
            seen[key] = line
            self.lines[*path, key] = line
            yield key, self.read(value_node, (*path, key))

    def _key(self, node: yaml.Node, path: KeyPath, line: int) -> str | None:
        if node.tag == _MERGE:
            self._fault((*path, "<<"), line, "merging is not supported: write what queries share under defaults")
        elif node.tag != _STRING or not isinstance(node, yaml.ScalarNode) or _HALF_CHARACTER.search(node.value):
            self._fault(path, line, "has a key that is not text: put the key in quotes")
        else:
            return str(node.value)
        return None

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        try:
            value = self.constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError):  # as it fails on bad values
            self._fault(path, self.lines[path], "is not a plain value: put it in quotes, without a tag")
            return None
        if not isinstance(value, str):
            return value
        text = self._expanded(value, path)
        if _HALF_CHARACTER.search(text):
            self._fault(path, self.lines[path], "is not text that UTF-8 can hold: write the characters themselves")
            return None
        return text

    def _expanded(self, text: str, path: KeyPath) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = found[1], found[3]
            if name == _RESERVED_VARIABLE:
                return found[0]
            if default is not None:
                return self.environ.get(name) or default
            if name not in self.environ:
                message = f"environment variable {name} is not set: set it, or write ${{{name}:-default}}"
                self._fault(path, self.lines[path], message)
            return self.environ.get(name, "")

        return _VARIABLE.sub(value, text)

    def _fault(self, path: KeyPath, line: int, message: str) -> None:
        self.faults.append((path, line, message))
