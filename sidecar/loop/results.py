"""From the verdicts on a frame to what is published: which series are shown, and why the others are not."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sidecar.detection.outcome import Reason
from sidecar.detection.watch import Verdicts
from sidecar.detection.watched import Watched
from sidecar.export.snapshot import SeriesTable, State
from sidecar.prometheus.frame import LabelSet


def rows_by_state(
    verdicts: Verdicts, present: NDArray[np.bool_], failed: NDArray[np.bool_]
) -> Mapping[State, NDArray[np.intp]]:
    """The series in each state at the newest step; a series that has vanished is in none, unless that is flagged.

    Args:
        verdicts: on the newest steps.
        present: shape (series,), whether the source had the series at the newest step, even if only with NaN.
        failed: shape (series,), whether a fit has failed since the model in use, if there is one, came into use.
    """
    scored = ~np.isnan(verdicts.scores.score[:, -1])
    known = ~np.isnan(verdicts.values[:, -1])
    return {
        State.OK: np.flatnonzero(scored),
        State.WARMING: np.flatnonzero(known & ~scored & ~failed),
        State.NO_DATA: np.flatnonzero(present & ~known | (verdicts.outcome.reason[:, -1] == Reason.VANISHED)),
        State.STALE: np.empty(0, np.intp),
        State.ERROR: np.flatnonzero(known & ~scored & failed),
    }


def unscored(
    labels: tuple[LabelSet, ...], rows: Mapping[State, NDArray[np.intp]], verdicts: Verdicts
) -> Mapping[LabelSet, State]:
    """Why each series that is not in the table is not; `labels` are the exported label sets of all rows."""
    vanished = verdicts.outcome.reason[:, -1] == Reason.VANISHED
    left = [(state, which[~vanished[which]]) for state, which in rows.items() if state is not State.OK]
    return {labels[row]: state for state, which in left for row in which.tolist()}


def newly_flagged(
    verdicts: Verdicts, before: NDArray[np.bool_], judged: NDArray[np.bool_], step: int
) -> NDArray[np.intp]:
    """The series whose flag was off `before` the verdicts and is raised in them.

    Of those that were not `judged` before, as at a start, none whose alarm began earlier: it is no news.
    """
    began = verdicts.outcome.since[:, -1] >= verdicts.times[0] - step
    rows: NDArray[np.intp] = np.flatnonzero(verdicts.outcome.flag[:, -1] & ~before & (began | judged))
    return rows


def series_table(labels: tuple[LabelSet, ...], verdicts: Verdicts, watched: Watched) -> SeriesTable:
    """The gauges of the series that are scored, or whose absence is flagged.

    `labels` are the exported label sets of all rows.
    """
    outcome, score = verdicts.outcome, verdicts.scores.score[:, -1]
    flag, since = outcome.flag[:, -1], outcome.since[:, -1].astype(np.float64)
    scored = ~np.isnan(score)
    rows = np.flatnonzero(scored | (outcome.reason[:, -1] == Reason.VANISHED))
    gauges = {
        "anomaly_score": score,
        "anomaly_flag": flag.astype(np.float64),
        "anomaly_value": verdicts.values[:, -1],
        "anomaly_expected": verdicts.scores.expected[:, -1],
        "anomaly_lower": np.where(scored, watched.lower, np.nan),
        "anomaly_upper": np.where(scored, watched.upper, np.nan),
        "anomaly_start_timestamp_seconds": np.where(flag, since, np.nan),
    }
    return SeriesTable(tuple(labels[row] for row in rows), {name: gauge[rows] for name, gauge in gauges.items()})
