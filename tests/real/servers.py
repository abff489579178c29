"""Prometheus, VictoriaMetrics, Alertmanager and node_exporter, each as a test wants it."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.real.binaries import binary
from tests.real.processes import Server, free_port, wait_until

Sample = tuple[Mapping[str, str], int, float]
"""Labels, unix seconds, value."""


def openmetrics(**metrics: Iterable[Sample]) -> str:
    """History for a Prometheus: the samples of gauges, by their name, as OpenMetrics text."""
    lines: list[str] = []
    for metric, samples in metrics.items():
        lines.append(f"# TYPE {metric} gauge")
        for labels, time, value in samples:
            text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
            lines.append(f"{metric}{{{text}}} {value!r} {time}")
    return "\n".join([*lines, "# EOF\n"])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class PrometheusServer(Server):
    """A real Prometheus; what it scrapes and evaluates, and the history it begins with, is given.

    `history` is OpenMetrics text; `web` is its web-config, for TLS and basic authentication; `settings` are further
    sections of its configuration.
    """

    def __init__(
        self,
        directory: Path,
        history: str = "",
        *,
        scrape_configs: Sequence[Mapping[str, Any]] = (),
        rule_files: Sequence[Path] = (),
        alertmanager: str | None = None,
        interval: str = "1s",
        flags: Sequence[str] = (),
        web: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        directory.mkdir(parents=True)
        data = directory / "data"
        if history:
            _lay_history(directory / "history.om", history, data)
        config: dict[str, Any] = {
            "global": {"scrape_interval": interval, "evaluation_interval": interval, "scrape_timeout": interval},
            "scrape_configs": [dict(scrape) for scrape in scrape_configs],
            "rule_files": [str(path) for path in rule_files],
            **(settings or {}),
        }
        if alertmanager is not None:
            target = {"targets": [alertmanager.removeprefix("http://")]}
            config["alerting"] = {"alertmanagers": [{"static_configs": [target]}]}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        port = free_port()
        command = [
            binary("PROMETHEUS_BIN"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=20y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            *flags,
        ]
        super().__init__(command, port, "/-/ready", directory / "prometheus.log")
        if web is not None:
            (directory / "web.yml").write_text(yaml.safe_dump(dict(web)))
            command.append(f"--web.config.file={directory / 'web.yml'}")
            self.url = self.url.replace("http://", "https://" if "tls_server_config" in web else "http://")
            self._ready = ""  # it lets in no one without credentials

    def _is_ready(self) -> bool:
        if self._ready:
            return super()._is_ready()
        return b"Server is ready to receive web requests" in self.log.read_bytes()

    def wait_for(self, expr: str) -> list[dict[str, Any]]:
        """Wait until an instant query has a result, and return it."""
        wait_until(lambda: bool(self.query(expr)), f"{expr} to have a result")
        return self.query(expr)

    def query(self, expr: str, time: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query, as the API gives it."""
        form = {"query": expr} | ({} if time is None else {"time": str(time)})
        answer = requests.post(f"{self.url}/api/v1/query", data=form, timeout=10)
        answer.raise_for_status()
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result


class VictoriaMetrics(Server):
    """A real VictoriaMetrics with a history, given as to `PrometheusServer`."""

    def __init__(self, directory: Path, history: str) -> None:
        directory.mkdir(parents=True)
        port = free_port()
        command = [
            binary("VICTORIA_METRICS_BIN"),
            f"-storageDataPath={directory / 'data'}",
            "-retentionPeriod=20y",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-search.latencyOffset=0s",
        ]
        super().__init__(command, port, "/health", directory / "victoria-metrics.log")
        self._history = history

    def start(self) -> None:
        """Start the process and give it the history, with its times in milliseconds."""
        super().start()
        samples = (line.rsplit(" ", 1) for line in self._history.splitlines() if not line.startswith("#"))
        body = "\n".join(f"{sample} {1000 * int(at)}" for sample, at in samples)
        requests.post(f"{self.url}/api/v1/import/prometheus", data=body.encode(), timeout=30).raise_for_status()
        requests.get(f"{self.url}/internal/force_flush", timeout=30).raise_for_status()


class AlertmanagerServer(Server):
    """A real Alertmanager; with a webhook, every alert is sent there at once."""

    def __init__(self, directory: Path, webhook: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        directory.mkdir(parents=True)
        receiver = {"name": "test", "webhook_configs": [{"url": webhook}] if webhook else []}
        timing = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
        chosen = config or {"route": {"receiver": "test", "group_by": ["..."], **timing}, "receivers": [receiver]}
        (directory / "alertmanager.yml").write_text(yaml.safe_dump(dict(chosen)))
        port = free_port()
        command = [
            binary("ALERTMANAGER_BIN"),
            f"--config.file={directory / 'alertmanager.yml'}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__(command, port, "/-/ready", directory / "alertmanager.log")

    def alerts(self) -> list[dict[str, Any]]:
        """The active alerts, as the API gives them."""
        answer = requests.get(f"{self.url}/api/v2/alerts", timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found


class NodeExporter(Server):
    """A real node_exporter, of this host's CPU."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        port = free_port()
        flags = [f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", "--collector.cpu"]
        super().__init__([binary("NODE_EXPORTER_BIN"), *flags], port, "/metrics", directory / "node_exporter.log")


def _lay_history(source: Path, text: str, data: Path) -> None:
    source.write_text(text)
    command = [binary("PROMTOOL_BIN"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h"]
    done = subprocess.run([*command, str(source), str(data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"promtool: {done.stdout}{done.stderr}"
