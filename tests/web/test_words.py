import numpy as np
import pytest

from sidecar.detection.account import Account
from sidecar.detection.features import NAMES
from sidecar.export.snapshot import QueryResult, SeriesTable, State
from sidecar.web.listing import Row
from sidecar.web.words import MEANINGS, duration, finding, quantity, reasons

AT = 1_700_000_000


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.931, "ratio", "93.1 %"),
        (0.5, "", "0.5"),
        (1234.567, "cores", "1235 cores"),
        (0.25, "seconds", "0.25 s"),
        (512.0, "bytes", "512 B"),
        (-3.5 * 1024**3, "bytes", "-3.5 GiB"),
        (1e30, "bytes", "8.882e+14 PiB"),
        (None, "ratio", "-"),
    ],
)
def test_a_quantity_has_its_unit(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "less than a minute"), (60, "1 minute"), (7_199, "1 hour"), (7_200, "2 hours"), (200_000, "2 days")],
)
def test_a_duration_is_told_roughly(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def row(score: float, flag: float, since: float = np.nan) -> Row:
    gauges = {
        "anomaly_score": score,
        "anomaly_flag": flag,
        "anomaly_value": 0.9,
        "anomaly_expected": 0.3,
        "anomaly_start_timestamp_seconds": since,
    }
    table = SeriesTable(((("pod", "a"),),), {name: np.array([value]) for name, value in gauges.items()})
    return Row(QueryResult("cpu", AT, AT, table, {}, {}), table.labels[0], State.OK, 0)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (row(2, 1, AT - 1500), "Anomalous, for 25 minutes so far: 90 % where 30 % was to be expected."),
        (row(2, 1, AT), "Anomalous: 90 % where 30 % was to be expected."),
        (row(2, 1), "Anomalous: 90 % where 30 % was to be expected."),
        (
            row(0.6, 1, AT - 1500),
            "In an anomaly, calmer now, for 25 minutes so far: 90 % where 30 % was to be expected.",
        ),
        (row(1.2, 0), "Unusual, but no alarm: 90 % where 30 % was to be expected."),
        (row(np.nan, 1), "It has vanished, which counts as an anomaly."),
        (row(np.nan, np.nan), "It has no score."),
        (row(0.5, 0), "As usual: 90 % where 30 % was to be expected."),
    ],
)
def test_a_finding_says_how_things_are(shown: Row, text: str) -> None:
    assert finding(shown, "ratio") == text


def test_reasons_tell_what_changed_how_rare_it_is_and_what_carries_it() -> None:
    left = (("drift", 0.9), ("spread", 1.9), ("value", 2.0))
    why = Account(score=2.0, without=left, changed=("trend", "level"), rarest="drift", one_in=2000)

    assert reasons(why) == [
        "What changed: trend and level.",
        "Rarest is the mean of the last 25 minutes against that of other days: one in 2,000 steps of its own past.",
        f"Were {MEANINGS['drift']} as usual, the score would be 0.90 instead of 2.00.",
        "Were how it varies over the last 100 minutes as usual, the score would be 1.90 instead of 2.00.",
    ]


def test_an_ordinary_step_has_nothing_rare() -> None:
    why = Account(score=0.5, without=(("value", 0.5),), changed=(), rarest="value", one_in=1e6)

    assert reasons(why) == [
        "Nothing about it is rare.",
        "Rarest is the value itself: one in 1,000,000 steps of its own past or rarer.",
    ]


def test_every_feature_has_a_meaning() -> None:
    assert set(MEANINGS) == set(NAMES)
