"""What the documentation shows and names is what there is: keys, values, metrics, alerts, expressions."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from sidecar.config.load import parse
from sidecar.config.schema import Config
from tests.docs.pages import ROOT, Page, pages

PAGES = pages()
METRICS = (ROOT / "docs/reference/metrics.md").read_text()
RULES = [
    rule
    for path in (ROOT / "rules").glob("*.rules.yaml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
REST = {
    "prometheus": {"url": "http://localhost:9090"},
    "queries": [{"name": "anything", "expr": "anything"}],
}
"""What an example leaves out."""
ENVIRONMENT = {"PROMETHEUS_PASSWORD": "x", "POD_NAME": "x", "POD_NAMESPACE": "x"}  # nothing secret


VALUES_FOLLOW = "# values.yaml\n"
"""First line of an example that is for the chart."""


def examples(*, of_chart: bool) -> Iterator[Any]:
    """The blocks of YAML that are part of a configuration, or of values for the chart."""
    for page in PAGES:
        for number, block in enumerate(page.blocks("yaml")):
            content = yaml.safe_load(block.text) if "{{" not in block.text else None
            known = isinstance(content, dict) and (of_chart or content.keys() <= Config.model_fields.keys())
            if known and block.text.startswith(VALUES_FOLLOW) == of_chart:
                yield pytest.param(content, id=f"{page}-{number}")


@pytest.mark.parametrize("content", list(examples(of_chart=False)))
def test_examples_of_the_configuration_are_valid(content: dict[str, Any]) -> None:
    config = parse(yaml.safe_dump(REST | content), "example", ENVIRONMENT)
    assert config.queries


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_expressions_can_be_parsed(page: Page) -> None:
    for block in page.blocks("promql"):
        promql_parser.parse(block.text)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_metrics_that_are_named_exist(page: Page) -> None:
    known = set(re.findall(r"`(anomaly_\w+)`", METRICS)) | {"anomaly_name"}
    known |= {match for rule in RULES if "record" in rule for match in re.findall(r"anomaly_\w+", rule["record"])}
    known |= {f"{name}{part}" for name in known for part in ("_bucket", "_sum", "_count")}
    assert set(re.findall(r"(?<![\w/])anomaly_[a-z_]*[a-z]\b", page.text)) <= known


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_alerts_that_are_named_exist(page: Page) -> None:
    known = {rule["alert"] for rule in RULES if "alert" in rule}
    assert set(re.findall(r"\bAnomaly[A-Z]\w+", page.text)) <= known


CHART = ROOT / "helm/prometheus-anomaly-sidecar"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def is_value(path: str) -> bool:
    """Whether the chart has a value of this path; below an empty mapping everything goes."""
    node = VALUES
    for key in path.split("."):
        if node == {}:
            return True
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def paths(node: dict[str, Any]) -> Iterator[str]:
    """The keys of nested mappings, joined by dots."""
    for key, value in node.items():
        yield from (f"{key}.{path}" for path in paths(value)) if isinstance(value, dict) and value else (key,)


@pytest.mark.parametrize("content", list(examples(of_chart=True)))
def test_examples_of_values_name_values_that_exist(content: dict[str, Any]) -> None:
    assert [path for path in paths(content) if not is_value(path)] == []


def test_values_of_the_chart_that_its_page_names_exist() -> None:
    table = re.findall(r"^\| [a-z].*\|$", (ROOT / "docs/reference/chart.md").read_text(), re.MULTILINE)
    named = [path for row in table for path in re.findall(r"`([a-z][\w.]*)`", row)]
    assert len(named) > 15
    assert [path for path in named if not is_value(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_values_that_are_set_exist(page: Page) -> None:
    named = re.findall(r"--set[= ]([\w.]+)=", page.text)
    assert [path for path in named if not is_value(path)] == []


def test_templates_of_the_chart_that_its_page_names_exist() -> None:
    defined = "".join(path.read_text() for path in (CHART / "templates").glob("*.tpl"))
    named = re.findall(r"`(prometheus-anomaly-sidecar\.\w+)`", (ROOT / "docs/reference/chart.md").read_text())
    assert named
    for name in named:
        assert f'define "{name}"' in defined, name
