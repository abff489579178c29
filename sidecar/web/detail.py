"""One series in detail, from the copy that the loop gives of what it knows."""

import numpy as np
from numpy.typing import NDArray

from sidecar.config.schema import QueryConfig
from sidecar.detection import alarm
from sidecar.detection.review import Case, review
from sidecar.export.snapshot import State
from sidecar.web.listing import Row
from sidecar.web.schemas import Points, SeriesDetail

NO_POINTS = Points(time=[], value=[], score=[], flag=[], expected=[], lower=[], upper=[])


def detail(row: Row, query: QueryConfig, case: Case | None, most: int) -> SeriesDetail:
    """A series with at most so many of its newest steps; without any where the loop does not hold it any more."""
    facts = row.shown().model_dump() | {"unit": query.unit, "step": query.step}
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
    scored = row.state is State.OK and points.time
    return SeriesDetail(
        **facts,
        alarm=alarm.State(outcome.state[0, -1]).name.lower() if scored else None,
        reason=alarm.Reason(outcome.reason[0, -1]).name.lower() if scored else None,
        points=points,
    )


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Values (n,) as JSON knows them: what is not finite is null."""
    finite = np.isfinite(values).tolist()
    return [value if known else None for value, known in zip(values.tolist(), finite, strict=True)]
