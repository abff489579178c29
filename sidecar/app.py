"""The composition root: builds the parts, starts them, reloads them, stops them."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from sidecar import __version__
from sidecar.config.problems import ConfigError
from sidecar.config.redact import redacted
from sidecar.config.schema import Config, PrometheusConfig, QueryConfig
from sidecar.detection.review import Case
from sidecar.export.board import Board
from sidecar.export.exposition import Exposition
from sidecar.export.telemetry import ResultsCollector, Telemetry, register_process_metrics
from sidecar.loop.clock import Clock, Slots
from sidecar.loop.evaluator import Evaluator, Surroundings
from sidecar.loop.scheduler import QueryLoop, Scheduler
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.frame import LabelSet
from sidecar.web.access import PROBES, Access, guarded
from sidecar.web.app import create_app
from sidecar.web.backend import Backend
from sidecar.web.server import HttpServer

log = structlog.get_logger()

ASKED = ("expr", "step", "labels", "unit")
"""What a query asks for, and by what its results go: where one of these changes, they are of another question."""

STOP_SECONDS = 1.0
"""How long a stop waits for evaluations under way: what hangs in a request ends with the process."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """How the HTTP server is to be run; each is the flag of that name."""

    listen_address: str = ":9847"
    route_prefix: str = "/"
    external_url: str = ""
    enable_lifecycle: bool = False
    disable_api: bool = False
    config_file: Path | None = None
    open_probes: bool = False


class Sidecar:
    """The running product.

    Args:
        read_config: reads the configuration; called at the start and at every reload.
        web: how the HTTP server is to be run.
        clock: where time comes from.
        executor: where fits run; shut down at the stop.

    Raises:
        ConfigError: the configuration or the web-config is not valid.
    """

    def __init__(self, read_config: Callable[[], Config], web: WebOptions, clock: Clock, executor: Executor) -> None:
        self._read_config = read_config
        self._clock = clock
        self._executor = executor
        self._external_url = web.external_url
        self._changing = threading.Lock()
        self._scheduler = Scheduler()
        self._client: PrometheusClient | None = None
        self._config = read_config()
        self.board = Board()
        registry = CollectorRegistry()
        self._telemetry = Telemetry(registry, __version__)
        registry.register(ResultsCollector(self.board, clock.now))
        register_process_metrics(registry)
        backend = Backend(
            exposition=Exposition(self.board, registry, clock.now),
            snapshot=lambda: self.board.snapshot,
            clock=clock.now,
            not_ready=self.not_ready,
            config=lambda: redacted(self._config),
            queries=lambda: {query.name: query for query in self._config.queries},
            case=self._case,
            reload=self.reload,
            telemetry=self._telemetry,
        )
        prefix = web.route_prefix.strip("/")
        probes = tuple(f"/{prefix}{probe}" if prefix else probe for probe in PROBES)
        self.access = Access(web.config_file, probes if web.open_probes else ())
        app = create_app(
            backend,
            version=__version__,
            route_prefix=web.route_prefix,
            enable_lifecycle=web.enable_lifecycle,
            disable_api=web.disable_api,
        )
        self.server = HttpServer(guarded(app, self.access), web.listen_address, self.access.listening())

    def start(self) -> None:
        """Serves and evaluates.

        Raises:
            ListenError: the address cannot be listened on.
        """
        self.server.start()
        log.info("listening", url=self.server.url, version=__version__)
        with self._changing:
            self._apply(self._config)

    def reload(self) -> str | None:
        """Reads the configuration anew and changes over to it; why not, where it is not valid and the old one stays."""
        with self._changing:
            try:
                config = self._read_config()
                self.access.reload()
            except ConfigError as error:
                self._telemetry.config_last_reload_successful.set(0)
                log.error("configuration not reloaded, the old one stays", error=str(error))
                return str(error)
            self._apply(config)
            log.info("configuration reloaded", queries=len(config.queries))
            return None

    def not_ready(self) -> str | None:
        """Why the sidecar is not ready; None once every query was attempted."""
        snapshot = self.board.snapshot
        if not snapshot.configured:
            return "starting"
        names = snapshot.unattempted
        return f"not evaluated yet: {', '.join(names)}" if names else None

    def stop(self) -> None:
        """Stops within about three seconds, whatever is in flight."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._scheduler.stop_others({})  # first, or what is cut off would be told as a failure
        if self._client:
            self._client.close()
        self._scheduler.stop(STOP_SECONDS)
        self.server.stop()

    def _case(self, query: str, labels: LabelSet) -> Case | None:
        loop = self._scheduler.loops.get(query)
        return loop.evaluator.case(labels) if loop else None

    def _apply(self, config: Config) -> None:
        """Changes over to a configuration: queries that are the same in it go on undisturbed."""
        names = [query.name for query in config.queries]
        before = self._client
        source = self._source(config.prometheus)
        around = Surroundings(source, self._executor, self.board, self._telemetry, config.evaluation_interval)
        loops = {query.name: self._loop(query, config, around) for query in config.queries}
        self._scheduler.stop_others(loops)  # first, or what they find would be shown again
        self._telemetry.forget(set(self.board.snapshot.queries) - set(names))
        self._telemetry.declare(names)
        for query in config.queries:
            self._telemetry.describe(query.name, query.unit, self._external_url)
            self._telemetry.alarm_budget_per_second.labels(query.name).set(query.alarm_budget.per_second)
        self.board.configure(names, config.staleness, asked_anew(self._config.queries, config.queries))
        self._scheduler.start(loops)
        if before is not None and before is not source:
            before.close()
        self._config = config
        self._telemetry.config_last_reload_successful.set(1)
        self._telemetry.config_last_reload_success_timestamp_seconds.set(self._clock.now())

    def _source(self, prometheus: PrometheusConfig) -> PrometheusClient:
        if self._client is None or prometheus != self._config.prometheus:
            self._client = PrometheusClient(prometheus)
        return self._client

    def _loop(self, query: QueryConfig, config: Config, around: Surroundings) -> QueryLoop:
        key = (query, config.prometheus, config.offset, config.evaluation_interval, config.timezone)
        running = self._scheduler.loops.get(query.name)
        if running is not None and running.key == key:
            return running
        evaluator = Evaluator(query, config.offset, config.timezone, around)
        slots = Slots(config.evaluation_interval)
        return QueryLoop(key, evaluator, slots, self._clock, self._telemetry, ended=self._ended)

    def _ended(self, query: str) -> None:
        """Removes what the last evaluation of a query counted that is no longer configured."""
        with self._changing:
            if query not in self._scheduler.loops:
                self._telemetry.forget([query])


def asked_anew(before: Iterable[QueryConfig], after: Iterable[QueryConfig]) -> set[str]:
    """The queries of which a result of before does not answer what is asked after."""
    known = {query.name: query for query in before}
    return {
        query.name
        for query in after
        if query.name in known and any(getattr(known[query.name], key) != getattr(query, key) for key in ASKED)
    }
