"""Series as the API answers them; in detail, from the copy that the loop gives of what it knows."""

import numpy as np

from sidecar.config.schema import QueryConfig
from sidecar.detection import outcome
from sidecar.detection.account import Account
from sidecar.detection.arrays import Floats
from sidecar.detection.review import Case, account, bands, review
from sidecar.detection.watch import Verdicts
from sidecar.web.listing import Row, series_id, shown_labels
from sidecar.web.schemas import Explanation, Feature, Points, Series, SeriesDetail
from sidecar.web.words import MEANINGS, finding, reasons

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
    """A series with at most so many of its newest steps; it has none where the loop does not hold it any more."""
    facts = series(row, query.unit).model_dump() | {"step": query.step}
    if case is None:
        return SeriesDetail(**facts, alarm=None, reason=None, explanation=None, points=NO_POINTS)
    verdicts = review(case)
    judged = row.row is not None and len(verdicts.times) > 0
    return SeriesDetail(
        **facts,
        alarm=outcome.State(verdicts.outcome.state[0, -1]).name.lower() if judged else None,
        reason=outcome.Reason(verdicts.outcome.reason[0, -1]).name.lower() if judged else None,
        explanation=_explanation(account(case, verdicts)) if judged else None,
        points=_points(case, verdicts, most),
    )


def _points(case: Case, verdicts: Verdicts, most: int) -> Points:
    first = max(len(verdicts.times) - most, 0)
    newest = slice(first, None)
    scores, outcome = verdicts.scores.columns(newest), verdicts.outcome.columns(newest)
    lower, upper = _bands(case, verdicts, len(verdicts.times) - first)
    return Points(
        time=verdicts.times[newest].tolist(),
        value=numbers(verdicts.values[0, newest]),
        score=numbers(scores.score[0]),
        flag=outcome.flag[0].tolist(),
        expected=numbers(scores.expected[0]),
        lower=numbers(lower),
        upper=numbers(upper),
    )


def _bands(case: Case, verdicts: Verdicts, last: int) -> tuple[Floats, Floats]:
    """The band (last,) at the newest steps, without the side that does not count."""
    (lower, upper), unknown = bands(case, verdicts, last), np.full(last, np.nan)
    direction = case.policy.direction
    return unknown if direction == "above" else lower, unknown if direction == "below" else upper


def _explanation(why: Account | None) -> Explanation | None:
    if why is None:
        return None
    return Explanation(
        sentences=reasons(why),
        changed=list(why.changed),
        rarest=why.rarest,
        one_in=round(why.one_in),
        features=[Feature(name=name, meaning=MEANINGS[name], score_without=left) for name, left in why.without],
    )


def numbers(values: Floats) -> list[float | None]:
    """Values (n,) as JSON knows them: what is not finite is null."""
    finite = np.isfinite(values).tolist()
    return [value if known else None for value, known in zip(values.tolist(), finite, strict=True)]
