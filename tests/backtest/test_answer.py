import csv
import io
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.backtest.answer import DEFAULTS, Answerer, cells, fitted_to
from sidecar.backtest.grid import Grid
from sidecar.backtest.replay import Judgement
from sidecar.config.checks import timing_faults
from sidecar.config.vocabulary import Direction, Missing
from sidecar.detection.settings import Settings
from sidecar.detection.watch import Verdicts
from sidecar.prometheus.frame import Frame

HOUR = 3_600
START = 1_699_999_200
SETTINGS = DEFAULTS.model_copy(update={"fit_every": 172_800})
ANSWERER = Answerer(SETTINGS, band=False)

Row = tuple[float, str]


def text(rows: Iterable[Row]) -> bytes:
    return "\n".join(["timestamp,value", *(f"{time:.10g},{value}" for time, value in rows)]).encode()


def answers(rows: Sequence[Row]) -> list[dict[str, str]]:
    found = list(csv.DictReader(io.StringIO(ANSWERER.answer(text(rows), "a.csv").text)))
    assert [(row["timestamp"], row["value"]) for row in found] == [(f"{time:.10g}", value) for time, value in rows]
    return found


@cache
def hourly(hours: int, spike: int = 150) -> list[Row]:
    values = 0.3 + 0.03 * np.random.default_rng(5).standard_normal(hours)
    values[spike] = 3.0
    return [(START + HOUR * hour, f"{value:.4f}") for hour, value in enumerate(values.tolist())]


def test_a_spike_is_flagged_and_an_alert_starts_on_it_alone() -> None:
    found = answers(hourly(200))
    assert {row["state"] for row in found[:20]} == {"warming"}
    assert {row["state"] for row in found[60:]} == {"ok"}
    spike = found[150]
    assert float(spike["anomaly_score"]) > 1
    assert spike["detection"] == spike["anomaly_score"]
    assert (spike["anomaly_flag"], spike["alarm"]) == ("1", "firing")
    assert float(spike["expected"]) == pytest.approx(0.3, abs=0.1)
    assert found[151]["alarm"] in {"firing", "recovering"}
    assert found[149]["anomaly_flag"] == "0"


