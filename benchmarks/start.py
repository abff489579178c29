"""How soon the sidecar answers: python -m benchmarks.start [--python=PATH] [--runs=9].

Seconds from the start of the process until `/metrics` and `/-/ready` are answered, as nothing is there to evaluate
yet. The yardstick is a bare start of the same interpreter that imports the libraries that it is made of. `--python` is
an interpreter with nothing but the product installed: with the development tools beside them, libraries find and
import more.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from tests.real.processes import free_port

CONFIG = """\
prometheus: {url: "http://127.0.0.1:9"}
queries: [{name: cpu, expr: cpu}]
"""
LIBRARIES = "import click, fastapi, numpy, prometheus_client, requests, structlog, uvicorn, yaml"


def bare(python: str) -> float:
    """Seconds that the libraries alone take."""
    begin = time.perf_counter()
    subprocess.run([python, "-c", LIBRARIES], check=True)
    return time.perf_counter() - begin


def served(python: str, config: Path) -> tuple[float, float]:
    """Seconds until `/metrics` has its text, and until `/-/ready` says why it is not."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    flags = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    begin = time.perf_counter()
    process = subprocess.Popen([python, "-m", "sidecar", "run", *flags], stderr=subprocess.DEVNULL)
    try:
        while not listened(port):
            time.sleep(0.005)
        requests.get(f"{url}/metrics", timeout=5).raise_for_status()
        metrics = time.perf_counter() - begin
        requests.get(f"{url}/-/ready", timeout=5)
        return metrics, time.perf_counter() - begin
    finally:
        process.kill()
        process.wait()


def listened(port: int) -> bool:
    """Whether the port is open by now; asked in the cheapest way, or the start would share its core with the asking."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--runs", type=int, default=9)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config.yaml"
        config.write_text(CONFIG)
        served(chosen.python, config)  # the first one finds nothing in the cache of the disk
        yardstick = [bare(chosen.python) for _ in range(chosen.runs)]
        metrics, ready = zip(*(served(chosen.python, config) for _ in range(chosen.runs)), strict=True)
    print(f"libraries alone  {statistics.median(yardstick):.2f} s, at most {max(yardstick):.2f} s")
    for name, seconds in (("/metrics", metrics), ("/-/ready", ready)):
        median = statistics.median(seconds)
        ratio = median / statistics.median(yardstick)
        print(f"{name:<16} {median:.2f} s, at most {max(seconds):.2f} s; {ratio:.1f} times as long as the libraries")


if __name__ == "__main__":
    main()
