from datetime import UTC, datetime

import yaml

from sidecar.demo.api import EXPRESSION
from sidecar.demo.config import EPOCH, SPEED, config_text
from sidecar.demo.incidents import SCRIPT


def test_the_file_points_at_the_source_and_asks_for_what_it_serves() -> None:
    document = yaml.safe_load(config_text("http://127.0.0.1:4321"))
    assert document["prometheus"] == {"url": "http://127.0.0.1:4321"}
    assert [query["expr"] for query in document["queries"]] == [EXPRESSION]


def test_the_demo_starts_on_a_working_day_and_on_a_step() -> None:
    start = datetime.fromtimestamp(EPOCH, UTC)
    assert start.weekday() < 5
    assert start.hour == 10
    assert EPOCH % 300 == 0


def test_the_first_incident_leaves_time_to_start_and_to_be_seen() -> None:
    assert 6 <= SCRIPT[0].start / SPEED <= 8
    assert SCRIPT[0].length / SPEED >= 10
