# ruff: noqa: INP001 a script, not a package
"""Draws what the dashboards show, for the documentation: python -m scripts.draw_dashboards.

A day of the demo's hosts goes through the evaluator as it runs in the sidecar; what it exports at each step is laid
into a real Prometheus; the panels' own queries are answered by that and drawn where the dashboards have them.
"""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import requests
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image
from prometheus_client import CollectorRegistry

from sidecar.config.load import parse
from sidecar.demo.config import EPOCH, config_text
from sidecar.demo.server import serve
from sidecar.execution.local import LocalExecutor
from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.export.text import Format
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.prometheus.client import PrometheusClient
from tests.real.servers import PrometheusServer

ROOT = Path(__file__).parents[1]
STEP = 300
BEGIN, END = EPOCH - 10 * 3600, EPOCH + 14 * 3600

SIDECAR = 'instance="sidecar:9847",job="anomaly-sidecar"'
VARIABLES = {
    "$__rate_interval": "20m",
    "$__range": "24h",
    "$anomaly_name": "node_cpu",
    "$namespace": ".*",
    "$workload": ".*",
    "$pod": ".*",
    "$instance": ".*",
}
COLUMN, LINE = 0.6, 0.42
"""Inches of the dashboards' grid."""

MOST_NAMED = 10
"""Lines that get a legend."""


def scraped_day() -> Iterator[str]:
    """What a scrape would have read after each evaluation, as OpenMetrics with its time."""
    now = float(BEGIN)
    with serve(lambda: now, EPOCH) as url:
        config = parse(config_text(url), "demo", {})
        [query] = config.queries
        board, registry = Board(), CollectorRegistry()
        telemetry = Telemetry(registry, "1.0.0")
        registry.register(ResultsCollector(board, lambda: now))
        register_process_metrics(registry)
        board.configure([query.name], config.staleness)
        telemetry.declare([query.name])
        telemetry.alarm_budget_per_second.labels(query.name).set(query.alarm_budget.per_second)
        source = PrometheusClient(config.prometheus)
        evaluator = Evaluator(
            query, config.offset, config.timezone, Surroundings(source, LocalExecutor(), board, telemetry, 30)
        )
        exposition = Exposition(board, registry, lambda: now)
        for at in range(BEGIN - 2 * STEP, END + 1, STEP):
            now = float(at)
            evaluator.evaluate(now)
            yield from (f"{line} {at}" for line in _labelled(b"".join(exposition.render(Format.TEXT, compress=False))))
        source.close()
    yield "# EOF\n"


def _labelled(text: bytes) -> Iterator[str]:
    """The samples with the labels that a scrape adds where there are none."""
    for line in text.decode().splitlines():
        if line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        if "instance=" not in series:
            name, _, labels = series.partition("{")
            rest = labels.removesuffix("}")
            series = f"{name}{{{rest}{',' if rest else ''}{SIDECAR}}}"
        yield f"{series} {value}"


class Answers:
    """The queries of the panels, answered by a Prometheus."""

    def __init__(self, prometheus: PrometheusServer) -> None:
        self._prometheus = prometheus

    def lines(self, target: dict[str, Any]) -> Iterator[tuple[str, range, list[float]]]:
        """Name, times and values of every series of a range query."""
        form = {"query": _selected(target["expr"]), "start": BEGIN, "end": END, "step": STEP}
        answer = requests.post(f"{self._prometheus.url}/api/v1/query_range", data=form, timeout=30).json()
        for series in answer["data"]["result"]:
            times = range(BEGIN, END + 1, STEP)
            values = {int(at): float(value) for at, value in series["values"]}
            name = target.get("legendFormat", "")
            for label, text in series["metric"].items():
                name = name.replace("{{" + label + "}}", text)
            name = " ".join(word for word in name.split() if not word.startswith("{{"))
            yield name, times, [values.get(at, np.nan) for at in times]

    def rows(self, target: dict[str, Any]) -> list[dict[str, Any]]:
        """The result of an instant query at the end."""
        return self._prometheus.query(_selected(target["expr"]), END)


def _selected(expr: str) -> str:
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    return expr


def human(value: float, unit: str) -> str:
    """A value as the panel's unit has it."""
    if unit == "percentunit":
        return f"{value:.1%}"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    return f"{value:.4g}{' s' if unit == 's' else ''}"


def draw_stat(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    """The number."""
    rows = answers.rows(panel["targets"][0])
    defaults = panel["fieldConfig"]["defaults"]
    value = float(rows[0]["value"][1]) if rows else None
    text = "none" if value is None else human(value, defaults["unit"])
    for mapping in defaults.get("mappings", []):
        text = mapping["options"].get(text, {"text": text})["text"]
    axes.axis("off")
    axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=18, color=_colour(defaults["thresholds"], value))


def _colour(thresholds: dict[str, Any], value: float | None) -> str:
    reached = [s["color"] for s in thresholds["steps"] if s["value"] is None or (value or 0) >= s["value"]]
    return {"text": "black", "green": "#3a8f3a", "orange": "#e07b00", "red": "#c4162a"}[reached[-1]]


