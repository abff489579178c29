import math
import subprocess

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.labels import Exporter
from sidecar.export.snapshot import GAUGES, QueryResult, SeriesTable, State
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.export.text import Format
from tests.real.binaries import binary

HOSTILE = ("plain", 'qu"ote', "new\nline", "back\\slash", "\\n", "é😀", "\x00\r\t\x7f", "<b>&", "\ud800", "x" * 10_000)


@pytest.mark.real
def test_promtool_finds_nothing_to_say() -> None:
    board, registry = Board(), CollectorRegistry()
    board.configure(["q"], 300)
    Telemetry(registry, "1.2.3").declare(["q"])
    registry.register(ResultsCollector(board, lambda: 1000.0))
    register_process_metrics(registry)
    labels = Exporter("q", {"team": "x"})(tuple((("host.name", text),) for text in HOSTILE))
    values = np.array([math.nan, math.inf, -math.inf, 0.0, 1e-300, 1e300, -0.1, 1 / 3, 1e21, 12345678901])
    table = SeriesTable(labels, dict.fromkeys(GAUGES, values))
    board.publish(QueryResult("q", 1000.0, 990, table, {State.OK: len(labels)}, {"max_series": 1}))

    text = b"".join(Exposition(board, registry, lambda: 1000.0).render(Format.TEXT, compress=False))
    command = [binary("PROMTOOL_BIN"), "check", "metrics"]
    check = subprocess.run(command, input=text, capture_output=True, check=False, timeout=30)

    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
