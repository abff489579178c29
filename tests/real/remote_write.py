"""Samples as Prometheus' remote write takes them: a message of Protocol Buffers, in the format of Snappy."""

import struct
from collections.abc import Iterable, Mapping

import requests

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' staleness marker: a NaN of its own."""

Series = tuple[Mapping[str, str], Iterable[tuple[int, float]]]
"""Labels, the name among them, and samples: unix seconds, value."""


def remote_write(url: str, series: Iterable[Series]) -> None:
    """Send samples to a Prometheus that takes remote writes."""
    request = b"".join(_field(1, _series(labels, samples)) for labels, samples in series)
    headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    answer = requests.post(f"{url}/api/v1/write", data=_snappy(request), headers=headers, timeout=30)
    assert answer.ok, answer.text


def _series(labels: Mapping[str, str], samples: Iterable[tuple[int, float]]) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    points = (b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(1000 * at) for at, value in samples)
    return b"".join([*(_field(1, pair) for pair in pairs), *(_field(2, point) for point in points)])


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def _snappy(content: bytes) -> bytes:
    """The content as a single literal, which is all that the format asks for."""
    return _varint(len(content)) + b"\xfc" + (len(content) - 1).to_bytes(4, "little") + content
