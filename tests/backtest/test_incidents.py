import pytest

from sidecar.backtest.incidents import Finding, Incident, findings, read_incidents
from sidecar.backtest.table import BadFileError
from sidecar.backtest.tables import delay
from sidecar.backtest.trace import Alarm


def alarm(start: int, end: int) -> Alarm:
    return Alarm(start, end, 2.0, 1.0, 0.5)


def incident(start: float, end: float, **matchers: str) -> Incident:
    return Incident(start, end, matchers)


def test_columns_beside_start_and_end_are_labels_and_empty_ones_match_all() -> None:
    [one, two] = read_incidents(b"\xef\xbb\xbfend,start,instance\r\n1970-01-01T00:10:00Z,60, a\r\n90,60, \r\n", "i.csv")
    assert (one.start, one.end, one.matchers) == (60, 600, {"instance": "a"})
    assert one.concerns({"instance": "a", "job": "node"})
    assert not one.concerns({"job": "node"})
    assert two.concerns({})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "i.csv:1: the first line must name the columns start and end"),
        (b"start,instance\n1,a\n", "i.csv:1: the first line must name the columns start and end"),
        (b"start,end\n1,2\n1\n", "i.csv:3: has not as many fields as the first line"),
        (b"start,end\n1,2,3\n", "i.csv:2: has not as many fields as the first line"),
        (b"start,end\n1,later\n", "i.csv:2: timestamp 'later' is not a time"),
        (b"start,end\n1,20261127\n", "i.csv:2: timestamp '20261127' is a date without dashes: write 2026-11-27"),
        (b"start,end\n2,1\n", "i.csv:2: ends before it starts"),
        (b"start,end\n2,\xff\n", "i.csv:2: is not UTF-8"),
    ],
)
def test_a_fault_is_told_with_file_and_line(content: bytes, message: str) -> None:
    with pytest.raises(BadFileError) as caught:
        read_incidents(content, "i.csv")
    assert str(caught.value).startswith(message)


def test_an_incident_is_found_by_the_first_alarm_that_is_on_during_it() -> None:
    mine, other = {"instance": "a"}, {"instance": "b"}
    raised = [(mine, [alarm(0, 50), alarm(120, 180), alarm(190, 400)]), (other, [alarm(100, 110)])]
    known = [incident(100, 200, instance="a"), incident(60, 90), incident(300, 310), incident(0, 9, instance="c")]
    found = findings(known, raised)
    assert [(one.incident, one.delay) for one in found] == [(known[0], 20), (known[1], None), (known[2], -110)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "missed"), (0.0, "at once"), (0.4, "at once"), (90.0, "after 1m30s"), (-60.0, "1m before")],
)
def test_how_soon_is_written_as_a_duration(seconds: float | None, text: str) -> None:
    assert delay(Finding(incident(0, 1), seconds)) == text
