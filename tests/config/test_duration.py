import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.duration import format_duration, seconds

UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("0s", 0), ("30s", 30), ("1h30m", 5_400), ("7d", 604_800), ("1w", 604_800), ("1y", 31_536_000),
     ("2000ms", 2), ("1s1000ms", 2), ("90m", 5_400), ("100y", 3_153_600_000)],
)  # fmt: skip
def test_reads_what_prometheus_reads(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "1.5h", "1m1h", "1h1h", "-1h", "1 h", "1h ", "1H", "5min", "٣s", "1m\n", "9" * 50 + "s", "101y"],
)
def test_refuses_what_is_none_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a duration like 30s, 5m, 1h30m or 7d"):
        seconds(text)


@pytest.mark.parametrize(("text", "instead"), [("1500ms", "2s"), ("10ms", "1s"), ("1m1ms", "1m")])
def test_refuses_parts_of_a_second(text: str, instead: str) -> None:
    with pytest.raises(ValueError, match=f"not a whole number of seconds: write {instead}$"):
        seconds(text)


@given(st.integers(min_value=0, max_value=3_153_600_000))
def test_what_is_written_is_read_back(duration: int) -> None:
    assert seconds(format_duration(duration)) == duration


@given(st.lists(st.integers(min_value=0, max_value=15), min_size=6, max_size=6).filter(any))
def test_the_parts_add_up(counts: list[int]) -> None:
    parts = list(zip(counts, UNITS, strict=True))
    text = "".join(f"{count}{unit}" for count, unit in parts if count)
    assert seconds(text) == sum(count * UNITS[unit] for count, unit in parts)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert seconds(text) >= 0
    except ValueError as error:
        assert len(str(error)) < 200  # noqa: PT017 both ways are right
