"""The reference of the command line has every command and every flag, with its default."""

import re
from collections.abc import Iterator

import click
import pytest

from sidecar.cli import main
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs/reference/cli.md").read_text()
SECTIONS = dict(re.findall(r"^## `sidecar ([\w-]+)`\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
CHOSEN_LATER = {"--jobs": "one per core", "--to": "now"}
"""Defaults that are no constants."""


def documented(section: str) -> dict[str, str]:
    rows = re.findall(r"^\| `(--[\w.-]+)` \|(.*?)\|", section, re.MULTILINE)
    assert len(dict(rows)) == len(rows), "a flag has two rows"
    return {flag: default.strip() for flag, default in rows}


def options(command: click.Command) -> Iterator[click.Option]:
    return (parameter for parameter in command.params if isinstance(parameter, click.Option))


def written(option: click.Option) -> str:
    """The default as the table has it."""
    if option.required:
        return "required"
    if option.is_flag:
        return "off"
    default = option.default
    plain = isinstance(default, (str, int)) or hasattr(default, "__fspath__")
    return CHOSEN_LATER.get(option.opts[0], f"`{default}`" if plain and str(default) else "")


def test_every_command_has_its_section() -> None:
    assert SECTIONS.keys() == main.commands.keys()


@pytest.mark.parametrize("name", main.commands)
def test_every_flag_is_documented_with_its_default(name: str) -> None:
    assert documented(SECTIONS[name]) == {o.opts[0]: written(o) for o in options(main.commands[name])}


def test_a_flag_that_a_page_names_exists() -> None:
    known = {flag for command in main.commands.values() for option in options(command) for flag in option.opts}
    for path in ROOT.glob("docs/**/*.md"):
        for line in re.findall(r"^.*\bsidecar (?:run|demo|check-config|backtest) .*$", path.read_text(), re.MULTILINE):
            used = re.findall(r"(?<=\s)(--[\w.-]+)", line.split("sidecar ", 1)[1])
            assert set(used) <= known | {"--version", "--help"}, f"{path.relative_to(ROOT)}: {line}"
