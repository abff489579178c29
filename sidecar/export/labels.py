"""From the labels of a source series to those that its gauges are exported with."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sidecar.config.vocabulary import ANOMALY_NAME
from sidecar.prometheus.frame import LabelSet, describe, sharing

# Empty where the source has none, or the scrape would fill in the sidecar's own, as `/federate` knows.
TARGET_LABELS = ("instance", "job")


class ExportError(ValueError):
    """The series of a query cannot be exported under labels of their own."""


def exported(source: LabelSet, anomaly_name: str, query_labels: Mapping[str, str]) -> LabelSet:
    """The label set that the gauges of a series carry: its own, the query's `labels` and `anomaly_name`.

    `__name__` is left out, and `instance` and `job` are empty where the source has none. Names that Prometheus did not
    allow before version 3 get underscores for the characters at fault, text that is not Unicode gets question marks,
    and of several leading underscores one is left, since names with two are reserved.

    Raises:
        ExportError: a label of the query is a label of the source too, or two labels would get one name.
    """
    if ANOMALY_NAME in query_labels:
        raise ExportError(
            f"query {anomaly_name}: {ANOMALY_NAME} is set by the sidecar: choose another name under labels"
        )
    kept = [(name, value) for name, value in source if name != "__name__"]
    labels = {_legacy_name(name): _unicode(value) for name, value in kept}
    if len(labels) < len(kept):
        raise ExportError(
            f"query {anomaly_name}: two labels of {describe(source)} differ only in characters other than "
            "letters, digits and _: leave one of them out, as sum without (...) does"
        )
    added = {**query_labels, ANOMALY_NAME: anomaly_name}
    if collisions := sorted(labels.keys() & added.keys()):
        raise ExportError(
            f"query {anomaly_name}: the series {describe(source)} already has {_listed(collisions)}: "
            f"{_remedy(collisions)}"
        )
    return tuple(sorted((dict.fromkeys(TARGET_LABELS, "") | labels | added).items()))


class Exporter:
    """Gives the series of one query their exported labels, and remembers those of the evaluation before."""

    def __init__(self, anomaly_name: str, query_labels: Mapping[str, str]) -> None:
        self._anomaly_name = anomaly_name
        self._query_labels = dict(query_labels)
        self._sources: tuple[LabelSet, ...] = ()
        self._shown: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._exported: tuple[LabelSet, ...] = ()

    def __call__(self, sources: tuple[LabelSet, ...], shown: NDArray[np.bool_] | None = None) -> tuple[LabelSet, ...]:
        """The exported label set of every series, in the same order; an empty one of those that are not `shown`.

        So a series that is gone, but still known, stands in the way of none that is there.

        Raises:
            ExportError: a label of the query is a label of a series too, or two series would become one.
        """
        shown = np.ones(len(sources), dtype=np.bool_) if shown is None else shown
        if sources != self._sources or not np.array_equal(shown, self._shown):
            known = dict(zip(self._sources, self._exported, strict=True))
            pairs = {pair: pair for source in sources for pair in source}
            labels = tuple(
                known.get(source) or sharing(exported(source, self._anomaly_name, self._query_labels), pairs)
                if on
                else ()
                for source, on in zip(sources, shown.tolist(), strict=True)
            )
            _refuse_duplicates([label_set for label_set in labels if label_set], self._anomaly_name)
            self._sources, self._shown, self._exported = sources, shown.copy(), labels
        return self._exported

    def source_of(self, labels: LabelSet) -> LabelSet | None:
        """The series that was last exported with such labels; None where none was."""
        return self._sources[self._exported.index(labels)] if labels in self._exported else None


def _refuse_duplicates(labels: Sequence[LabelSet], anomaly_name: str) -> None:
    if len(set(labels)) < len(labels):
        [(twice, count)] = Counter(labels).most_common(1)
        raise ExportError(
            f"query {anomaly_name}: {count} series would all be exported as {describe(twice)}: "
            "aggregate in the expression, or keep the label that tells them apart"
        )


def _legacy_name(name: str) -> str:
    if name.isascii() and name.isidentifier() and not name.startswith("__"):
        return name
    allowed = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return allowed if allowed[:1].isalpha() else "_" + allowed.lstrip("_")


def _unicode(value: str) -> str:
    return value if value.isascii() else value.encode(errors="replace").decode()


def _remedy(collisions: Sequence[str]) -> str:
    if ANOMALY_NAME in collisions:
        return "the expression must not select what a sidecar exports"
    return "choose other names under labels, or drop the series' own with an aggregation"


def _listed(names: Sequence[str]) -> str:
    return f"the label{'s' if len(names) > 1 else ''} {', '.join(names)}"
