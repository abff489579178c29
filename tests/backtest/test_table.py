import math
from datetime import UTC, datetime

import numpy as np
import pytest

from sidecar.backtest.table import ANSWERS, BadFileError, read, seconds, write


def test_rows_are_kept_as_they_stand() -> None:
    table = read(b"timestamp,value\n2024-05-01 00:00:00, 1.50\n1714521660,\n", "a.csv")
    assert table.stamps == ["2024-05-01 00:00:00", "1714521660"]
    assert table.texts == [" 1.50", ""]
    assert table.times.tolist() == [1714521600, 1714521660]
    np.testing.assert_array_equal(table.values, [1.5, np.nan])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftimestamp,value\r\n60,1\r\n120,2\r\n",
        b"label,value,timestamp\n0,1,60\n1,2,120\n",
        b"timestamp,value,more\n60,1\n\n120,2,x,y\n",
        b' timestamp ,"value"\n"60","1"\n"120","2"',
    ],
    ids=["BOM and CRLF", "other order", "ragged and blank lines", "quotes and blanks"],
)
def test_files_may_be_written_in_many_ways(content: bytes) -> None:
    table = read(content, "a.csv")
    assert table.times.tolist() == [60, 120]
    assert table.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1714521600", datetime(2024, 5, 1, tzinfo=UTC)),
        ("1714521600.5", datetime(2024, 5, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01 00:00", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T00:00:00.000000", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T00:00:00Z", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T02:00:00+02:00", datetime(2024, 5, 1, tzinfo=UTC)),
        (" 2024-04-30 20:00:00-0400 ", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_times_are_iso_or_unix_and_utc_where_nothing_else_is_said(stamp: str, expected: datetime) -> None:
    assert seconds(stamp) == expected.timestamp()


@pytest.mark.parametrize("stamp", ["19000101", "20261127", " 20240229 ", "21001231"])
def test_eight_digits_that_are_a_date_are_not_taken_for_a_second_of_1970(stamp: str) -> None:
    day = f"{stamp.strip()[:4]}-{stamp.strip()[4:6]}-{stamp.strip()[6:]}"
    with pytest.raises(ValueError, match=f"^timestamp '{stamp}' is a date without dashes: write {day}, or "):
        seconds(stamp)
    assert seconds(f"{stamp.strip()}.0") == float(stamp)


@pytest.mark.parametrize("stamp", ["18991231", "20230229", "20261301", "21010101", "2026112", "202611270", "-20261127"])
def test_other_digits_are_seconds(stamp: str) -> None:
    assert seconds(stamp) == float(stamp)


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "inf", "-Inf", "1.7976931348623157e308", "-1.1e100"])
def test_what_is_not_finite_or_has_no_square_is_no_sample(text: str) -> None:
    assert math.isnan(read(f"timestamp,value\n60,{text}\n".encode(), "a.csv").values[0])


def test_a_series_that_counts_from_0_may_come_by_a_number_that_looks_like_a_date() -> None:
    assert read(b"timestamp,value\n20000060,1\n20000120,2\n", "a.csv").times.tolist() == [20_000_060, 20_000_120]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.csv:1: no column timestamp: the first line must name timestamp and value once each"),
        (b"timestamp,val\n60,1\n", "a.csv:1: no column value"),
        (b"timestamp,value,value\n60,1,2\n", "a.csv:1: more than one column value"),
        (b"timestamp,value\n60,1\nsoon,2\n", "a.csv:3: timestamp 'soon' is not a time"),
        (b"timestamp,value\n,1\n", "a.csv:2: timestamp '' is not a time"),
        (b"timestamp,value\n1714521600000,1\n", "a.csv:2: timestamp '1714521600000' is out of range: write unix"),
        (b"timestamp,value\n20220101,1\n20220102,2\n", "a.csv:2: timestamp '20220101' is a date without dashes: write"),
        (b"timestamp,value\n60,one\n", "a.csv:2: value 'one' is not a number: write a number, or leave it empty"),
        (b"timestamp,value\n60,1_000\n", "a.csv:2: value '1_000' is not a number"),
        ("timestamp,value\n60,\u0661\u0662\n".encode(), "a.csv:2: value '\u0661\u0662' is not a number"),
        (b"timestamp,value\n60\n", "a.csv:2: has 1 fields, timestamp and value are fields 1 and 2"),
        (b"timestamp,value\n60,\xff\n", "a.csv:2: is not UTF-8"),
        (b'timestamp,value\n60,"' + b"1" * 200_000 + b'"\n', "a.csv:2: field larger than field limit"),
    ],
)
def test_a_fault_is_told_with_file_and_line(content: bytes, message: str) -> None:
    with pytest.raises(BadFileError) as caught:
        read(content, "a.csv")
    assert str(caught.value).startswith(message)


def test_answers_stand_beside_the_rows() -> None:
    table = read(b'more,value,timestamp\n,1,"1 May, 2024"\n'.replace(b"1 May, 2024", b"2024-05-01"), "a.csv")
    assert write(table, [["x"] * len(ANSWERS)]) == (
        "timestamp,value,anomaly_score,anomaly_flag,detection,state,alarm,expected,lower,upper\n"
        "2024-05-01,1,x,x,x,x,x,x,x,x\n"
    )
