"""The reference documents every key of the schema with its default."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from sidecar.config import web
from sidecar.config.connection import Authorization, BasicAuth, HttpHeader, PrometheusConfig, TlsConfig
from sidecar.config.duration import format_duration
from sidecar.config.load import parse
from sidecar.config.schema import Alarm, Config, MinDeviation, QueryConfig, Sharding
from sidecar.config.vocabulary import Section

TEXT = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text()
SECTIONS: dict[str, type[Section]] = {
    "Top level": Config,
    "`prometheus`": PrometheusConfig,
    "`prometheus.basic_auth`": BasicAuth,
    "`prometheus.authorization`": Authorization,
    "`prometheus.tls_config`": TlsConfig,
    "`prometheus.http_headers.NAME`": HttpHeader,
    "`queries`": QueryConfig,
    "`alarm`": Alarm,
    "`min_deviation`": MinDeviation,
    "`sharding`": Sharding,
}
MAPPINGS: tuple[object, ...] = ({}, TlsConfig(), Alarm(), MinDeviation())


def documented(title: str) -> dict[str, tuple[str, str]]:
    """The table below a heading: key to type and default."""
    body = re.split(r"^#", TEXT.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| .+ \|$", body, re.MULTILINE)
    return {key: (kind, default) for key, kind, default in rows}


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    for title, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            yield title, key, field


GROWING = {
    "fit_window": "`28d`, or 20,160 steps if that is shorter",
    "min_history": "`4h`, or 25 steps if that is longer",
}
"""Defaults that follow from the step."""


def written(key: str, field: FieldInfo, kind: str) -> str:
    """The default as the table has it."""
    default = field.default
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "`{}`" if kind == "mapping" else GROWING[key]
    if default is None:
        return "none"
    if kind == "list of label names":
        return f"`[{', '.join(default)}]`"
    if kind == "duration":
        return f"`{format_duration(default)}`"
    text = (
        {(): "[]", "": '""', True: "true", False: "false"}.get(default)
        if isinstance(default, (str, tuple, bool))
        else None
    )
    return f"`{text or ('{}' if default in MAPPINGS else f'{default:g}' if isinstance(default, float) else default)}`"


@pytest.mark.parametrize(
    ("title", "key", "field"), list(fields()), ids=lambda part: part if isinstance(part, str) else ""
)
def test_documents_key_and_default(title: str, key: str, field: FieldInfo) -> None:
    rows = documented(title)
    assert key in rows, f"{key} is not in the table of {title}"
    kind, default = rows[key]
    assert default == written(key, field, kind)


@pytest.mark.parametrize("title", SECTIONS)
def test_documents_no_key_that_is_gone(title: str) -> None:
    assert set(documented(title)) == set(SECTIONS[title].model_fields)


def test_every_section_of_the_schema_is_looked_at() -> None:
    def below(model: type[Section]) -> set[type[Section]]:
        return {model}.union(*map(below, model.__subclasses__()))

    named = set(SECTIONS.values())
    ours = {model for model in below(Section) - {Section} if model.__module__ != web.__name__}
    assert {model for model in ours if not any(issubclass(one, model) for one in named)} == set()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_examples_are_valid(block: str) -> None:
    assert parse(block, "F", {}).queries
