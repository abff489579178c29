import numpy as np
import pytest

from sidecar.export.snapshot import Failure, QueryResult, SeriesTable, Snapshot, State
from tests.export.conftest import MakeResult

RESULT = QueryResult("q", 1000.0, 990, SeriesTable(), {State.OK: 5, State.WARMING: 2, State.STALE: 1}, {})
SNAPSHOT = Snapshot(
    queries=("p", "q", "r"), staleness=300.0, results={"q": RESULT}, failures={"r": Failure(1.0, "refused")}
)


def test_a_result_is_shown_until_it_expires() -> None:
    assert SNAPSHOT.live(1300.0) == (RESULT,)
    assert SNAPSHOT.live(1300.1) == ()


def test_a_result_from_before_the_clock_was_set_back_is_not_shown() -> None:
    assert SNAPSHOT.live(700.0) == (RESULT,)
    assert SNAPSHOT.live(699.9) == ()


def test_live_results_stand_in_the_order_of_the_configuration(make_result: MakeResult) -> None:
    results = {name: make_result(name, 1.0) for name in ("a", "b", "c")}
    snapshot = Snapshot(queries=("c", "a", "b"), staleness=1.0, results=results)

    assert [result.name for result in snapshot.live(1.0)] == ["c", "a", "b"]


def test_states_of_a_live_result_are_its_own_with_every_state_present() -> None:
    assert SNAPSHOT.states("q", 1300.0) == {
        State.OK: 5,
        State.WARMING: 2,
        State.NO_DATA: 0,
        State.STALE: 1,
        State.ERROR: 0,
    }


def test_what_was_ok_is_stale_once_the_result_expired() -> None:
    states = SNAPSHOT.states("q", 1301.0)

    assert (states[State.OK], states[State.STALE], states[State.WARMING]) == (0, 6, 2)


def test_a_query_without_result_has_no_series() -> None:
    assert SNAPSHOT.states("p", 0.0) == dict.fromkeys(State, 0)


def test_unattempted_are_the_queries_with_neither_result_nor_failure() -> None:
    assert SNAPSHOT.unattempted == ("p",)


def test_a_gauge_that_would_not_be_served_is_refused() -> None:
    with pytest.raises(ValueError, match="anomaly_mood is no gauge of a series, those are anomaly_score,"):
        SeriesTable((), {"anomaly_mood": np.empty(0)})


def test_a_gauge_that_does_not_fit_the_series_is_refused() -> None:
    with pytest.raises(ValueError, match=r"anomaly_score has shape \(2,\) for 0 series"):
        SeriesTable((), {"anomaly_score": np.zeros(2)})
