"""The dashboards against the types of @grafana/schema, by the TypeScript compiler."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.files import DASHBOARDS, ROOT

pytestmark = pytest.mark.real

FLAGS = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
]

PANEL_TYPES = {
    "timeseries": "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts",
    "stat": "stat/panelcfg/x/StatPanelCfg_types.gen.d.ts",
    "table": "table/panelcfg/x/TablePanelCfg_types.gen.d.ts",
    "state-timeline": "statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts",
}


def typescript(dashboards: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The dashboards as constants of the types that Grafana has for them, panels' own parts apart."""
    yield 'import type { Dashboard } from "@grafana/schema";'
    yield 'import type { Json } from "./json";'
    for kind, module in PANEL_TYPES.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{module}"
        yield f'import type * as {kind.replace("-", "_")} from "{path}";'
    for name, dashboard in dashboards.items():
        yield f"export const {name.replace('-', '_')}: Json<Dashboard> = {json.dumps(dashboard)};"
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield from _panel_parts(panel, f"{panel['id']}_of_{name.replace('-', '_')}")


def _panel_parts(panel: dict[str, Any], name: str) -> Iterator[str]:
    kind = panel["type"].replace("-", "_")
    yield f"export const options_{name}: Json<{kind}.Options> = {json.dumps(panel['options'])};"
    if custom := panel["fieldConfig"]["defaults"].get("custom"):
        yield f"export const custom_{name}: Json<{kind}.FieldConfig> = {json.dumps(custom)};"


@pytest.fixture(scope="module")
def compile_with_grafana() -> Callable[[Iterator[str]], str]:
    """Checks TypeScript against Grafana's types; what the compiler finds, a line each."""
    directory = ROOT / ".cache/grafana-schema"
    subprocess.run([ROOT / "scripts/grafana-schema.sh", directory], check=True)
    (directory / "json.ts").write_text((Path(__file__).parent / "json.ts").read_text())

    def compile_lines(lines: Iterator[str]) -> str:
        (directory / "dashboards.ts").write_text("\n".join(lines))
        command = [str(directory / "node_modules/.bin/tsc"), *FLAGS, "dashboards.ts"]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return compile_lines


def test_grafanas_types_accept_the_dashboards(compile_with_grafana: Callable[[Iterator[str]], str]) -> None:
    assert not compile_with_grafana(typescript(DASHBOARDS))


def test_grafanas_types_refuse_typos(compile_with_grafana: Callable[[Iterator[str]], str]) -> None:
    text = json.dumps(DASHBOARDS)
    for right, wrong in (
        ('"schemaVersion"', '"schemaVersions"'),
        ('"fillOpacity"', '"fillOpacities"'),
        ('"displayMode": "list"', '"displayMode": "lst"'),
    ):
        text = text.replace(right, wrong)
    found = compile_with_grafana(typescript(json.loads(text)))
    for typo in ("schemaVersions", "fillOpacities", "lst"):
        assert typo in found
