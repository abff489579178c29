"""Numbers and findings in words, for people."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sidecar.detection.account import RAREST, Account
from sidecar.export.snapshot import State
from sidecar.web.listing import Row

MINUTE, HOUR, DAY = 60, 3_600, 86_400

UNSCORED = {
    State.WARMING: "Too little history to be scored yet.",
    State.NO_DATA: "The newest step has no sample.",
    State.STALE: "The last result has expired: nothing is known of now.",
    State.ERROR: "Its model could not be fitted.",
}


MEANINGS = {
    "value": "the value itself",
    "residual": "how far it is from what is expected at this time",
    "innovation": "how far it is from what the last minutes foretold",
    "nearest": "how far it is from the nearest of other days about this time",
    "drift": "the mean of the last 25 minutes against that of other days",
    "spread": "how it varies over the last 100 minutes",
    "nearest_spread": "how it varies compared with other days about this time",
    "mean": "the mean of the last 100 minutes",
    "long_residual": "how far the last 100 minutes are from what is expected",
    "restlessness": "how unforeseeable the last 100 minutes are",
    "roughness": "how it changes from step to step, against other days",
    "jump": "how far it has moved from the last half hour",
    "relative_jump": "how far it has moved, against its changes before",
    "outside": "how far it lies outside of what other days had about this time",
    "surprise": "how far it is from what the value before foretold",
}
"""What the detector's features look at."""

NOTICEABLE = 0.05
"""Share of the score that a feature must carry by itself to be told of."""
MOST_CAUSES = 3


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit; a dash where there is none."""
    if value is None:
        return "-"
    if unit == "ratio":
        return f"{100 * value:.3g} %"
    if unit == "bytes":
        return _binary(value)
    return f"{value:.4g} {'s' if unit == 'seconds' else unit}".rstrip()


def _binary(value: float) -> str:
    names = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    power = 0
    while abs(value) >= 1024 and power < len(names) - 1:  # noqa: PLR2004 what the prefixes mean
        value, power = value / 1024, power + 1
    return f"{value:.4g} {names[power]}"


def duration(seconds: float) -> str:
    """A length of time, roughly."""
    for length, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"


def instant(at: float) -> str:
    """A time, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def finding(row: Row, unit: str) -> str:
    """What the newest evaluation says of a series, in one sentence."""
    score = row.gauge("anomaly_score")
    if score is None and row.flag:
        return "It has vanished, which counts as an anomaly."
    if score is None:
        return UNSCORED.get(row.state, "It has no score.")
    value, expected = (quantity(row.gauge(name), unit) for name in ("anomaly_value", "anomaly_expected"))
    compared = f"{value} where {expected} was to be expected"
    if not row.flag:
        return f"Unusual, but no alarm: {compared}." if score >= 1 else f"As usual: {compared}."
    began = "Anomalous" if score >= 1 else "In an anomaly, calmer now"
    since = row.gauge("anomaly_start_timestamp_seconds")
    if since is None or since >= row.result.sample_time:
        return f"{began}: {compared}."
    return f"{began}, for {duration(row.result.sample_time - since)} so far: {compared}."


def reasons(why: Account) -> list[str]:
    """Why a series scores what it scores, in sentences, the most important first."""
    rarity = f"one in {why.one_in:,.0f} steps of its own past"
    rarest = f"Rarest is {MEANINGS[why.rarest]}: {rarity}{' or rarer' if why.one_in >= 10**RAREST else ''}."
    told = [f"What changed: {_listed(why.changed)}." if why.changed else "Nothing about it is rare.", rarest]
    causes = [(name, left) for name, left in why.without if left <= (1 - NOTICEABLE) * why.score]
    return told + [
        f"Were {MEANINGS[name]} as usual, the score would be {left:.2f} instead of {why.score:.2f}."
        for name, left in causes[:MOST_CAUSES]
    ]


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
