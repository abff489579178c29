"""A thousand edits of the configuration: the last valid one runs, nothing is lost or done twice, nothing leaks."""

import os
import random
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from sidecar import service
from sidecar.app import Sidecar, WebOptions
from sidecar.config.connection import PrometheusConfig
from sidecar.config.load import load
from sidecar.demo.config import EPOCH
from sidecar.demo.series import HOSTS
from sidecar.demo.server import serve as serve_source
from sidecar.execution.local import LocalExecutor
from sidecar.loop.evaluator import Evaluator
from tests.loop.manual_clock import ManualClock
from tests.prometheus.raw_server import Connection, http, raw_server
from tests.real.processes import DEADLINE, wait_until
from tests.real.sidecar import SidecarProcess

EDITS = 1000
EDITS_A_TICK = 20
WAYS = ("signal", "http", "file")
STEP = 300
MOST_CONNECTIONS = PrometheusConfig.model_fields["max_concurrent_requests"].default

HEAD = "prometheus: {{url: {url}, timeout: 5s}}\nevaluation_interval: 5m\noffset: 0s\nstaleness: 1h\nqueries:\n"
QUERY = (
    "  - {{name: {name}, expr: '{expr}', labels: {{edit: '{edit}'}},"
    " step: 5m, fit_window: 1d, fit_every: 1d, min_history: 4h}}\n"
)
BROKEN = ["queries: 7\n", "{", "", "prometheus: {url: ftp://x}\n", "\x00", "- a\n", "prometheus: {}\nqueries: [{}]\n"]
STEADY = QUERY.format(name="steady", expr="instance:node_cpu_utilisation:rate5m", edit="never")
AWAY = "http://127.0.0.1:9"


def edited(url: str, number: int, choices: random.Random) -> str:
    """A valid configuration whose first query is always the same."""
    names = choices.sample(["one", "two", "three"], choices.randrange(4))
    return (
        HEAD.format(url=url)
        + STEADY
        + "".join(QUERY.format(name=name, expr="unknown_here", edit=number) for name in names)
    )


def edits(url: str, first: str, choices: random.Random) -> Iterator[str]:
    """Valid and broken configurations; now and then one that takes the last one back."""
    past = [first, first]
    for number in range(1, EDITS + 1):
        fresh = edited(url, number, choices) if choices.random() < 0.5 else choices.choice(BROKEN)
        past = [past[-1], past[-2] if choices.random() < 0.2 else fresh]
        yield past[-1]


def queries(text: str) -> set[str]:
    return {line.split("name: ")[1].split(",")[0] for line in text.splitlines() if "name: " in line}


@dataclass
class ConfigMap:
    """A volume as the kubelet keeps it: the file is a link into `..data`, which is a link that is replaced."""

    directory: Path
    generation: int = 0

    @property
    def file(self) -> Path:
        return self.directory / "config.yaml"

    def create(self, text: str) -> None:
        self.directory.mkdir()
        self.file.symlink_to("..data/config.yaml")
        self.put(text)

    def put(self, text: str) -> None:
        self.generation += 1
        made = self.directory / f"..{self.generation}"
        made.mkdir()
        (made / "config.yaml").write_text(text)
        link = self.directory / "..data_tmp"
        link.symlink_to(made.name)
        link.replace(self.directory / "..data")
        shutil.rmtree(self.directory / f"..{self.generation - 1}", ignore_errors=True)


