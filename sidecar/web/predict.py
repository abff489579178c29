"""`POST /predict`: takes requests, so many at once, and has them answered."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from sidecar.web.answer import answered
from sidecar.web.backend import Backend
from sidecar.web.errors import Refused
from sidecar.web.predict_schemas import EXAMPLE, PredictRequest, PredictResponse
from sidecar.web.schemas import Problem

LARGEST_BODY = 1 << 20
"""Bytes of a request."""

READ_SECONDS = 10.0
"""How long a client may take to send its request."""

MOST_AT_ONCE = 4
"""Predictions under way; further ones are sent away."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not JSON."},
    404: {"model": Problem, "description": "There is no such query or series."},
    408: {"model": Problem, "description": "The body took too long to arrive."},
    413: {"model": Problem, "description": "The body is too large."},
    422: {"model": Problem, "description": "The body is JSON, but something in it is not valid."},
    429: {
        "model": Problem,
        "description": "Too many predictions are under way.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    },
}
EXAMPLES = {
    "outlier": {"summary": "One value stands out", "value": EXAMPLE},
    "too short": {"summary": "Too few values to say anything", "value": {"values": [0.13, 0.134, 0.132, 2.34, 0.133]}},
    "causal": {"summary": "Trained on the first 20 values", "value": EXAMPLE | {"fit": 20}},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": PredictRequest.model_json_schema(), "examples": EXAMPLES}},
    }
}


def serve_predict(app: FastAPI, prefix: str, backend: Backend) -> None:
    """Add the route."""
    desk = Desk(MOST_AT_ONCE)

    @app.post(
        f"{prefix}/predict",
        tags=["predict"],
        summary="Which of these values are anomalous?",
        response_model=PredictResponse,
        responses=REFUSALS,
        openapi_extra=BODY,
    )
    async def predict(request: Request) -> Response:
        backend.telemetry.predictions.inc()
        try:
            body = await read(request)
            answer = await desk.run(lambda: answered(body, backend))
        except Refused:
            backend.telemetry.predictions_rejected.inc()
            raise
        return Response(answer, media_type="application/json")


class Desk:
    """Does so much at once, in threads of its own, and refuses the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = 0

    async def run(self, work: Callable[[], bytes]) -> bytes:
        """Does a piece of work beside the event loop, to which this object belongs.

        Raises:
            Refused: too much is under way.
        """
        if self._busy >= self._most:
            raise Refused(429, f"{self._most} predictions are under way: try again in a moment")
        self._busy += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=anyio.CapacityLimiter(1))
        finally:
            self._busy -= 1


async def read(request: Request) -> bytes:
    """The body of a request: no thread waits for it, however slowly it comes.

    Raises:
        Refused: it is too large, or comes too slowly.
    """
    too_large = Refused(413, f"the body is larger than {LARGEST_BODY} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise too_large
    except ClientDisconnect:
        raise Refused(400, "the client hung up") from None
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {READ_SECONDS:.0f} s") from None
    return bytes(body)
