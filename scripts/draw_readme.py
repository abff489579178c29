# ruff: noqa: INP001 a script, not a package
"""Draws the picture of the README: python -m scripts.draw_readme.

Some hours of the demo's hosts go through the evaluator as it runs in the sidecar, step by step. What is drawn of one of
them is what was published at each step, when nothing later was known.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from prometheus_client import CollectorRegistry

from sidecar.config.load import parse
from sidecar.demo.config import EPOCH, config_text
from sidecar.demo.server import serve
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.telemetry import Telemetry
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.client import PrometheusClient

PICTURE = Path(__file__).parents[1] / "docs/images/scored-series.png"
HOST = "web-3:9100"
STEP, HOUR = 300, 3600
BEGIN, END = EPOCH - 10 * HOUR, EPOCH + 8 * HOUR
HIGHEST = 120
"""Top of the axis of the CPU: the names stand above the curves."""
BLACK, BLUE, RED = "#222222", "#1f60c4", "#c4162a"

Point = dict[str, float]
"""What was published of the host, by metric."""


def published() -> Iterator[tuple[int, Point]]:
    """The host's gauges after each evaluation."""
    now = float(BEGIN)
    with serve(lambda: now, EPOCH) as url:
        config = parse(config_text(url), "demo", {})
        [query] = config.queries
        board = Board()
        board.configure([query.name], config.staleness)
        source = PrometheusClient(config.prometheus)
        around = Surroundings(source, LocalExecutor(), board, Telemetry(CollectorRegistry(), ""), 30)
        evaluator = Evaluator(query, config.offset, config.timezone, around)
        for at in range(BEGIN - STEP, END + 1, STEP):
            now = float(at)
            evaluator.evaluate(now)
            if at >= BEGIN:
                yield at, of_host(board, query.name)
        source.close()


def of_host(board: Board, query: str) -> Point:
    """The gauges of the host in the newest result."""
    table = board.snapshot.results[query].series
    [row] = [row for row, labels in enumerate(table.labels) if ("instance", HOST) in labels]
    return {name: float(values[row]) for name, values in table.gauges.items()}


def draw(points: list[tuple[int, Point]]) -> None:
    """The value, what was expected and the band above, the score with its threshold below, flagged spans in both."""
    times = np.array([at for at, _ in points])
    value, expected, lower, upper, score, flag = (
        np.array([point[f"anomaly_{name}"] for _, point in points])
        for name in ("value", "expected", "lower", "upper", "score", "flag")
    )
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(9, 4), height_ratios=[2, 1])
    above.plot(times, 100 * expected, color=BLUE, linestyle="--", linewidth=1, label="expected")
    above.fill_between(
        times, 100 * lower, 100 * upper, color=BLUE, alpha=0.12, linewidth=0, label="below the threshold"
    )
    above.plot(times, 100 * value, color=BLACK, linewidth=1.2, label="CPU of web-3, %")
    below.plot(times, score, color=BLACK, linewidth=1.2, label="anomaly_score")
    below.axhline(1, color=RED, linestyle="--", linewidth=1, label="threshold")
    for axes, top in ((above, HIGHEST), (below, None)):
        shade(axes, times, flag == 1)
        axes.set_ylim(0, top)
        axes.legend(loc="upper left", ncols=4, frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    below.set_xlim(BEGIN, END)
    below.set_xticks(range(BEGIN, END + 1, 3 * HOUR))
    below.xaxis.set_major_formatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}")
    figure.tight_layout()
    save(figure)


def shade(axes: Axes, times: NDArray[np.int64], flagged: NDArray[np.bool_]) -> None:
    """Marks where the flag is up."""
    for start in np.flatnonzero(np.diff(flagged, prepend=False) & flagged):
        steps = np.argmin(np.append(flagged[start:], False))
        label = "anomaly_flag" if start == np.flatnonzero(flagged)[0] else None
        axes.axvspan(times[start], times[start] + steps * STEP, color=RED, alpha=0.15, linewidth=0, label=label)


def save(figure: Figure) -> None:
    """As a small PNG."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=110)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(64).save(PICTURE, optimize=True)


if __name__ == "__main__":
    mpl.use("Agg")
    draw(list(published()))
