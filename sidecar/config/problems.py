"""What is wrong with a configuration: every problem with its place and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_QUOTED = 40
"""Characters of what someone wrote, in a message."""


def shortened(text: str, most: int = MOST_QUOTED) -> str:
    """Text as an error message may quote it: no more of it than a line can bear."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file; `line` counts from 1, `key` is its path, as `queries[0].step`."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class ConfigError(Exception):
    """A file that cannot be used, with all of its problems in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
