import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from sidecar.export.board import Board
from sidecar.export.snapshot import GAUGES
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.export.text import Format, registry_text
from tests.export.conftest import MakeResult

REFERENCE = Path(__file__).parents[2] / "docs/reference/metrics.md"
AT = 1000.0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> Telemetry:
    return Telemetry(registry, "1.2.3")


@pytest.fixture
def board(registry: CollectorRegistry) -> Board:
    board = Board()
    registry.register(ResultsCollector(board, lambda: AT))
    return board


def sample_names(registry: CollectorRegistry, query: str) -> set[str]:
    return {s.name for family in registry.collect() for s in family.samples if s.labels.get("anomaly_name") == query}


def test_build_info_says_what_runs(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    assert telemetry
    assert 'anomaly_sidecar_build_info{python_version="3.' in registry_text(registry, Format.TEXT).decode()


@pytest.mark.usefixtures("telemetry")
def test_no_created_series(registry: CollectorRegistry) -> None:
    for form in Format:
        assert "_created" not in registry_text(registry, form).decode()


def test_the_metrics_of_a_query_exist_from_the_start(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    assert sample_names(registry, "q") == set()
    telemetry.declare(["q", "r"])

    for name in ("evaluations_total", "fit_failures_total", "last_fit_timestamp_seconds", "fit_duration_seconds_count"):
        assert registry.get_sample_value(f"anomaly_sidecar_{name}", {"anomaly_name": "q"}) == 0
    suppressed = {"anomaly_name": "r", "reason": "valid_range"}
    assert registry.get_sample_value("anomaly_sidecar_flags_suppressed_total", suppressed) == 0
    assert sample_names(registry, "q") == sample_names(registry, "r")


def test_declaring_again_keeps_the_counts(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    telemetry.declare(["q"])
    telemetry.evaluations.labels("q").inc()
    telemetry.declare(["q"])

    assert registry.get_sample_value("anomaly_sidecar_evaluations_total", {"anomaly_name": "q"}) == 1


def test_a_query_is_described_once_whatever_it_was_before(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    telemetry.describe("q", "ratio", "")
    telemetry.describe("q", "cores", "https://sidecar.example.org/anomalies/")

    [info] = [s for family in registry.collect() for s in family.samples if s.name == "anomaly_sidecar_query_info"]
    assert info.labels == {
        "anomaly_name": "q",
        "unit": "cores",
        "external_url": "https://sidecar.example.org/anomalies",
    }
    assert info.value == 1


def test_a_forgotten_query_has_no_metrics(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    telemetry.declare(["q", "r"])
    telemetry.describe("q", "cores", "")
    telemetry.flags_suppressed.labels("q", "a reason not known from the start").inc()
    kept = sample_names(registry, "r")
    telemetry.forget(["q", "never declared"])

    assert sample_names(registry, "q") == set()
    assert sample_names(registry, "r") == kept


def series(registry: CollectorRegistry, state: str) -> float | None:
    return registry.get_sample_value("anomaly_sidecar_series", {"anomaly_name": "q", "state": state})


def test_the_counts_of_now_come_from_the_snapshot(
    registry: CollectorRegistry, board: Board, make_result: MakeResult
) -> None:
    board.configure(["q"], 300)
    board.publish(make_result("q", AT - 300, ["a", "b"]))
    dropped = {"anomaly_name": "q", "reason": "max_series"}

    assert [series(registry, state) for state in ("ok", "warming", "no_data", "stale", "error")] == [2, 2, 0, 0, 0]
    assert registry.get_sample_value("anomaly_sidecar_series_dropped", dropped) == 3
    last = registry.get_sample_value("anomaly_sidecar_last_evaluation_timestamp_seconds", {"anomaly_name": "q"})
    assert last == AT - 300


def test_series_of_an_expired_result_are_stale(
    registry: CollectorRegistry, board: Board, make_result: MakeResult
) -> None:
    board.configure(["q"], 300)
    board.publish(make_result("q", AT - 301, ["a", "b"]))

    assert (series(registry, "ok"), series(registry, "stale")) == (0, 2)


def test_a_query_without_result_is_counted_at_zero(registry: CollectorRegistry, board: Board) -> None:
    board.configure(["q"], 300)

    assert series(registry, "ok") == 0
    last = registry.get_sample_value("anomaly_sidecar_last_evaluation_timestamp_seconds", {"anomaly_name": "q"})
    assert last == 0


def exported_names(registry: CollectorRegistry) -> set[str]:
    """The names as they stand after `# TYPE` in the text format."""
    return set(re.findall(r"^# TYPE (\S+)", registry_text(registry, Format.TEXT).decode(), re.MULTILINE))


@pytest.mark.usefixtures("telemetry", "board")
def test_every_metric_is_documented_and_nothing_else(registry: CollectorRegistry) -> None:
    register_process_metrics(registry)
    documented = set(re.findall(r"`((?:anomaly|process|python)_\w+)`", REFERENCE.read_text()))

    assert documented - {"anomaly_name", "python_version"} == exported_names(registry) | set(GAUGES)


def documented_rows() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(anomaly_sidecar_\w+)` \| (\w+) \| ([^|]*)\|", REFERENCE.read_text(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_types_and_labels_are_as_documented(
    registry: CollectorRegistry, telemetry: Telemetry, board: Board, make_result: MakeResult
) -> None:
    telemetry.declare(["q"])
    telemetry.describe("q", "cores", "")
    board.configure(["q"], 300)
    board.publish(make_result("q", AT, ["a"]))
    rows, families = documented_rows(), list(registry.collect())

    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert rows[name] == (family.type, labels), name
    assert len(rows) == len(families)


def test_process_metrics_are_on_the_registry_given(registry: CollectorRegistry) -> None:
    register_process_metrics(registry)

    assert {"process_cpu_seconds_total", "python_info", "python_gc_collections_total"} <= exported_names(registry)
