"""What a client accepts, by the headers of its request (RFC 9110, section 12.5)."""

from collections.abc import Iterator

from sidecar.export.text import Format

_MEDIA_TYPES = {
    ("application/openmetrics-text", "1.0.0"): Format.OPENMETRICS,
    ("application/openmetrics-text", ""): Format.OPENMETRICS,
    ("text/plain", "0.0.4"): Format.TEXT,
    ("text/plain", ""): Format.TEXT,
    ("text/*", ""): Format.TEXT,
    ("*/*", ""): Format.TEXT,
}


def exposition_format(accept: str) -> Format:
    """The format of the exposition that an Accept header prefers; text where it names none that we have."""
    wanted = [
        (quality, _MEDIA_TYPES[media, parameters.get("version", "")])
        for media, parameters, quality in _elements(accept)
        if quality > 0 and (media, parameters.get("version", "")) in _MEDIA_TYPES
    ]
    # The first of equals, as the clients that send no qualities expect.
    return max(wanted, key=lambda each: each[0], default=(1.0, Format.TEXT))[1]


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    qualities = {coding: quality for coding, _, quality in _elements(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _elements(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for element in header.split(","):
        value, *rest = (part.strip().lower() for part in element.split(";"))
        parameters = {name.strip(): text.strip().strip('"') for name, _, text in (part.partition("=") for part in rest)}
        yield value, parameters, _quality(parameters.get("q", "1"))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
