import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from sidecar.export.text import Format, family_head, gauge_samples, label_text, registry_text

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def test_label_text_escapes_what_would_end_the_value() -> None:
    assert label_text([("a", 'x"y'), ("b", "back\\slash\nline")]) == r'{a="x\"y",b="back\\slash\nline"}'


def test_no_labels_have_no_text() -> None:
    assert label_text([]) == ""


def test_family_head_escapes_its_documentation() -> None:
    assert family_head("a", "gauge", "one\ntwo \\") == "# HELP a one\\ntwo \\\\\n# TYPE a gauge\n"


@given(st.lists(FLOATS))
def test_values_are_parsed_to_what_they_were(values: list[float]) -> None:
    texts = [f'{{row="{row}"}}' for row in range(len(values))]
    lines = gauge_samples("anomaly_score", texts, np.array(values, dtype=float))

    parsed = {s.labels["row"]: s.value for family in parse_text(lines.decode()) for s in family.samples}
    assert parsed == {str(row): value for row, value in enumerate(values) if not math.isnan(value)}


def test_text_that_is_not_unicode_does_not_break_the_exposition() -> None:
    assert gauge_samples("a", [label_text([("pod", "\udcff")])], np.zeros(1)) == b'a{pod="?"} 0.0\n'


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("cakes", "Cakes, all of\nthem.", ["kind"], registry=registry).labels('a"\\\n').inc(3)
    Gauge("heat", "Heat.", registry=registry).set(math.nan)
    Gauge("cold", "Cold.", registry=registry).set(-math.inf)
    Histogram("size", "Size.", buckets=[0.1, 1], registry=registry).observe(0.5)
    return registry


def without_created(samples: list[Sample]) -> list[str]:
    return [repr(sample) for sample in samples if not sample.name.endswith("_created")]


def test_a_registry_reads_as_the_librarys_own_text_does(registry: CollectorRegistry) -> None:
    ours = [s for family in parse_text(registry_text(registry, Format.TEXT).decode()) for s in family.samples]
    theirs = [s for family in parse_text(generate_latest(registry).decode()) for s in family.samples]

    assert [repr(sample) for sample in ours] == without_created(theirs)


def parsed(text: bytes) -> list[Metric]:
    return list(parse_openmetrics(text.decode()))  # type: ignore[no-untyped-call]


def test_a_registry_reads_as_the_librarys_own_openmetrics_does(registry: CollectorRegistry) -> None:
    ours = parsed(registry_text(registry, Format.OPENMETRICS))
    theirs = parsed(generate_openmetrics(registry))  # type: ignore[no-untyped-call]

    assert [(f.name, f.type, f.documentation) for f in ours] == [(f.name, f.type, f.documentation) for f in theirs]
    assert [repr(s) for f in ours for s in f.samples] == without_created([s for f in theirs for s in f.samples])
