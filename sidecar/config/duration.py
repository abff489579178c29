"""Durations as Prometheus writes them (`30s`, `1h30m`, `7d`), as whole seconds."""

import re

from sidecar.config.problems import MOST_QUOTED, shortened

_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PATTERN = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in _MILLISECONDS))
_WRITTEN = ("d", "h", "m", "s")
_LONGEST = 100 * 365 * 86_400
_FORM = "write a duration like 30s, 5m, 1h30m or 7d"


def seconds(text: str) -> int:
    """Seconds of a Prometheus duration; ValueError says what is wrong and what to write instead."""
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{shortened(text)!r} is not a duration: {_FORM}")
    if len(text) > MOST_QUOTED:
        raise ValueError(f"is longer than 100y: {_FORM}")
    milliseconds = sum(
        int(count or 0) * size for count, size in zip(match.groups(), _MILLISECONDS.values(), strict=True)
    )
    whole, rest = divmod(milliseconds, 1_000)
    if rest:
        raise ValueError(
            f"{text!r} is not a whole number of seconds: write {format_duration(max(1, round(milliseconds / 1_000)))}"
        )
    if whole > _LONGEST:
        raise ValueError(f"{text!r} is longer than 100y: {_FORM}")
    return whole


def format_duration(duration: int) -> str:
    """The shortest usual way to write a number of seconds, at least 0; `seconds` reads it back."""
    parts = []
    rest = duration * 1_000
    for unit in _WRITTEN:
        count, rest = divmod(rest, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
