"""Tells of the alarms of a query: what began, what ended and what was suppressed, in counts and log lines."""

import re

import numpy as np
import structlog
from numpy.typing import NDArray

from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.detection.account import Account, accounts
from sidecar.detection.arrays import Bools
from sidecar.detection.watch import Verdicts, Watch
from sidecar.export.telemetry import SUPPRESSION_REASONS, Telemetry
from sidecar.prometheus.frame import LabelSet

MOST_LOGGED = 20
"""New anomalies of one evaluation that get a log line each, and as many that end."""

FACTS = {"score", "value", "expected", "since", "changed", "unusual", "one_in"}
"""What a log line says of an anomaly, beside its labels."""

OF_THE_LOG = {"self", "method_name", "event", "level", "ts", "exc_info", "exception", ANOMALY_NAME, *FACTS}
"""Names of a log line that labels are not to take."""


class Teller:
    """Counts and logs what the alarms of one query do."""

    def __init__(self, query: str, telemetry: Telemetry) -> None:
        self._query = query
        self._telemetry = telemetry
        self._log = structlog.get_logger().bind(anomaly_name=query)

    def count_suppressed(self, verdicts: Verdicts) -> None:
        """Counts the steps whose score raised no flag, by what held it back."""
        for reason, name in SUPPRESSION_REASONS.items():
            steps = int((verdicts.outcome.reason == reason).sum())
            self._telemetry.flags_suppressed.labels(self._query, name).inc(steps)

    def tell_begun(self, watch: Watch, verdicts: Verdicts, rows: NDArray[np.intp]) -> None:
        """Tells of rows of a watch whose alarms have begun, and why."""
        self._telemetry.alarms.labels(self._query).inc(len(rows))
        if not len(rows):
            return
        told = rows[:MOST_LOGGED]
        models, scores = watch.series.models.take(told), verdicts.scores.take(told)
        for row, why in zip(told, accounts(models, scores, watch.settings), strict=True):
            self._log.warning("anomaly", **told_labels(watch.labels[row]) | facts(verdicts, row, why))
        if len(rows) > MOST_LOGGED:
            self._log.warning("further anomalies", series=len(rows) - MOST_LOGGED)

    def tell_ended(self, watch: Watch, ended: Bools) -> None:
        """Tells of rows whose alarms are over, and of lasting changes that are taken for normal from now on."""
        over = np.setdiff1d(np.flatnonzero(ended), watch.adopted)
        self._tell(watch, over, "the anomaly is over", "further anomalies are over")
        self._telemetry.normal_adopted.labels(self._query).inc(len(watch.to_be_told))
        text = "a lasting change is taken for normal from now on"
        self._tell(watch, watch.to_be_told, text, "further lasting changes are taken for normal")

    def _tell(self, watch: Watch, rows: NDArray[np.intp], text: str, further: str) -> None:
        for row in rows[:MOST_LOGGED].tolist():
            self._log.info(text, **told_labels(watch.labels[row]))
        if len(rows) > MOST_LOGGED:
            self._log.info(further, series=len(rows) - MOST_LOGGED)


def told_labels(labels: LabelSet) -> dict[str, object]:
    """The labels as a log line has them: one may have any name, also with spaces, or one that the line needs."""
    told: dict[str, object] = {}
    for label, text in labels:
        name = re.sub(r"[\x00-\x20\x7f=\"]", "_", label)
        while name in OF_THE_LOG or name in told:
            name += "_"
        told[name] = text
    return told


def facts(verdicts: Verdicts, row: int, why: Account | None) -> dict[str, object]:
    """What the log says of a series that was flagged; `why` is None where it has no score, for it vanished."""
    since = int(verdicts.outcome.since[row, -1])
    if why is None:
        return {"since": since, "changed": "vanished"}
    return {
        "score": round(float(verdicts.scores.score[row, -1]), 3),
        "value": float(f"{verdicts.values[row, -1]:.6g}"),
        "expected": float(f"{verdicts.scores.expected[row, -1]:.6g}"),
        "since": since,
        "changed": ", ".join(why.changed),
        "unusual": why.rarest,
        "one_in": float(f"{why.one_in:.2g}"),
    }
