"""Each dependency has its reason, and no reason is left of one that is gone."""

import re
import tomllib
from collections.abc import Iterable

import pytest

from tests.docs.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REASONS = (ROOT / "docs/explanation/dependencies.md").read_text()
TABLES: dict[str, list[str]] = {
    "at run time": PROJECT["dependencies"],
    "in development": PROJECT["optional-dependencies"]["dev"],
} | {f"extra `{extra}`": needed for extra, needed in PROJECT["optional-dependencies"].items() if extra != "dev"}


def names(requirements: Iterable[str]) -> set[str]:
    """Without versions and extras."""
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}


@pytest.mark.parametrize("title", TABLES)
def test_each_dependency_has_its_reason(title: str) -> None:
    [rows] = re.findall(rf"^\| {title} \| for \|\n\|---\|---\|\n((?:\|.*\n)*)", REASONS, re.MULTILINE)
    reasoned = {name for cell in re.findall(r"^\| (.*?) \|", rows, re.MULTILINE) for name in cell.split(", ")}
    own = {PROJECT["name"]}
    assert reasoned == names(TABLES[title]) - own
