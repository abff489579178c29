"""The text formats that a scrape reads: Prometheus' own (version 0.0.4) and OpenMetrics 1.0."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from prometheus_client.registry import Collector

# For label values, and for help texts, which have no quotes: those only OpenMetrics would escape there.
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_SPECIAL_NUMBERS = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


class Format(StrEnum):
    """The text formats by their content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """The labels as they stand in an exposition, braces and escapes included; nothing where there are none."""
    text = ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels])
    return "{" + text + "}" if text else ""


def family_head(name: str, kind: str, documentation: str) -> str:
    """The lines that come before the samples of a metric family."""
    return f"# HELP {name} {documentation.translate(_ESCAPES)}\n# TYPE {name} {kind}\n"


def gauge_samples(name: str, label_texts: Sequence[str], values: NDArray[np.float64]) -> bytes:
    """The samples of one gauge, a line each; rows that are NaN have no sample."""
    if not np.isfinite(values).all():
        shown = np.flatnonzero(~np.isnan(values))
        label_texts = [label_texts[row] for row in shown.tolist()]
        numbers = map(_number, values[shown].tolist())
    else:
        numbers = map(repr, values.tolist())
    lines = [f"{name}{labels} {number}\n" for labels, number in zip(label_texts, numbers, strict=True)]
    return _encoded("".join(lines))


def registry_text(registry: Collector, form: Format) -> bytes:
    """The counters, gauges and histograms of a registry, in OpenMetrics with the end mark.

    The library's own rendering takes several times as long, and adds a `_created` series to every counter.
    """
    parts = []
    for metric in registry.collect():
        total = "_total" if metric.type == "counter" and form is Format.TEXT else ""
        created = metric.name + "_created"
        parts.append(family_head(metric.name + total, metric.type, metric.documentation))
        parts += [
            f"{sample.name}{label_text(sorted(sample.labels.items()))} {_number(sample.value)}\n"
            for sample in metric.samples
            if sample.name != created
        ]
    if form is Format.OPENMETRICS:
        parts.append("# EOF\n")
    return _encoded("".join(parts))


def _number(value: float) -> str:
    text = repr(value)
    return _SPECIAL_NUMBERS.get(text, text)


def _encoded(text: str) -> bytes:
    # One series with text that is not Unicode must not cost the others their scrape.
    return text.encode(errors="replace")
