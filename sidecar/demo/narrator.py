"""Tells on the terminal what the demo does, where to look, and which series it flags."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from sidecar.demo.incidents import SCRIPT
from sidecar.demo.series import HOSTS, MINUTE
from sidecar.export.snapshot import QueryResult, State


@dataclass(frozen=True, slots=True)
class _Row:
    """What is told of one series."""

    flagged: bool
    score: float
    value: float
    expected: float

    def __str__(self) -> str:
        expected = "" if math.isnan(self.expected) else f"  expected {self.expected:.0%}"
        return f"score {self.score:.2f}  CPU {self.value:.0%}{expected}"


class Narrator:
    """Writes plain lines to `stream`: an introduction, then whatever changes from one result to the next."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows: Mapping[str, _Row] = {}
        self._flagged: set[str] = set()
        self._summary = ""

    def introduce(self, metrics_url: str, speed: float) -> None:
        """Say what will happen and where to look; `speed` in simulated seconds per real second."""
        first = SCRIPT[0]
        self._say(
            f"The main job on {len(HOSTS)} made-up hosts with a week of CPU history: queries, Isolation Forest and",
            f"gauges are those of `sidecar run`. Time passes {speed / MINUTE:g} minutes a second.",
            f"After {first.start / speed:.0f} s {first.host} goes wrong: {first.what}. Others follow.",
            f"Watch it here, or:  curl -s {metrics_url} | grep -E '^anomaly_(flag|score)'",
            "Times are simulated, UTC. A score of 1 is the threshold. Ctrl-C ends.",
            "",
        )

    def report(self, result: QueryResult) -> None:
        """Tell what the newest result changed: flags that went on or off, and how the other series fare."""
        before, self._rows = self._rows, _rows(result)
        self._flagged |= {name for name, row in self._rows.items() if row.flagged}
        changes = [
            *(
                f"{name:<13} FLAGGED  {row}"
                for name, row in self._rows.items()
                if row.flagged and not _on(before, name)
            ),
            *(f"{name:<13} {self._ending(name)}" for name in before if _on(before, name) and not _on(self._rows, name)),
        ]
        summary = _counts(result, self._rows)
        if changes or summary != self._summary:
            self._summary = summary
            at = datetime.fromtimestamp(result.sample_time, UTC).strftime("%a %H:%M")
            self._say(*(f"{at}  {line}" for line in [*changes, summary + _highest(self._rows, self._flagged)]))

    def _ending(self, name: str) -> str:
        row = self._rows.get(name)
        return f"cleared  {row}" if row else "gone     no longer scored"

    def _say(self, *lines: str) -> None:
        self._stream.writelines(f"{line}\n" for line in lines)
        self._stream.flush()


def _rows(result: QueryResult) -> dict[str, _Row]:
    """The scored series by their instance."""
    names = [dict(labels).get("instance", "") for labels in result.series.labels]
    columns = [
        result.series.gauges.get(f"anomaly_{column}", [math.nan] * len(names))
        for column in ("flag", "score", "value", "expected")
    ]
    figures = zip(*columns, strict=True)
    return {
        name: _Row(flag == 1, float(score), float(value), float(expected))
        for name, (flag, score, value, expected) in zip(names, figures, strict=True)
    }


def _on(rows: Mapping[str, _Row], name: str) -> bool:
    return name in rows and rows[name].flagged


def _counts(result: QueryResult, rows: Mapping[str, _Row]) -> str:
    flagged = sum(row.flagged for row in rows.values())
    unscored = [f"{number} {state}" for state, number in result.states.items() if number and state is not State.OK]
    return ", ".join([f"{flagged} flagged", f"{len(rows) - flagged} healthy", *unscored])


def _highest(rows: Mapping[str, _Row], flagged: set[str]) -> str:
    """The highest score among those that never were flagged: the windows of the others hold that for a while."""
    scores = [row.score for name, row in rows.items() if name not in flagged]
    return f"; scores of those never flagged up to {max(scores):.2f}" if scores else ""
