"""What a backtest of one query comes to: how often it would have alarmed, against its budget, and what it found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sidecar.backtest.incidents import Finding, Incident, findings
from sidecar.backtest.past import Span
from sidecar.backtest.trace import Alarm, Trace
from sidecar.config.schema import QueryConfig
from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.export.labels import ExportError, exported

WEEK = 7 * 86_400


@dataclass(frozen=True)
class Summary:
    """The backtest of one query under one configuration.

    Attributes:
        variant: which configuration, `A` or `B`; empty where there is only one.
        query: its settings.
        span: what was replayed.
        traces: its series.
        incidents: those of the span; none where they are not known.
        dropped: series that `max_series` left out.
    """

    variant: str
    query: QueryConfig
    span: Span
    traces: Sequence[Trace]
    incidents: Sequence[Incident] | None
    dropped: int

    @property
    def name(self) -> str:
        """The query and the variant."""
        return f"{self.query.name} {self.variant}".rstrip()

    @cached_property
    def series_weeks(self) -> float:
        """Weeks that were scored, over all series."""
        return sum(trace.scored_steps for trace in self.traces) * self.query.step / WEEK

    @cached_property
    def alarms(self) -> int:
        """Alarms of all series."""
        return sum(len(trace.alarms) for trace in self.traces)

    @property
    def rate(self) -> float:
        """Alarms per series and week; NaN where nothing was scored."""
        return self.alarms / self.series_weeks if self.series_weeks else float("nan")

    @property
    def budget(self) -> float:
        """The most alarms per series and week that the configuration allows on ordinary series."""
        return self.query.alarm_budget.per_second * WEEK

    @cached_property
    def findings(self) -> Sequence[Finding]:
        """Which incidents were found, of those that concern a series."""
        return findings(self.incidents or (), [(self.labels(trace), trace.alarms) for trace in self.traces])

    @property
    def found(self) -> int:
        """Number of incidents that were found."""
        return sum(finding.delay is not None for finding in self.findings)

    @cached_property
    def outside(self) -> int:
        """Alarms during no known incident."""
        return sum(not self.explained(trace, alarm) for trace in self.traces for alarm in trace.alarms)

    def explained(self, trace: Trace, alarm: Alarm) -> bool:
        """Whether an alarm of a series was on during an incident that concerns it."""
        return any(incident.meets(alarm) for incident in self.concerning(trace))

    def concerning(self, trace: Trace) -> list[Incident]:
        """The incidents that concern a series."""
        labels = self.labels(trace)
        return [finding.incident for finding in self.findings if finding.incident.concerns(labels)]

    def labels(self, trace: Trace) -> Mapping[str, str]:
        """The labels of a series as they are exported, and its own where these have other names."""
        try:
            return dict(trace.labels + exported(trace.labels, self.query.name, self.query.labels))
        except ExportError:  # it was gone before the span, else the backtest would have been refused
            return {**dict(trace.labels), **self.query.labels, ANOMALY_NAME: self.query.name}

    def by_week(self, trace: Trace) -> list[int]:
        """Number of alarms of a series that start in each week of the span."""
        counts = [0] * ((self.span.end - self.span.begin) // WEEK + 1)
        for alarm in trace.alarms:
            counts[(alarm.start - self.span.begin) // WEEK] += 1
        return counts

    @cached_property
    def noisiest(self) -> Sequence[Trace]:
        """The series that have alarms, those with the most first."""
        raised = [trace for trace in self.traces if trace.alarms]
        return sorted(raised, key=lambda trace: (-len(trace.alarms), trace.labels))


def within(incidents: Sequence[Incident], span: Span) -> list[Incident]:
    """The incidents that have a part in a span."""
    return [incident for incident in incidents if incident.start <= span.end and incident.end >= span.begin]
