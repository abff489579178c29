from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from sidecar.backtest.incidents import Incident
from sidecar.backtest.past import Span
from sidecar.backtest.plot import WIDTH, draw, thinned
from sidecar.backtest.report import MOST_DRAWN, render
from sidecar.backtest.summary import WEEK, Summary, within
from sidecar.backtest.tables import incidents, noisiest, overview
from sidecar.backtest.trace import Alarm, Trace, alarm_runs
from sidecar.config.schema import QueryConfig

STEP = 300
SPAN = Span(0, 2 * WEEK)
QUERY = QueryConfig.model_validate({"name": "cpu", "expr": "cpu", "labels": {"team": "shop"}})


def trace(instance: str, *starts: int, steps: int = 4_032) -> Trace:
    times = STEP * np.arange(steps, dtype=np.int64)
    values = np.sin(times / 9_999)
    score = np.where(np.arange(steps) < steps // 2, np.nan, 0.5)
    alarms = tuple(Alarm(start, start + STEP, 2.0, 1.0, 0.5) for start in starts)
    return Trace((("instance", instance),), times, values, score, values, values - 1, values + 1, alarms)


def summary(*traces: Trace, known: list[Incident] | None = None, variant: str = "") -> Summary:
    return Summary(variant, QUERY, SPAN, traces, known, dropped=0)


def test_alarms_are_counted_per_scored_week_of_a_series() -> None:
    one = summary(trace("a", 0, WEEK - 1, WEEK), trace("b"))
    assert (one.alarms, one.series_weeks, one.rate) == (3, 2.0, 1.5)
    assert one.by_week(one.traces[0]) == [2, 1, 0]
    assert one.budget == pytest.approx(7 / 30)
    assert np.isnan(summary().rate)


def test_alarms_of_incidents_are_not_outside() -> None:
    known = [Incident(0, 600, {"instance": "a", "team": "shop"}), Incident(0, 600, {"anomaly_name": "other"})]
    one = summary(trace("a", 300, 9_000), trace("b", 300), known=known)
    assert (one.found, one.outside) == (1, 2)
    assert [finding.incident for finding in one.findings] == known[:1]


def test_an_incident_may_have_the_labels_of_a_series_or_those_that_it_is_exported_with() -> None:
    one = replace(trace("a", 300), labels=(("host.name", "a"),))
    known = [Incident(0, 600, {name: "a"}) for name in ("host.name", "host_name", "host")]
    assert [finding.incident for finding in summary(one, known=known).findings] == known[:2]


def test_a_series_that_could_not_be_exported_before_the_span_stops_no_summary() -> None:
    gone = replace(trace("b"), labels=(("team", "shop"),))
    one = summary(trace("a", 300), gone, known=[Incident(0, 600, {"anomaly_name": "cpu"})])
    assert (one.found, one.outside) == (1, 0)


def test_only_incidents_with_a_part_in_the_span_count() -> None:
    known = [
        Incident(-9, -1, {}),
        Incident(-9, 0, {}),
        Incident(2 * WEEK, 3 * WEEK, {}),
        Incident(3 * WEEK, 4 * WEEK, {}),
    ]
    assert within(known, SPAN) == known[1:3]


def test_the_noisiest_series_are_listed_first_and_the_rest_is_counted() -> None:
    table = noisiest(summary(*(trace(f"i{number}", *range(0, number * 600, 600)) for number in range(5))), most=2)
    assert table.title == "cpu: series with alarms, and 2 more"
    assert [row[:2] for row in table.rows] == [['{instance="i4"}', "4"], ['{instance="i3"}', "3"]]


def test_series_that_were_left_out_are_told() -> None:
    table = overview([Summary("A", QUERY, SPAN, [trace("a")], None, dropped=7)])
    assert table.rows[0][:2] == ["cpu A", "1 (and 7 left out)"]
    assert len(table.header) == len(table.rows[0]) == 6


def test_configurations_that_know_other_series_stand_beside_each_other() -> None:
    known = [Incident(0, 600, {"instance": "b"})]
    table = incidents(
        [summary(trace("a"), known=known, variant="A"), summary(trace("b", 300), known=known, variant="B")]
    )
    assert [row[3:] for row in table.rows] == [["no series", "after 5m"]]


def test_a_report_draws_series_with_alarms_and_those_that_an_incident_names() -> None:
    known = [Incident(0, 600, {"instance": "quiet"}), Incident(0, 600, {})]
    one = summary(trace("a", 0), trace("quiet"), trace("idle"), known=known)
    report = render([one], [overview([one])])
    assert report.count("<svg") == 2
    assert "idle" not in report


def test_no_more_series_are_drawn_than_a_reader_looks_at() -> None:
    one = summary(*(trace(f"i{number:03}", 0, steps=10) for number in range(MOST_DRAWN + 3)))
    report = render([one], [overview([one])])
    assert report.count("<svg") == MOST_DRAWN
    assert "3 more series of cpu are not drawn" in report


def test_a_drawing_is_well_formed_and_breaks_its_lines_at_gaps() -> None:
    one = trace("a", 3_000, steps=100)
    one.values[50] = np.nan
    drawing = ET.fromstring(draw(one, [Incident(-9e9, 9e9, {})], Span(0, 100 * STEP)))  # noqa: S314 our own
    lines = [line for line in drawing if line.get("class") == "value"]
    assert [len(str(line.get("points")).split()) for line in lines] == [50, 49]
    [band] = [part for part in drawing if part.get("class") == "incident"]
    assert (band.get("x"), band.get("width")) == ("0.0", f"{WIDTH:.1f}")


def test_the_band_is_drawn_where_it_is_known_and_ends_at_the_edge() -> None:
    one = trace("a", 3_000, steps=100)
    one.lower[40:42], one.upper[60:] = np.nan, np.inf
    drawing = ET.fromstring(draw(one, [], Span(0, 100 * STEP)))  # noqa: S314 our own
    bands = [str(part.get("points")).split() for part in drawing if part.get("class") == "band"]
    assert [len(band) for band in bands] == [80, 116]
    assert {point.split(",")[1] for point in bands[1][18:58]} == {"0.0"}


@pytest.mark.parametrize("values", [[], [np.nan], [1.0], [2.0, 2.0], [-1e17]])
def test_hardly_any_samples_can_be_drawn(values: list[float]) -> None:
    found = np.array(values)
    one = Trace((), STEP * np.arange(len(values), dtype=np.int64), found, found, found, found, found, ())
    assert draw(one, [], Span(0, 600)).startswith("<svg")


def test_long_series_keep_their_peaks_when_they_are_thinned() -> None:
    times, values = np.arange(50_001, dtype=np.int64), np.zeros(50_001)
    values[[123, 40_000]] = 5.0, -5.0
    values[1_000:3_000] = np.nan
    fewer, kept = thinned(times, values)
    assert len(fewer) < 3 * WIDTH
    assert {123, 40_000, 50_000} <= set(fewer.tolist())
    assert (np.diff(fewer) >= 0).all()
    assert np.isnan(kept).any()


def test_alarms_that_follow_each_other_are_told_apart() -> None:
    flag = np.array([False, True, True, True, False, True])
    since = np.array([-1, 10, 10, 30, -1, 50])
    assert alarm_runs(np.arange(0, 60, 10), flag, since) == [slice(1, 3), slice(3, 4), slice(5, 6)]


def test_an_alarm_that_a_new_model_gives_another_beginning_is_the_same() -> None:
    flag, since = np.array([True, True, True, True]), np.array([-50, -50, 10, 10])
    assert alarm_runs(np.arange(0, 40, 10), flag, since) == [slice(0, 4)]