class Turns(service.Signals):
    """Signals that are waited for until one comes, or until a test says that the time is over."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = threading.Semaphore(0)

    def wait(self, seconds: float) -> None:
        assert seconds == service.POLL_SECONDS
        self._begun.release()
        super().wait(DEADLINE)

    def time_is_over(self) -> None:
        self._any.set()

    def join(self) -> None:
        """Wait until what was to be done is done, and the next wait has begun."""
        assert self._begun.acquire(timeout=DEADLINE)


@dataclass
class Running:
    """A sidecar in this process whose configuration is in a volume, and the three ways to have it read."""

    sidecar: Sidecar
    volume: ConfigMap
    turns: Turns
    taken: Counter[str] = field(default_factory=Counter)

    def edit(self, text: str, way: str) -> None:
        """Change the file, and wait until that was taken up."""
        self.volume.put(text)
        self.taken[way] += 1
        {"signal": self._by_signal, "http": self._by_http, "file": self._by_file}[way]()

    def _by_signal(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        self.turns.join()

    def _by_http(self) -> None:
        answer = requests.post(f"{self.sidecar.server.url}/-/reload", timeout=DEADLINE)
        assert answer.ok == self.successful

    def _by_file(self) -> None:
        """Nobody tells: the file is looked at when its time has come."""
        self.turns.time_is_over()
        self.turns.join()

    @property
    def queries(self) -> set[str]:
        return set(self.sidecar.board.snapshot.queries)

    @property
    def successful(self) -> bool:
        [value] = self._metrics(r"anomaly_sidecar_config_last_reload_successful (\S+)")
        return float(value) == 1

    @property
    def scored(self) -> list[str]:
        """The series of the query that stays, as often as they are exported."""
        return self._metrics(r'anomaly_score{anomaly_name="steady".*instance="(.+?)"')

    @property
    def failed(self) -> float:
        """Evaluations of the query that stays."""
        [value] = self._metrics(r'anomaly_sidecar_evaluation_failures_total{anomaly_name="steady"} (\S+)')
        return float(value)

    @property
    def told_of(self) -> set[str]:
        """The queries that the sidecar's own metrics name."""
        return set(self._metrics(r'anomaly_sidecar_.*{anomaly_name="(.+?)"'))

    def _metrics(self, pattern: str) -> list[str]:
        text = requests.get(f"{self.sidecar.server.url}/metrics", timeout=DEADLINE).text
        return re.findall(f"^{pattern}", text, re.MULTILINE)


@contextmanager
def running(directory: Path, text: str, clock: ManualClock) -> Iterator[Running]:
    """Run what `sidecar run` runs, with a clock and a poll interval that the test moves on."""
    volume, turns = ConfigMap(directory / "volume"), Turns()
    volume.create(text)
    files = service.WatchedFiles(volume.file)
    web = WebOptions(listen_address="127.0.0.1:0", enable_lifecycle=True)
    sidecar = Sidecar(files.read, web, clock, LocalExecutor())
    watch = threading.Thread(target=service._reload_until_stopped, args=(sidecar, files, turns))
    with turns.handled():
        sidecar.start()
        watch.start()
        try:
            turns.join()
            wait_until(lambda: sidecar.not_ready() is None, "the first evaluations")
            yield Running(sidecar, volume, turns)
        finally:
            turns.stop.set()
            turns.time_is_over()
            watch.join()
            sidecar.stop()


