"""The sidecar itself as a process, as a user runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.real.processes import Server, free_port, wait_until


class SidecarProcess(Server):
    """`sidecar run` with the configuration given as text; with its coverage measured, if it is to end by itself."""

    def __init__(
        self, directory: Path, config: str, *flags: str, ready: str = "/-/ready", measured: bool = False
    ) -> None:
        directory.mkdir(parents=True)
        self.config = directory / "config.yaml"
        self.config.write_text(config)
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "sidecar",
            "run",
            f"--config.file={self.config}",
            f"--web.listen-address=127.0.0.1:{port}",
            *flags,
        ]
        super().__init__(command, port, ready, directory / "sidecar.log")
        if measured:
            self._environment = os.environ.copy()

    def limit(self, rule: str) -> None:
        """Have a shell set a limit before it starts the process."""
        self._command = ["/bin/bash", "-c", f'{rule}; exec "$@"', "bash", *self._command]

    def run_instead(self, program: str) -> None:
        """Have Python run this in the place of the module, with the same arguments."""
        module = self._command.index("-m")
        self._command = [*self._command[:module], "-c", program, *self._command[module + 2 :]]

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals, timeout: float) -> int:
        """Sends the signal; the exit code, which must come within the timeout."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def resident_bytes(self) -> int:
        [value] = self.samples("process_resident_memory_bytes").values()
        return int(value)

    def steps(self) -> dict[str, float | None]:
        """The newest step that was scored, by query."""
        answer = requests.get(f"{self.url}/api/v1/queries", timeout=10).json()
        return {query["name"]: query["sample_time"] for query in answer["queries"]}

    def verdicts(self) -> dict[tuple[str, str], float]:
        """Scores and flags, by their metric and as in `samples`."""
        gauges = ("anomaly_score", "anomaly_flag")
        return {(gauge, name): value for gauge in gauges for name, value in self.samples(gauge).items()}

    def samples(self, name: str) -> dict[str, float]:
        """The samples of a metric by the value of their `instance`, or of their last label."""
        families = text_string_to_metric_families(requests.get(f"{self.url}/metrics", timeout=10).text)
        return {
            sample.labels.get("instance") or next(reversed(sample.labels.values()), ""): sample.value
            for family in families
            for sample in family.samples
            if sample.name == name
        }


def at_the_same_step(*sidecars: SidecarProcess) -> list[dict[tuple[str, str], float]]:
    """The verdicts of each, read while all of them show the same step."""
    found: list[dict[tuple[str, str], float]] = []

    def read() -> bool:
        step = sidecars[0].steps()
        found[:] = [one.verdicts() for one in sidecars]
        return all(one.steps() == step for one in sidecars)

    wait_until(read, "all to show the same step")
    return found
