"""What holds in the dashboards, and that Grafana's own models know all of it."""

import json
import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.dashboards.files import DASHBOARDS, panels

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


@each_dashboard
def test_what_links_and_settings_rely_on(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name
    assert dashboard["title"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for uid in re.findall(r'"/d/([^"?]+)', json.dumps(dashboard)):
        assert uid in DASHBOARDS


@each_dashboard
def test_every_query_goes_to_the_chosen_data_source(name: str) -> None:
    variables = DASHBOARDS[name]["templating"]["list"]
    assert (variables[0]["name"], variables[0]["type"], variables[0]["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    for asker in (*variables[1:], *panels(name), *(target for panel in panels(name) for target in panel["targets"])):
        assert asker["datasource"] == DATASOURCE


@each_dashboard
def test_every_panel_says_what_it_shows_and_covers_no_other(name: str) -> None:
    assert all(panel["title"] and panel["description"] for panel in panels(name))
    for one, other in combinations((panel["gridPos"] for panel in DASHBOARDS[name]["panels"]), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)


def lost(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    """Where something of ours is missing or different in theirs; more in theirs is fine."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(*pair, f"{path}/{number}")
    elif ours != theirs:
        yield path


@each_dashboard
def test_nothing_is_lost_in_the_models_of_the_foundation_sdk(name: str) -> None:
    plugins.register_default_plugins()
    back = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARDS[name])))
    assert not list(lost(DASHBOARDS[name], back))
