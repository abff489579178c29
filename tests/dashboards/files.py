"""The dashboards as they lie in the repository."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((ROOT / "dashboards").glob("*.json"))
}


def panels(name: str) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]
