#!/usr/bin/env python3
"""Writes the table of values into the chart's README, from the comments in values.yaml that begin with `# --`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

CHART = Path(__file__).parents[1] / "helm" / "prometheus-anomaly-sidecar"
README = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"


def rows(text: str) -> Iterator[tuple[str, str, object]]:
    """Path, description and default of every value that is described."""
    lines = text.splitlines()

    def visit(node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[tuple[str, str, object]]:
        for key, value in node.value:
            here = (*path, key.value)
            description = _description(lines[: key.start_mark.line])
            if description:
                yield ".".join(here), description, _constructed(value)
            elif isinstance(value, yaml.MappingNode):
                yield from visit(value, here)

    yield from visit(cast("yaml.MappingNode", yaml.compose(text, yaml.SafeLoader)), ())


def table(text: str) -> str:
    """The rows as a table in Markdown."""
    head = "| Key | Default | Description |\n|---|---|---|\n"
    return head + "".join(
        f"| `{path}` | `{json.dumps(default, ensure_ascii=False)}` | {description} |\n"
        for path, description, default in rows(text)
    )


def with_table(readme: str, values: str) -> str:
    """The README with its table made anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(values)}\n{END}{after}"


def _description(lines_before: list[str]) -> str:
    """The comment directly above a key, if it begins with `# --`."""
    comment: list[str] = []
    for line in reversed(lines_before):
        if not re.match(r"\s*#", line):
            return ""
        comment.insert(0, line.strip().removeprefix("#").strip())
        if comment[0].startswith("--"):
            return " ".join(comment).removeprefix("--").strip()
    return ""


def _constructed(node: yaml.Node) -> object:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(), (CHART / "values.yaml").read_text()))
