"""Predictions of whatever lists people send: every answer is aligned and consistent, or says what is wrong."""

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.export.labels import exported
from sidecar.web.answer import answered
from sidecar.web.errors import Refused
from tests.web.conftest import AT, Sidecar
from tests.web.test_api import STEP, case

LISTS = ("anomaly", "anomaly_score", "expected", "lower", "upper")
LABELS = exported((("pod", "a"),), "cpu", {})

value = st.none() | st.floats(-1e100, 1e100) | st.floats(-1, 1) | st.sampled_from([0.0, 1.0, 42.4, -0.0, 5e-324])
lists = st.one_of(
    st.lists(value, min_size=1, max_size=60),
    st.builds(lambda part, times: part * times, st.lists(value, min_size=1, max_size=30), st.integers(1, 12)),
)
steps = st.sampled_from([1, 7, 60, 300, 3_600, 43_200, 86_400, 604_800, 10**7]) | st.integers(1, 10**6)


@st.composite
def fitted(draw: st.DrawFn) -> dict[str, Any]:
    """A list that is scored with a model of its own."""
    values = draw(lists)
    asked: dict[str, Any] = {"values": values, "fit": draw(st.none() | st.just("self") | st.integers(1, len(values)))}
    if draw(st.booleans()):
        step, first = draw(steps), draw(st.integers(0, 10**9))
        gaps = draw(st.dictionaries(st.integers(1, len(values)), st.integers(2, 50), max_size=3))
        apart = (step * gaps.get(place, 1) for place in range(1, len(values)))
        asked["timestamps"] = list(accumulate(apart, initial=first))
    return asked


@st.composite
def live(draw: st.DrawFn) -> dict[str, Any]:
    """A list that is scored with the model of a query's series, somewhere about its newest samples."""
    values = draw(st.lists(value, min_size=1, max_size=40))
    asked: dict[str, Any] = {"values": values, "query": "cpu", "labels": {"pod": "a"}}
    if draw(st.booleans()):
        first = int(AT) // STEP * STEP + STEP * draw(st.integers(-3_000, 3_000))
        asked["timestamps"] = [first + STEP * i for i in range(len(values))]
    return asked


@pytest.fixture(scope="module")
def watching() -> Sidecar:
    sidecar = Sidecar()
    sidecar.board.configure(["cpu"], 300)
    sidecar.publish("cpu", {"a": 0.5})
    sidecar.cases[LABELS] = case(LABELS, newest=0.3)
    return sidecar


def outcome(asked: dict[str, Any], sidecar: Sidecar) -> Any:  # noqa: ANN401 JSON, or a refusal
    try:
        return json.loads(answered(json.dumps(asked).encode(), sidecar.backend))
    except Refused as refusal:
        return refusal


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fitted() | live(),
    st.none() | st.floats(0.01, 100),
    st.sampled_from([None, "above", "below", "both"]),
)
def test_every_answer_is_aligned_and_agrees_with_itself(
    watching: Sidecar, asked: dict[str, Any], threshold: float | None, direction: str | None
) -> None:
    asked |= {"direction": direction} | ({} if threshold is None else {"threshold": threshold})
    told = outcome(asked, watching)
    if isinstance(told, Refused):
        assert (told.status, told.problem.field in {"fit", "timestamps"}) == (422, True)
        return
    assert {len(told[name]) for name in LISTS} == {len(asked["values"])}
    for given_, flag, score, expected in zip(asked["values"], *(told[name] for name in LISTS[:3]), strict=True):
        assert (flag is None) == (score is None) == (expected is None)
        assert flag is None or given_ is not None
        sides = {"above": (1,), "below": (-1,)}.get(direction or "", (-1, 0, 1))
        side = 0 if flag is None else (given_ > expected) - (given_ < expected)
        assert flag is None or flag == (score >= told["threshold"] and side in sides)
    dropped = told["warmup_points_dropped"]
    assert told["anomaly"][:dropped] == [None] * dropped
    assert dropped == len(asked["values"]) or told["anomaly"][dropped] is not None
