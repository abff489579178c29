"""What the rest of the project asks of a source of samples, and what can go wrong with it.

PrometheusError
├── UnreachableError   no whole answer: refused, reset, cut off, too slow
├── UnavailableError   the server said "not now" (429, 5xx) until the time was up
│   └── TooSlowError   Prometheus itself gave the expression up, as it took too long
├── RefusedError       the server, or what stands before it, does not let us in: 401, 403, 404, a redirect
├── BadQueryError      the server understood and will not evaluate the expression
│   └── UnfitError     it did evaluate it, and what comes out is nothing that can be scored
├── BadAnswerError     the answer is not what the API promises
│   └── TooLargeError  the answer is longer than we are willing to read
└── StoppedError       the source was closed meanwhile
"""

from dataclasses import dataclass, replace
from typing import Protocol

from sidecar.prometheus.frame import Frame


class PrometheusError(Exception):
    """A query that has no result.

    Attributes:
        requests: how many requests were made for it.
    """

    requests: int = 0


class UnreachableError(PrometheusError):
    """No whole answer came."""


class UnavailableError(PrometheusError):
    """The server answered that it cannot answer now.

    Attributes:
        retry_after: seconds it asks us to wait; None where it does not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooSlowError(UnavailableError):
    """The server is there, and took longer for the expression than it allows itself."""


class RefusedError(PrometheusError):
    """The server, or what stands before it, does not let us in."""


class BadQueryError(PrometheusError):
    """The server will not evaluate the expression."""


class UnfitError(BadQueryError):
    """The expression gives something that cannot be scored."""


class BadAnswerError(PrometheusError):
    """The answer is not what the API promises."""


class TooLargeError(BadAnswerError):
    """The answer is longer than we are willing to read."""


class StoppedError(PrometheusError):
    """The source was closed before the answer came."""


@dataclass(frozen=True, slots=True)
class LabelValues:
    """The values of a label, and what it took to list them.

    Attributes:
        values: in the order of the server.
        warnings: what the server said about the answer: parts of it may be missing.
        requests: HTTP requests made, retries included.
        size: bytes received, uncompressed.
    """

    values: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    requests: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class RangeResult:
    """The answer to a range query, and what it took.

    Attributes:
        frame: the samples on the asked grid, rows in ascending order of their labels.
        warnings: what the server said about the answer: parts of the data may be missing.
        infos: what the server said about the expression.
        requests: HTTP requests made, retries included.
        samples: samples received.
        size: bytes received, uncompressed.
    """

    frame: Frame
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    requests: int = 0
    samples: int = 0
    size: int = 0

    def after(self, listing: LabelValues) -> "RangeResult":
        """Return the result with what it took to list the values of a label before."""
        return replace(
            self,
            warnings=(*listing.warnings, *self.warnings),
            requests=self.requests + listing.requests,
            size=self.size + listing.size,
        )


class RangeSource(Protocol):
    """Anything that answers range queries."""

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """Evaluate `expr` at `start`, `start + step`, ... up to `end`, both multiples of `step`, unix seconds.

        Raises:
            PrometheusError: there is no answer, or not a usable one.
        """
        ...
