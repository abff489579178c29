import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sidecar.cli import set_up_logging
from sidecar.loop.telling import FACTS, told_labels


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a run writes to its log, until the test ends."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    set_up_logging("info", "json")
    yield stream
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_every_label_is_on_the_line_whatever_its_name(written: io.StringIO) -> None:
    names = ["event", "self", "method_name", "level", "ts", "exc_info", "exception", "anomaly_name", *sorted(FACTS)]
    names += ["level_", "a b", "a_b", "a\nb", "instance"]
    labels = tuple((name, f"of {number}") for number, name in enumerate(names))
    log = structlog.get_logger().bind(anomaly_name="cpu")
    log.warning("anomaly", **told_labels(labels) | dict.fromkeys(FACTS, 1.0))
    line = json.loads(written.getvalue())
    assert (line["event"], line["level"], line["anomaly_name"], line["score"]) == ("anomaly", "warning", "cpu", 1.0)
    assert {f"of {number}" for number in range(len(names))} <= set(map(str, line.values()))
    assert line["score_"] == f"of {names.index('score')}"
    assert line["instance"] == f"of {names.index('instance')}"