def test_a_thousand_random_edits(tmp_path: Path) -> None:
    """By signal, by HTTP and by the file alone; time goes on in the middle of some."""
    choices, clock = random.Random(1), ManualClock(EPOCH)  # noqa: S311
    with serve_source(clock.now, EPOCH) as url, running(tmp_path, last := edited(url, 0, choices), clock) as run:
        sidecar, expected = run.sidecar, load(run.volume.file)
        assert run.successful  # the first scrape starts the thread that renders all of them
        steady, before = sidecar._scheduler.loops["steady"], held()
        evaluated = counted(steady.evaluator)
        for number, text in enumerate(edits(url, last, choices), 1):
            clock.time += 0 if number % EDITS_A_TICK else STEP
            run.edit(text, choices.choice(WAYS))
            if text not in BROKEN:
                last, expected = text, load(run.volume.file)
            assert run.successful == (text not in BROKEN)
            assert run.queries == queries(last)
            assert sidecar._config == expected
            assert sidecar._scheduler.loops["steady"] is steady
            if number % EDITS_A_TICK == 0:
                wait_until(lambda: sidecar.board.snapshot.results["steady"].at == clock.time, "the tick")
                assert sorted(run.scored) == sorted(host.name for host in HOSTS)
        assert evaluated == dict.fromkeys((EPOCH + i * STEP for i in range(1, EDITS // EDITS_A_TICK + 1)), 1)
        assert min(run.taken[way] for way in WAYS) > 300
        wait_until(lambda: loops() == sorted(queries(last)), "the loops of former configurations to end")
        wait_until(lambda: sidecar.not_ready() is None, "every query to be evaluated")
        wait_until(lambda: run.told_of == queries(last), "the metrics of former queries to go")
        wait_until(lambda: no_more(held(), before), "threads and descriptors to be let go")
        assert connections() <= MOST_CONNECTIONS


def test_connections_as_they_were_to_be_made_formerly_are_closed(tmp_path: Path) -> None:
    clock = ManualClock(EPOCH)
    with serve_source(clock.now, EPOCH) as url:
        slower, faster = (HEAD.format(url=url).replace("5s", timeout) + STEADY for timeout in ("8s", "6s"))
        with running(tmp_path, slower, clock) as run:
            clients = [run.sidecar._client]  # kept, or else it might be the garbage collection that closes them
            for number in range(40):
                run.edit((faster, slower)[number % 2], WAYS[number % 3])
                clients.append(run.sidecar._client)
            wait_until(lambda: len(loops()) == 1, "former loops to end")
            wait_until(lambda: connections() <= 1, "their connections to be closed")
            assert len(set(clients)) == 41
            assert run.failed == 0, "evaluations that were given up are no failures"


def test_an_edit_that_was_loaded_over_http_is_taken_back_before_the_file_is_looked_at(tmp_path: Path) -> None:
    former, edit = (HEAD.format(url=AWAY) + QUERY.format(name=name, expr="up", edit=0) for name in ("one", "two"))
    with running(tmp_path, former, ManualClock(EPOCH)) as run:
        run.edit(edit, "http")
        assert run.queries == {"two"}
        run.edit(former, "file")
        assert run.queries == {"one"}


def test_a_query_that_goes_in_the_middle_of_its_evaluation_leaves_no_metrics(tmp_path: Path) -> None:
    answered = threading.Event()

    def refuses(connection: Connection) -> None:
        assert answered.wait(DEADLINE)
        http(400, "no")(connection)

    with raw_server(refuses) as source:
        gone, stays = (HEAD.format(url=source.url) + QUERY.format(name=name, expr="up", edit=0) for name in "ab")
        answered.set()
        clock = ManualClock(EPOCH)
        with running(tmp_path, gone, clock) as run:
            answered.clear()
            begun = len(source.seen)
            clock.time += STEP
            wait_until(lambda: len(source.seen) > begun, "a request in flight")
            run.edit(stays, "http")
            answered.set()
            wait_until(lambda: loops() == ["b"], "the evaluation to end")
            assert run.told_of == {"b"}


def connections() -> int:
    """Those to the source, which has a thread for each."""
    return sum("process_request" in thread.name for thread in threading.enumerate())


def held() -> tuple[int, int]:
    """Threads and descriptors, without those that the two ends of a connection to the source have."""
    kept = connections()
    return threading.active_count() - kept, len(list(Path("/proc/self/fd").iterdir())) - 2 * kept


def no_more(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """Whether nothing is held beyond what three more queries take."""
    return now[0] <= before[0] + 3 and now[1] <= before[1]


def counted(evaluator: Evaluator) -> Counter[float]:
    """How often each slot is evaluated from now on."""
    evaluated, evaluate = Counter[float](), evaluator.evaluate

    def counts(at: float) -> None:
        evaluated[at] += 1
        evaluate(at)

    evaluator.evaluate = counts  # type: ignore[method-assign]
    return evaluated


def loops() -> list[str]:
    """The queries whose loops go on, in order."""
    names = (thread.name for thread in threading.enumerate())
    return sorted(name.removeprefix("query-") for name in names if name.startswith("query-"))


def configured(process: SidecarProcess) -> set[str]:
    return queries(requests.get(f"{process.url}/config", timeout=5).text.replace("\n  expr", ", expr"))


def descriptors(process: SidecarProcess) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def threads(process: SidecarProcess) -> int:
    return len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def test_by_signal_by_http_and_by_a_swapped_link_of_a_config_map(
    sidecar: Callable[..., SidecarProcess], tmp_path: Path
) -> None:
    """The process itself, which looks at the file when it always does."""
    choices = random.Random(2)  # noqa: S311
    process = sidecar(edited(AWAY, 0, choices), "--web.enable-lifecycle", ready="/-/healthy")
    volume = ConfigMap(tmp_path / "volume")
    volume.create(process.config.read_text())
    process.config.unlink()
    process.config.symlink_to(volume.file)
    wait_until(lambda: requests.get(f"{process.url}/-/ready", timeout=5).ok, "every query to be attempted")
    before = threads(process) + 3, descriptors(process)
    last = queries(process.config.read_text())
    for number in range(1, 41):
        valid = choices.random() < 0.6
        text = edited(AWAY, number, choices) if valid else choices.choice(BROKEN)
        volume.put(text)
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
