import io

import numpy as np
import pytest

from sidecar.demo.narrator import Narrator
from sidecar.demo.series import HOSTS
from sidecar.export.snapshot import QueryResult, SeriesTable, State

AT = 1_767_782_700  # 2026-01-07 10:45 UTC, a Wednesday


def result(
    rows: dict[str, tuple[float, float]], warming: int = 0, expected: float | None = 0.3, at: int = AT
) -> QueryResult:
    """A result with a row per instance: (flag, score)."""
    gauges = {
        "anomaly_flag": np.array([flag for flag, _ in rows.values()]),
        "anomaly_score": np.array([score for _, score in rows.values()]),
        "anomaly_value": np.full(len(rows), 0.93),
    }
    if expected is not None:
        gauges["anomaly_expected"] = np.full(len(rows), expected)
    labels = tuple((("anomaly_name", "node_cpu"), ("instance", name), ("job", "node")) for name in rows)
    states = dict.fromkeys(State, 0) | {State.OK: len(rows), State.WARMING: warming}
    return QueryResult("node_cpu", at + 1.5, at, SeriesTable(labels, gauges), states, {})


HEALTHY = {"web-2:9100": (0.0, 0.61), "web-3:9100": (0.0, 0.55)}
FLAGGED = {"web-2:9100": (0.0, 0.61), "web-3:9100": (1.0, 2.314)}


def told(*results: QueryResult) -> list[str]:
    """What the last of some results adds to the text."""
    stream = io.StringIO()
    narrator = Narrator(stream)
    for one in results[:-1]:
        narrator.report(one)
    before = len(stream.getvalue())
    narrator.report(results[-1])
    return stream.getvalue()[before:].splitlines()


def test_the_introduction_says_what_happens_and_where_to_look() -> None:
    stream = io.StringIO()
    Narrator(stream).introduce("http://127.0.0.1:9847/metrics", 300)
    text = stream.getvalue()
    assert f"{len(HOSTS)} made-up hosts" in text
    assert "5 minutes a second" in text
    assert "After 7 s web-3:9100 goes wrong" in text
    assert "curl -s http://127.0.0.1:9847/metrics | grep" in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 110


def test_while_nothing_is_scored_it_says_so_once() -> None:
    assert told(result({}, warming=11)) == ["Wed 10:45  0 flagged, 0 healthy, 11 warming"]
    assert told(result({}, warming=11), result({}, warming=11, at=AT + 300)) == []


def test_the_first_scores_are_summed_up() -> None:
    assert told(result({}, warming=2), result(HEALTHY)) == [
        "Wed 10:45  0 flagged, 2 healthy; scores of those never flagged up to 0.61"
    ]


def test_a_flag_that_turns_on_has_a_line_and_the_others_a_summary() -> None:
    assert told(result(HEALTHY), result(FLAGGED)) == [
        "Wed 10:45  web-3:9100    FLAGGED  score 2.31  CPU 93%  expected 30%",
        "Wed 10:45  1 flagged, 1 healthy; scores of those never flagged up to 0.61",
    ]


def test_a_flag_that_stays_is_not_told_again() -> None:
    assert told(result(FLAGGED), result(FLAGGED, at=AT + 300)) == []


def test_a_flag_that_turns_off_is_told() -> None:
    assert told(result(FLAGGED), result(HEALTHY)) == [
        "Wed 10:45  web-3:9100    cleared  score 0.55  CPU 93%  expected 30%",
        "Wed 10:45  0 flagged, 2 healthy; scores of those never flagged up to 0.61",
    ]


def test_a_flagged_series_that_is_no_longer_scored_is_told() -> None:
    assert told(result(FLAGGED), result({"web-2:9100": (0.0, 0.61)}))[0] == (
        "Wed 10:45  web-3:9100    gone     no longer scored"
    )


@pytest.mark.parametrize("expected", [None, np.nan])
def test_an_expectation_that_is_not_known_is_left_out(expected: float | None) -> None:
    line = told(result({"web-3:9100": (1.0, 2.314)}, expected=expected))[0]
    assert line == "Wed 10:45  web-3:9100    FLAGGED  score 2.31  CPU 93%"


def test_a_score_that_windows_still_keep_up_is_not_told_as_that_of_a_healthy_series() -> None:
    after = {**HEALTHY, "web-3:9100": (0.0, 1.9)}
    assert told(result(FLAGGED), result(after))[1] == (
        "Wed 10:45  0 flagged, 2 healthy; scores of those never flagged up to 0.61"
    )


def test_where_all_were_flagged_there_is_no_highest_score() -> None:
    assert told(result({"web-3:9100": (1.0, 2.0)}))[1] == "Wed 10:45  1 flagged, 0 healthy"


def test_two_changes_that_cancel_out_are_both_told() -> None:
    other = {"web-2:9100": (1.0, 1.5), "web-3:9100": (0.0, 0.5)}
    assert len(told(result(FLAGGED), result(other))) == 3
