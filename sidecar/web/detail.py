"""Series as the API answers them; in detail, from the copy that the loop gives of what it knows."""

import numpy as np
from numpy.typing import NDArray

from sidecar.config.schema import QueryConfig
from sidecar.detection import alarm
from sidecar.detection.review import Case, review
from sidecar.web.listing import Row, series_id, shown_labels
from sidecar.web.schemas import Points, Series, SeriesDetail
from sidecar.web.words import finding

NO_POINTS = Points(time=[], value=[], score=[], flag=[], expected=[], lower=[], upper=[])


def series(row: Row, unit: str) -> Series:
    """What the newest evaluation says of a series."""
    return Series(
        id=series_id(row.labels),
        anomaly_name=row.result.name,
        labels=shown_labels(row.labels),
        unit=unit,
        state=row.state,
        finding=finding(row, unit),
        score=row.gauge("anomaly_score"),
        flag=row.flag,
        since=row.gauge("anomaly_start_timestamp_seconds"),
        value=row.gauge("anomaly_value"),
        expected=row.gauge("anomaly_expected"),
        lower=row.gauge("anomaly_lower"),
        upper=row.gauge("anomaly_upper"),
    )


def detail(row: Row, query: QueryConfig, case: Case | None, most: int) -> SeriesDetail:
    """A series with at most so many of its newest steps; without any where the loop does not hold it any more."""
    facts = series(row, query.unit).model_dump() | {"step": query.step}
    if case is None:
        return SeriesDetail(**facts, alarm=None, reason=None, points=NO_POINTS)
    verdicts = review(case)
    newest = slice(max(len(verdicts.times) - most, 0), None)
    scores, outcome = verdicts.scores.columns(newest), verdicts.outcome.columns(newest)
    unknown = np.full(len(verdicts.times[newest]), np.nan)
    points = Points(
        time=verdicts.times[newest].tolist(),
        value=numbers(verdicts.values[0, newest]),
        score=numbers(scores.score[0]),
        flag=outcome.flag[0].tolist(),
        expected=numbers(scores.expected[0]),
        lower=numbers(unknown),
        upper=numbers(unknown),
    )
    judged = row.row is not None and points.time
    return SeriesDetail(
        **facts,
        alarm=alarm.State(outcome.state[0, -1]).name.lower() if judged else None,
        reason=alarm.Reason(outcome.reason[0, -1]).name.lower() if judged else None,
        points=points,
    )


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Values (n,) as JSON knows them: what is not finite is null."""
    finite = np.isfinite(values).tolist()
    return [value if known else None for value, known in zip(values.tolist(), finite, strict=True)]
