"""What stands behind the routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sidecar.config.schema import QueryConfig
from sidecar.detection.review import Case
from sidecar.export.exposition import Exposition
from sidecar.export.snapshot import Snapshot
from sidecar.export.telemetry import Telemetry
from sidecar.prometheus.frame import LabelSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the routes read and call.

    Attributes:
        exposition: renders `/metrics`.
        snapshot: gives the newest snapshot.
        clock: unix seconds now.
        not_ready: why the sidecar is not ready; None once it is.
        config: gives the text of the effective configuration, without its secrets.
        queries: gives the configured queries by name.
        case: gives what is known of a series, by its query and exported labels; None where it is not watched.
        reload: loads the configuration anew; returns why that failed, None if it did not.
        telemetry: counts the predictions.
    """

    exposition: Exposition
    snapshot: Callable[[], Snapshot]
    clock: Callable[[], float]
    not_ready: Callable[[], str | None]
    config: Callable[[], str]
    queries: Callable[[], Mapping[str, QueryConfig]]
    case: Callable[[str, LabelSet], Case | None]
    reload: Callable[[], str | None]
    telemetry: Telemetry
