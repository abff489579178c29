"""How a request is refused: one form for all of them."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sidecar.web.schemas import Problem

RETRY_SECONDS = 1


class Refused(Exception):  # noqa: N818 it is an answer, no fault of ours
    """A request that is answered with why it is refused.

    Attributes:
        status: of the response.
        problem: its body.
    """

    def __init__(self, status: int, error: str, field: str | None = None, index: int | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.problem = Problem(error=error, field=field, index=index)


def answer_refusals(app: FastAPI) -> None:
    """Have the application answer refusals, its own and those of the framework, in one form."""

    @app.exception_handler(Refused)
    async def refused(_request: Request, refusal: Refused) -> JSONResponse:
        headers = {"retry-after": str(RETRY_SECONDS)} if refusal.status == TOO_MANY else None
        return JSONResponse(refusal.problem.model_dump(), refusal.status, headers)

    @app.exception_handler(HTTPException)
    async def unknown(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(Problem(error=error.detail).model_dump(), error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        # The first part says where the field stands: in the path, the query string.
        return JSONResponse(problem(first["loc"][1:], first["msg"]).model_dump(), 422)


TOO_MANY = 429


def problem(location: Sequence[str | int], message: str) -> Problem:
    """What is wrong at a place: a field, and the index of an element where it is one."""
    field = str(location[0]) if location else None
    index = next((part for part in location if isinstance(part, int)), None)
    place = f"{field}[{index}]" if index is not None else field
    return Problem(error=f"{place}: {message}" if place else message, field=field, index=index)
