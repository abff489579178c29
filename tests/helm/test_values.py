import importlib.util
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

import sidecar
from sidecar.config.schema import Config, QueryConfig
from tests.helm.chart import CHART, HELMS, ROOT, SCENARIOS, template, values_file

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def chart_readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart_readme", ROOT / "scripts" / "chart-readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def scenario_values(scenario: str) -> dict[str, Any]:
    """The values as Helm checks them: null takes a default away."""

    def without_nulls(values: dict[str, Any]) -> dict[str, Any]:
        return {
            key: without_nulls(value) if isinstance(value, dict) else value
            for key, value in values.items()
            if value is not None
        }

    return without_nulls(yaml.safe_load(Path(values_file(scenario)).read_text()))


def refused(values: dict[str, Any]) -> str:
    return "\n".join(error.message for error in Draft7Validator(SCHEMA).iter_errors(values))


FREE = {"global", "labels", "podSecurityContext", "securityContext", "rollingUpdate", "requests", "limits"}
"""Mappings whose keys are the user's, or those of Kubernetes."""
CLOSED = sorted(path for path in leaves(VALUES) if not FREE & set(path[:-1]))


def with_typo(path: tuple[str, ...]) -> dict[str, Any]:
    """The defaults with the last letter of one key doubled."""
    values = deepcopy(VALUES)
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1] + path[-1][-1]] = place.pop(path[-1])
    return values


def test_the_readme_table_is_that_of_the_values() -> None:
    readme = (CHART / "README.md").read_text()
    expected = chart_readme().with_table(readme, (CHART / "values.yaml").read_text())
    assert readme == expected, "run scripts/chart-readme.py"


def test_every_value_is_described() -> None:
    described = {path for path, _, _ in chart_readme().rows((CHART / "values.yaml").read_text())}
    for leaf in leaves(VALUES):
        assert any(".".join(leaf[:length]) in described for length in range(1, len(leaf) + 1)), leaf


def test_every_described_value_is_read_by_a_template() -> None:
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    for path, _, _ in chart_readme().rows((CHART / "values.yaml").read_text()):
        assert re.search(rf"\.{path.rpartition('.')[2]}\b", text), path


def test_the_defaults_and_the_scenarios_fit_the_schema() -> None:
    assert refused(VALUES) == ""
    for scenario in SCENARIOS:
        assert refused(scenario_values(scenario)) == "", scenario


@pytest.mark.parametrize("path", CLOSED, ids=".".join)
def test_the_schema_refuses_a_typo_in_every_key(path: tuple[str, ...]) -> None:
    assert f"'{path[-1]}{path[-1][-1]}' was unexpected" in refused(with_typo(path))


def test_the_schema_knows_the_keys_of_the_configuration() -> None:
    config = SCHEMA["properties"]["config"]["properties"]
    assert set(config) == set(Config.model_fields)
    assert set(SCHEMA["definitions"]["query"]["properties"]) == set(QueryConfig.model_fields)


@pytest.mark.parametrize(
    "config",
    [
        {"evaluation_intervall": "30s"},
        {"defaults": {"fit_windw": "7d"}},
        {"queries": [{"name": "a", "expr": "up", "directon": "above"}]},
    ],
)
def test_the_schema_refuses_a_typo_in_the_configuration(config: dict[str, Any]) -> None:
    assert "was unexpected" in refused({"config": config})


@pytest.mark.parametrize(
    "values",
    [
        {"prometheus": {"url": "prometheus:9090"}},
        {"replicas": "two"},
        {"log": {"level": "verbose"}},
        {"service": {"port": 0}},
        {"serviceMonitor": {"interval": "30"}},
        {"web": {"routePrefix": "anomalies"}},
        {"image": {"digest": "latest"}},
        {"extraArgs": ["run"]},
        {"serviceMonitor": {"job": ""}},
        {"livenessProbe": {"httpGett": None}},
    ],
    ids=str,
)
def test_the_schema_refuses_a_value_of_the_wrong_form(values: dict[str, Any]) -> None:
    assert refused(values)


def test_a_parent_chart_may_switch_it_off_and_share_global_values() -> None:
    assert refused({"enabled": False, "global": {"imageRegistry": "a", "storageClass": "fast"}}) == ""


def test_the_chart_is_of_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == sidecar.__version__


@pytest.mark.real
@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    ("argument", "place", "key"),
    [
        ("promethues.url=http://a", "", "promethues"),
        ("serviceMonitor.enable=true", "serviceMonitor", "enable"),
        ("prometheus.basicAuth.existngSecret=a", "prometheus.*basicAuth", "existngSecret"),
        ("config.queries[0].exprr=up", "config.*queries.*0", "exprr"),
    ],
)
def test_helm_says_which_key_is_wrong_and_where(helm: str, argument: str, place: str, key: str) -> None:
    with pytest.raises(RuntimeError, match=rf"(?i){place}.*additional propert\S+ '?{key}'? (is )?not allowed"):
        template(helm, "--set", argument)
