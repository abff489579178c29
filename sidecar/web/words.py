"""Numbers and findings in words, for people."""

from datetime import UTC, datetime

from sidecar.export.snapshot import State
from sidecar.web.listing import Row

MINUTE, HOUR, DAY = 60, 3_600, 86_400

UNSCORED = {
    State.WARMING: "Too little history to be scored yet.",
    State.NO_DATA: "The newest step has no sample.",
    State.STALE: "The last result has expired: nothing is known of now.",
    State.ERROR: "Its model could not be fitted.",
}


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
