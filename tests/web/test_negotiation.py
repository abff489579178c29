import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.export.text import Format
from sidecar.web.negotiation import accepts_gzip, exposition_format

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml", Format.TEXT),
        (PROMETHEUS_2, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        ("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4", Format.TEXT),
        ("Application/OpenMetrics-Text", Format.OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;q=high", Format.TEXT),
        ("application/openmetrics-text, text/plain", Format.OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.1, */*;q=0.9", Format.TEXT),
        ("text/*;q=0.9, application/openmetrics-text;q=0.5", Format.TEXT),
    ],
)
def test_format(accept: str, form: Format) -> None:
    assert exposition_format(accept) is form


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("gzip;q=0, *", False),
    ],
)
def test_gzip(accept_encoding: str, accepted: bool) -> None:  # noqa: FBT001
    assert accepts_gzip(accept_encoding) is accepted


@given(st.text())
def test_any_header_is_understood_somehow(header: str) -> None:
    assert exposition_format(header) in Format
    assert accepts_gzip(header) in {True, False}