@pytest.mark.parametrize(
    ("step", "steps", "length", "off"),
    [(HOUR, 480, 3, 1.0), (300, 2_000, 6, -0.4), (60, 3_000, 10, -0.4), (15, 6_000, 20, 1.0)],
)
def test_what_lies_on_the_other_side_raises_no_flag_and_neither_does_its_aftermath(
    step: int, steps: int, length: int, off: float
) -> None:
    values, gap = 0.6 + 0.03 * np.random.default_rng(5).standard_normal(steps), max(5 * HOUR // step, 16)
    later = steps - 2 * length
    begun = later - gap
    values[begun : begun + length] += off
    values[later : later + length] -= off
    content = text((START + step * number, f"{value:.4f}") for number, value in enumerate(values.tolist()))
    other_side = SETTINGS.model_copy(update={"direction": Direction.BELOW if off > 0 else Direction.ABOVE})
    found, both = (
        list(csv.DictReader(io.StringIO(Answerer(query, band=False).answer(content, "a.csv").text)))
        for query in (other_side, SETTINGS)
    )
    flagged, all_flagged = ([n for n, row in enumerate(rows) if row["anomaly_flag"] == "1"] for rows in (found, both))
    assert begun + length - 1 in all_flagged
    assert max(float(row["anomaly_score"]) for row in found[begun + length : later]) > 1
    assert later <= flagged[0] < later + length


def test_a_level_that_stays_is_one_alarm() -> None:
    times = START + 300 * np.arange(25 * 288)
    values = 1 + 0.02 * np.random.default_rng(106).standard_normal(len(times))
    values += 0.1 * np.sin(2 * np.pi * times / 86_400)
    shifted = 21 * 288 + 200
    values[shifted:] += 0.24
    content = text((time, f"{value:.4f}") for time, value in zip(times.tolist(), values.tolist(), strict=True))
    found = list(csv.DictReader(io.StringIO(Answerer(band=False).answer(content, "a.csv").text)))
    begun = [number for number, row in enumerate(found) if number >= shifted and float(row["detection"]) >= 1]
    assert begun == [shifted]


def test_an_alarm_that_a_new_model_raised_between_rows_starts_on_the_next() -> None:
    times = START + HOUR * np.arange(6)
    blank = Verdicts.blank(Frame(((),), START, HOUR, np.ones((1, 6))), 6, Settings(HOUR))
    blank.scores.score[:], blank.scores.expected[:] = 0.5, 1.0
    blank.scores.score[0, [2, 3]] = np.nan
    blank.outcome.flag[0, 2:5], blank.outcome.detection[0, 2] = True, 1.0
    rows = [0, 1, 3, 4, 5]
    grid = Grid(HOUR, times[rows], np.ones(5, dtype=np.bool_))
    found = [(row[1], row[2]) for row in cells(grid, Judgement.unbound(blank))]
    assert found == [("0", "0.0"), ("0", "0.0"), ("", "0"), ("1", "1.0"), ("0", "0.0")]


def test_what_is_not_scored_is_empty() -> None:
    rows = hourly(200)
    found = answers([*rows[:100], (rows[100][0], ""), *rows[101:]])
    assert [found[100][name] for name in ("anomaly_score", "anomaly_flag", "detection", "state", "alarm")] == [
        *("", "", "0", "no_data", "idle")
    ]
    assert all(row["lower"] == row["upper"] == "" for row in found)
    assert {row["anomaly_score"] for row in found[:20]} == {""}


def test_a_row_that_is_scored_has_a_band_about_its_expected_value() -> None:
    rows = hourly(100, spike=20)
    banded = list(csv.DictReader(io.StringIO(Answerer(SETTINGS).answer(text(rows), "a.csv").text)))
    assert [{**row, "lower": "", "upper": ""} for row in banded] == answers(rows)
    scored = [row for row in banded if row["anomaly_score"]]
    assert all(float(row["lower"]) < float(row["expected"]) < float(row["upper"]) for row in scored)
    assert {row["lower"] + row["upper"] for row in banded if not row["anomaly_score"]} == {""}


def test_a_flag_for_what_is_missing_needs_no_score() -> None:
    query = SETTINGS.model_copy(update={"missing": Missing.FLAG})
    rows = hourly(200, spike=20)
    content = text([*rows[:100], *((time, "") for time, _ in rows[100:110])])
    found = list(csv.DictReader(io.StringIO(Answerer(query).answer(content, "a.csv").text)))
    assert [row["anomaly_flag"] for row in found[99:104]] == ["0", "1", "", "", ""]
    assert {row["state"] for row in found[100:]} == {"no_data"}


def test_rows_that_come_too_late_repeat_their_step_and_change_nothing() -> None:
    rows = hourly(200)
    late = [(rows[150][0], "9"), (rows[140][0], "9"), (rows[0][0] - 50 * HOUR, "9"), (rows[0][0], "")]
    plain = answers(rows)
    found = answers([*rows[:151], *late, *rows[151:]])
    assert found[:151] == plain[:151]
    assert found[155:] == plain[151:]
    same, before, far, first = found[151:155]
    assert same == {**plain[150], "value": "9", "detection": "0"}
    assert before["anomaly_score"] == plain[140]["anomaly_score"]
    assert (before["anomaly_flag"], before["alarm"], before["detection"]) == ("1", "firing", "0")
    assert (far["anomaly_score"], far["state"], far["alarm"]) == ("", "no_data", "firing")
    assert (first["anomaly_score"], first["state"]) == ("", "warming")


def test_a_gap_without_rows_is_like_rows_without_values() -> None:
    rows = hourly(200)
    without = answers([*rows[:100], *rows[110:]])
    empty = answers([*rows[:100], *((time, "") for time, _ in rows[100:110]), *rows[110:]])
    assert without[100:] == empty[110:]


def test_the_same_series_at_other_times_of_its_steps_scores_the_same() -> None:
    rows = hourly(200)
    shifted = answers([(time + 1_234, value) for time, value in rows])
    assert [row["anomaly_score"] for row in shifted] == [row["anomaly_score"] for row in answers(rows)]


@pytest.mark.parametrize("rows", [[], [(60.0, "1")], [(60.0, "")], [(60.0, "1"), (60.0, "2"), (0.0, "3")]])
def test_few_rows_are_answered(rows: list[Row]) -> None:
    assert {row["anomaly_score"] for row in answers(rows)} <= {""}


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(
            st.integers(60, 169), st.sampled_from(["duplicate", "backward", "empty", "late by a little", "gone"])
        ),
        max_size=6,
    ),
    st.integers(1, 60),
)
def test_cutting_off_the_end_changes_no_earlier_row(faults: list[tuple[int, str]], cut: int) -> None:
    rows = awkward(hourly(170), dict(faults))
    whole, part = answers(rows), answers(rows[:-cut])
    assert part == whole[:-cut]


def awkward(rows: Sequence[Row], faults: dict[int, str]) -> list[Row]:
    made: list[Row] = []
    for number, (time, value) in enumerate(rows):
        fault = faults.get(number)
        made += {
            None: [(time, value)],
            "duplicate": [(time, value), (time, "7")],
            "backward": [(time, value), (time - 5 * HOUR, "7")],
            "empty": [(time, "")],
            "late by a little": [(time + 700, value)],
            "gone": [],
        }[fault]
    return made


@pytest.mark.parametrize("step", [1, 7, 60, 300, 3_600, 86_400, 10**7])
def test_settings_that_do_not_go_with_a_step_are_made_to(step: int) -> None:
    query = fitted_to(DEFAULTS, step)
    assert list(timing_faults(query, None)) == []
    assert query.step == step


def test_settings_that_go_with_the_step_stay() -> None:
    query = DEFAULTS.model_copy(update={"fit_window": 259_200, "min_history": 21_600, "fit_every": 3_600})
    assert fitted_to(query, 300) == query


@pytest.mark.parametrize("step", [1, 86_400])
def test_very_short_and_very_long_steps_are_answered(step: int) -> None:
    rows = [(START + step * i, f"{i % 7}") for i in range(150)]
    found = answers(rows)
    assert found[-1]["state"] == ("warming" if step == 1 else "ok")
