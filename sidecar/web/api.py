"""The API that reads: queries, their series, one series in detail; everything comes from the newest snapshot."""

from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, FastAPI, Path, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from sidecar.config.schema import QueryConfig
from sidecar.export.snapshot import Snapshot, State
from sidecar.web import schemas
from sidecar.web.backend import Backend
from sidecar.web.detail import detail, series
from sidecar.web.errors import Refused
from sidecar.web.listing import Filter, Sort, ordered, rows, with_id

PAGE, LARGEST_PAGE = 100, 1_000
POINTS, MOST_POINTS = 288, 10_000
LONGEST_TEXT = 1_000

REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {"model": schemas.Problem, "description": "There is no such query or series."},
    422: {"model": schemas.Problem, "description": "A parameter is not valid."},
}


def label_pair(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise PydanticCustomError("label", "{text} must be NAME=VALUE", {"text": repr(text)})
    return name, value


class SeriesParameters(BaseModel):
    """Which series are asked for, in which order."""

    model_config = ConfigDict(extra="forbid")

    anomaly_name: str | None = Field(None, max_length=LONGEST_TEXT, description="Only series of this query.")
    state: State | None = Field(None, description="Only series in this state.")
    flag: bool | None = Field(None, description="Only series that are in an anomaly, or only those in none.")
    label: list[Annotated[str, AfterValidator(label_pair)]] = Field(
        [],
        max_length=50,
        description="`NAME=VALUE`: only series with this label; repeat it for further ones. "
        "An empty value asks for series without the label.",
    )
    search: str = Field("", max_length=LONGEST_TEXT, description="Only series with this text in a label's value.")
    sort: Sort = Field(
        Sort.HIGHEST, description="`-score`: the highest first; `flagged`: those in an anomaly before them."
    )
    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE, description="How many series to give at most.")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="How many series to skip.")

    @property
    def filter(self) -> Filter:
        """The same as a filter."""
        labels = cast("list[tuple[str, str]]", self.label)
        return Filter(query=self.anomaly_name, state=self.state, flag=self.flag, labels=labels, search=self.search)


def not_stored(response: Response) -> None:
    """Have no cache keep an answer of the moment."""
    response.headers["cache-control"] = "no-store"


def serve_api(app: FastAPI, prefix: str, backend: Backend) -> None:
    """Add the routes under `/api/v1`."""
    get = partial(app.get, tags=["read"], dependencies=[Depends(not_stored)])
    base = f"{prefix}/api/v1"

    @get(f"{base}/queries", summary="Queries and how they fare")
    def queries() -> schemas.Queries:
        snapshot, now, configs = backend.snapshot(), backend.clock(), backend.queries()
        known = [_query(configs[name], snapshot, now) for name in snapshot.queries if name in configs]
        return schemas.Queries(at=now, ready=backend.not_ready() is None, queries=known)

    @get(f"{base}/series", summary="Series, the most anomalous first", responses=REFUSALS)
    def some_series(asked: Annotated[SeriesParameters, Query()]) -> schemas.SeriesPage:
        snapshot, now = backend.snapshot(), backend.clock()
        if asked.anomaly_name is not None and asked.anomaly_name not in snapshot.queries:
            raise Refused(404, f"no query is called {asked.anomaly_name!r}", "anomaly_name")
        found = ordered(rows(snapshot, now, asked.filter), asked.sort)
        units = {name: config.unit for name, config in backend.queries().items()}
        shown = found[asked.offset : asked.offset + asked.limit]
        page = [series(row, units.get(row.result.name, "")) for row in shown]
        return schemas.SeriesPage(at=now, total=len(found), offset=asked.offset, series=page)

    @get(f"{base}/series/{{series_id}}", summary="One series with its recent past", responses=REFUSALS)
    def one_series(
        series_id: Annotated[str, Path(description="Its `id`.", examples=[schemas.SERIES_ID])],
        points: Annotated[int, Query(ge=0, le=MOST_POINTS, description="How many steps to give at most.")] = POINTS,
    ) -> schemas.SeriesDetail:
        row = with_id(backend.snapshot(), backend.clock(), series_id)
        config = backend.queries().get(row.result.name) if row else None
        if row is None or config is None:
            raise Refused(404, f"no series has the id {series_id!r}: it may have vanished", "series_id")
        return detail(row, config, backend.case(row.result.name, row.labels), points)


def _query(config: QueryConfig, snapshot: Snapshot, now: float) -> schemas.Query:
    name, result, problem = config.name, snapshot.results.get(config.name), snapshot.problem(config.name, now)
    return schemas.Query(
        name=name,
        expr=config.expr,
        unit=config.unit,
        direction=config.direction,
        step=config.step,
        health=problem or "ok",
        healthy=problem is None,
        evaluated=result.at if result else None,
        sample_time=result.sample_time if result else None,
        flagged=snapshot.flagged(name, now),
        series=dict(snapshot.states(name, now)),
        dropped=dict(result.dropped) if result else {},
    )
