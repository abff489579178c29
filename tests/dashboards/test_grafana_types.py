"""The dashboards against the types of @grafana/schema, by the TypeScript compiler."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.files import DASHBOARDS, ROOT

pytestmark = pytest.mark.real

TYPOS = {
    '"schemaVersion"': '"schemaVersions"',
    '"fillOpacity"': '"fillOpacities"',
    '"displayMode": "list"': '"displayMode": "lst"',
}

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


def with_typos() -> dict[str, dict[str, Any]]:
    text = json.dumps(DASHBOARDS)
    for right, wrong in TYPOS.items():
        assert right in text
        text = text.replace(right, wrong)
    typos: dict[str, dict[str, Any]] = json.loads(text)
    return typos


def test_grafanas_types_accept_the_dashboards_and_would_refuse_typos() -> None:
    directory = ROOT / ".cache/grafana-schema"
    subprocess.run([ROOT / "scripts/grafana-schema.sh", directory], check=True)
    (directory / "json.ts").write_text((Path(__file__).parent / "json.ts").read_text())
    (directory / "right.ts").write_text("\n".join(typescript(DASHBOARDS)))
    (directory / "wrong.ts").write_text("\n".join(typescript(with_typos())))
    compiler = [str(directory / "node_modules/.bin/tsc"), *FLAGS, "right.ts", "wrong.ts"]
    done = subprocess.run(compiler, cwd=directory, capture_output=True, text=True, check=False)

    found = done.stdout.splitlines()
    assert not [line for line in found if not line.startswith(("wrong.ts", " "))]
    for typo in ("schemaVersions", "fillOpacities", "lst"):
        assert f"'\"{typo}\"'" in done.stdout