def name_hours(axes: Axes) -> None:
    """The day along the lower edge."""
    axes.set_xlim(BEGIN, END)
    axes.set_xticks(range(BEGIN, END + 1, 3 * 3600))
    axes.xaxis.set_major_formatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}")


STYLES: dict[str, dict[str, Any]] = {
    "expected": {"color": "#1f60c4", "linestyle": "--", "linewidth": 0.8},
    "flagged": {"color": "#c4162a", "linewidth": 3},
    "value": {"color": "black", "linewidth": 1},
}


def draw_timeseries(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    """Lines, and the band between lower and upper."""
    lines = [line for target in panel["targets"] for line in answers.lines(target)]
    band = {name: values for name, _, values in lines if name in {"lower", "upper"}}
    defaults = panel["fieldConfig"]["defaults"]
    way = "steps-post" if defaults["custom"].get("lineInterpolation") else "default"
    right = axes.twinx() if any(name.endswith(" CPU") for name, _, _ in lines) else axes
    for number, (name, times, values) in enumerate(lines):
        if name == "lower" and "upper" in band:
            axes.fill_between(times, band["lower"], band["upper"], color="#1f60c4", alpha=0.2, linewidth=0)
        elif name not in band:
            where = right if name.endswith(" CPU") else axes
            style = {"linewidth": 1.0, "color": f"C{number}", **STYLES.get(name.split(" ")[0], {})}
            where.plot(times, values, label=name, drawstyle=way, **style)
    if "thresholdsStyle" in defaults["custom"]:
        axes.axhline(1, color="#c4162a", linestyle="--", linewidth=1)
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
        right.set_ylim(bottom=defaults["min"])
    right.tick_params(labelsize=6)
    right.yaxis.set_major_formatter(lambda value, _: human(value, "short"))
    name_hours(axes)
    axes.yaxis.set_major_formatter(lambda value, _: human(value, defaults["unit"]))
    axes.grid(visible=True, alpha=0.2)
    if 0 < len(lines) <= MOST_NAMED:
        axes.legend(fontsize=6, ncols=4, loc="upper left", frameon=False)


def draw_timeline(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    """A row per series, red while it is flagged."""
    lines = sorted(answers.lines(panel["targets"][0]), reverse=True)
    for row, (_, times, values) in enumerate(lines):
        axes.fill_between(times, row - 0.4, row + 0.4, where=np.array(values) == 1, color="#c4162a", step="post")
    axes.set_yticks(range(len(lines)), [name for name, _, _ in lines], fontsize=6)
    axes.set_ylim(-0.6, len(lines) - 0.4)
    name_hours(axes)


def draw_table(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    """The columns of the targets, joined by labels."""
    names = panel["transformations"][1]["options"]["renameByName"]
    joined: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for target in panel["targets"]:
        for row in answers.rows(target):
            value = float(row["value"][1])
            column = names[f"Value #{target['refId']}"]
            text = (
                f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M}" if column == "Since" else f"{value:.3g}"
            )
            if column == "Flag":
                text = "flagged" if value else "-"
            joined.setdefault(tuple(sorted(row["metric"].items())), {})[column] = text
    labels = sorted({label for key in joined for label, _ in key})
    ranked = sorted(joined.items(), key=lambda item: -float(item[1]["Score"]))
    cells = [
        [*(dict(key).get(each, "") for each in labels), *(row.get(n, "") for n in names.values())]
        for key, row in ranked
    ]
    axes.axis("off")
    table = axes.table(
        cells, colLabels=[*labels, *names.values()], loc="upper center", cellLoc="left", edges="horizontal"
    )
    table.auto_set_font_size(value=False)
    table.set_fontsize(7)


DRAW = {"stat": draw_stat, "timeseries": draw_timeseries, "state-timeline": draw_timeline, "table": draw_table}


def draw(dashboard: dict[str, Any], answers: Answers, path: Path) -> None:
    """Draws all panels of a dashboard."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    figure = plt.figure(figsize=(24 * COLUMN, height * LINE))
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        left, top = grid["x"] / 24, 1 - grid["y"] / height
        if panel["type"] == "row":
            figure.text(left + 0.005, top - 0.6 / height, panel["title"], fontsize=10, weight="bold", va="center")
            continue
        box = (left + 0.05, top - (grid["h"] - 0.8) / height, grid["w"] / 24 - 0.07, (grid["h"] - 1.8) / height)
        axes = figure.add_axes(box)
        axes.set_title(panel["title"], fontsize=8, loc="left")
        axes.tick_params(labelsize=6)
        DRAW[panel["type"]](axes, panel, answers)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)


def main() -> None:
    """Draws both dashboards into docs/images."""
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as directory:
        prometheus = PrometheusServer(Path(directory) / "prometheus", "\n".join(scraped_day()))
        prometheus.start()
        try:
            for file in sorted((ROOT / "dashboards").glob("*.json")):
                image = ROOT / "docs/images" / f"dashboard-{file.stem}.png"
                image.parent.mkdir(exist_ok=True)
                draw(json.loads(file.read_text()), Answers(prometheus), image)
        finally:
            prometheus.kill()


if __name__ == "__main__":
    main()
