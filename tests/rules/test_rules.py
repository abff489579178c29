"""The rules as promtool and amtool see them, and what must hold between rules, their tests and the runbook."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real.binaries import binary

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted((ROOT / "rules").glob("*.rules.yaml"))
TEST_FILES = sorted((ROOT / "tests/rules").glob("*.test.yaml"))
EXAMPLE = ROOT / "rules/alertmanager.example.yaml"
RUNBOOK = "https://github.com/prometheus-anomaly-sidecar/prometheus-anomaly-sidecar/blob/main/docs/runbook.md"


def rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def expectations() -> Iterator[dict[str, Any]]:
    for file in TEST_FILES:
        for group in yaml.safe_load(file.read_text())["tests"]:
            yield from group.get("alert_rule_test", [])


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real
def test_promtool_accepts_the_rules() -> None:
    run(binary("PROMTOOL_BIN"), "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.real
def test_every_alert_and_recording_is_as_its_test_says() -> None:
    run(binary("PROMTOOL_BIN"), "test", "rules", *TEST_FILES)


def test_every_alert_is_shown_silent_and_firing() -> None:
    shown = [(each["alertname"], bool(each["exp_alerts"])) for each in expectations()]
    assert {name for name, firing in shown if firing} == {name for name, firing in shown if not firing} == set(alerts())


def test_every_alert_has_the_labels_and_annotations_of_the_conventions() -> None:
    for name, alert in alerts().items():
        assert re.fullmatch("([A-Z][a-z]+)+", name)
        assert alert["for"] != "0s"
        assert {"summary", "description", "runbook_url"} <= set(alert["annotations"]), name
        assert set(alert["labels"]) == {"severity"}
        assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}#{name.lower()}"


def test_only_wide_or_long_anomalies_page() -> None:
    critical = {name for name, alert in alerts().items() if "critical" in alert["labels"]["severity"]}
    assert critical == {"AnomalyInWorkload", "AnomalyPersists", "AnomalyWidespread"}


def test_recordings_are_named_level_metric_operations() -> None:
    recorded = {"anomaly_flag": "avg", "anomaly_sidecar_alarms_per_budget": "ratio_rate7d"}
    for rule in rules():
        if record := rule.get("record"):
            level, metric, operation = record.split(":")
            assert {"_".join(labels.split(", ")) for labels in re.findall(r"by \((.*?)\)", rule["expr"])} == {level}
            assert operation == recorded[metric]


def test_the_runbook_has_an_entry_per_alert_in_the_order_of_the_rules() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert headings == list(alerts())


@pytest.mark.real
def test_amtool_accepts_the_example() -> None:
    run(binary("AMTOOL_BIN"), "check-config", EXAMPLE)


@pytest.mark.real
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("chat", "alertname=AnomalyDetected severity=warning anomaly_name=pod_cpu namespace=shop workload=api"),
        ("chat", "alertname=AnomalySeriesVanished severity=warning anomaly_name=pod_cpu"),
        ("pager", "alertname=AnomalyDetected severity=critical anomaly_name=pod_cpu"),
        ("pager", "alertname=AnomalyPersists severity=critical anomaly_name=node_cpu instance=a"),
        ("pager", "alertname=AnomalyInWorkload severity=critical anomaly_name=pod_cpu workload=api"),
        ("pager", "alertname=AnomalyWidespread severity=critical anomaly_name=pod_cpu"),
        ("monitoring-team", "alertname=AnomalySidecarResultsStale severity=warning anomaly_name=pod_cpu"),
        ("monitoring-team", "alertname=AnomalySidecarDown severity=warning job=sidecar"),
        ("everything-else", "alertname=KubePodCrashLooping severity=critical namespace=shop"),
    ],
)
def test_the_example_routes(receiver: str, labels: str) -> None:
    amtool = binary("AMTOOL_BIN")
    run(
        amtool,
        "config",
        "routes",
        "test",
        f"--config.file={EXAMPLE}",
        f"--verify.receivers={receiver}",
        *labels.split(),
    )


def test_the_example_names_no_alert_that_does_not_exist() -> None:
    config = yaml.safe_load(EXAMPLE.read_text())
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            pattern = re.fullmatch(r'alertname=~?"(.+)"', matcher)
            assert pattern is not None
            named = re.fullmatch(r"(\w+)\((.+)\)", pattern[1])
            names = {named[1] + end for end in named[2].split("|")} if named else {pattern[1]}
            assert names <= set(alerts())
