"""A thousand edits of the configuration: the last valid one runs, nothing is lost or done twice, nothing leaks."""

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import requests

from sidecar import service
from sidecar.app import Sidecar, WebOptions
from sidecar.config.load import load
from sidecar.demo.config import EPOCH
from sidecar.demo.server import serve as serve_source
from sidecar.execution.local import LocalExecutor
from tests.loop.manual_clock import ManualClock
from tests.real.processes import wait_until
from tests.real.sidecar import SidecarProcess

EDITS = 1000
STEP = 300

HEAD = "prometheus: {{url: {url}, timeout: 5s}}\nevaluation_interval: 5m\noffset: 0s\nstaleness: 1h\nqueries:\n"
QUERY = (
    "  - {{name: {name}, expr: '{expr}', labels: {{edit: '{edit}'}},"
    " step: 5m, fit_window: 1d, fit_every: 1d, min_history: 4h}}\n"
)
BROKEN = ["queries: 7\n", "{", "", "prometheus: {url: ftp://x}\n", "\x00", "- a\n", "prometheus: {}\nqueries: [{}]\n"]
STEADY = QUERY.format(name="steady", expr="instance:node_cpu_utilisation:rate5m", edit="never")


def edited(url: str, number: int, choices: random.Random) -> str:
    """A valid configuration whose first query is always the same."""
    names = choices.sample(["one", "two", "three"], choices.randrange(4))
    return (
        HEAD.format(url=url)
        + STEADY
        + "".join(QUERY.format(name=name, expr="unknown_here", edit=number) for name in names)
    )


def queries(text: str) -> set[str]:
    return {line.split("name: ")[1].split(",")[0] for line in text.splitlines() if "name: " in line}


def test_a_thousand_random_edits(tmp_path: Path) -> None:
    choices, clock, file = random.Random(1), ManualClock(EPOCH), tmp_path / "config.yaml"  # noqa: S311
    with serve_source(clock.now, EPOCH) as url:
        last = edited(url, 0, choices)
        file.write_text(last)
        expected = load(file)
        sidecar = Sidecar(lambda: load(file), WebOptions(listen_address="127.0.0.1:0"), clock, LocalExecutor())
        evaluated: Counter[float] = Counter()
        sidecar.start()
        try:
            wait_until(lambda: sidecar.not_ready() is None, "the first evaluations")
            steady = sidecar._scheduler.loops["steady"]
            count(steady.evaluator, evaluated)
            base = ours()
            for number in range(1, EDITS + 1):
                valid = choices.random() < 0.5
                text = edited(url, number, choices) if valid else choices.choice(BROKEN)
                file.write_text(text)
                refused = sidecar.reload()
                assert (refused is None) == valid
                if valid:
                    last, expected = text, load(file)
                assert set(sidecar.board.snapshot.queries) == queries(last)
                assert sidecar._config == expected
                assert sidecar._scheduler.loops["steady"] is steady
                if number % 100 == 0:
                    clock.time += STEP
                    at = clock.time
                    wait_until(lambda: sidecar.board.snapshot.results["steady"].at == at, "the tick")  # noqa: B023
            assert evaluated == dict.fromkeys((EPOCH + i * STEP for i in range(1, EDITS // 100 + 1)), 1)
            wait_until(lambda: loops() == queries(last), "the loops of former configurations to end")
            wait_until(lambda: sidecar.not_ready() is None, "every query to be evaluated")
            wait_until(lambda: len(ours()) <= len(base) + 3, "threads to end")
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            assert descriptors <= 40, "connections to the source are kept open, but no more than it is asked at once"
        finally:
            sidecar.stop()


def ours() -> list[str]:
    """Threads, without those of the source, which has one for each connection that is kept open."""
    return [thread.name for thread in threading.enumerate() if "process_request" not in thread.name]


def count(evaluator: object, evaluated: Counter[float]) -> None:
    evaluate = evaluator.evaluate  # type: ignore[attr-defined]

    def counted(at: float) -> None:
        evaluated[at] += 1
        evaluate(at)

    evaluator.evaluate = counted  # type: ignore[attr-defined]


def loops() -> set[str]:
    return {thread.name.removeprefix("query-") for thread in threading.enumerate() if thread.name.startswith("query-")}


def configured(process: SidecarProcess) -> set[str]:
    return queries(requests.get(f"{process.url}/config", timeout=5).text.replace("\n  expr", ", expr"))


def descriptors(process: SidecarProcess) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def threads(process: SidecarProcess) -> int:
    return len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def test_by_signal_by_http_and_by_a_swapped_link_of_a_config_map(
    sidecar: Callable[..., SidecarProcess], tmp_path: Path
) -> None:
    """As the kubelet does it: the file is a link into `..data`, which is a link that is replaced."""
    choices, away = random.Random(2), "http://127.0.0.1:9"  # noqa: S311
    process = sidecar(edited(away, 0, choices), "--web.enable-lifecycle", ready="/-/healthy")
    volume = tmp_path / "volume"
    volume.mkdir()
    swap(volume, 0, process.config.read_text())
    process.config.unlink()
    process.config.symlink_to(volume / "..data" / "config.yaml")
    wait_until(lambda: requests.get(f"{process.url}/-/ready", timeout=5).ok, "every query to be attempted")
    before = threads(process) + 3, descriptors(process)
    last = queries(process.config.read_text())
    for number in range(1, 41):
        valid = choices.random() < 0.6
        text = edited(away, number, choices) if valid else choices.choice(BROKEN)
        swap(volume, number, text)
        if number % 10 == 0:
            pass  # the file alone tells
        elif number % 2:
            assert requests.post(f"{process.url}/-/reload", timeout=5).ok is valid
        else:
            process.send(signal.SIGHUP)
        last = queries(text) if valid else last
        expected = 1.0 if valid else 0.0
        wait_until(lambda: state(process) == (expected, last), "the edit", 4 * service.POLL_SECONDS)  # noqa: B023
    wait_until(lambda: threads(process) <= before[0], "threads to end")
    assert descriptors(process) <= before[1] + 2


def state(process: SidecarProcess) -> tuple[float, set[str]]:
    [reloaded] = process.samples("anomaly_sidecar_config_last_reload_successful").values()
    return reloaded, configured(process)


def swap(volume: Path, number: int, text: str) -> None:
    generation = volume / f"..{number}"
    generation.mkdir()
    (generation / "config.yaml").write_text(text)
    link = volume / "..data_tmp"
    link.symlink_to(generation.name)
    link.replace(volume / "..data")
