"""Prometheus' HTTP API: range queries and label values, with everything that can go wrong on the way."""

import random
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from sidecar import __version__
from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus import access
from sidecar.prometheus.answer import excerpt, read_envelope, read_range, read_values
from sidecar.prometheus.frame import join
from sidecar.prometheus.pace import Pace
from sidecar.prometheus.source import (
    BadAnswerError,
    BadQueryError,
    LabelValues,
    PrometheusError,
    RangeResult,
    RefusedError,
    StoppedError,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    UnreachableError,
)
from sidecar.prometheus.transport import Adapter, Exchange

MAX_POINTS = 11_000
"""Points per series that Prometheus answers in one range query."""

_CHUNK = 1 << 16
_ATTEMPTS = 4
_Form: TypeAlias = list[tuple[str, str]]
_BAD_QUERY = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


class PrometheusClient:
    """A client of one Prometheus, for any number of threads.

    A first fill asks for millions of samples: what was received is paid for with a pause before the next range query,
    outside of the time that a request may take.

    Args:
        config: where the server is, how it lets us in, and the limits that are kept to; its timeout is for one
            request in all, waiting for its turn and retries included.
        max_body: bytes of an answer, uncompressed, that are read at most.
        backoff: seconds before the first retry; each further one waits about twice as long.
    """

    def __init__(self, config: PrometheusConfig, *, max_body: int = 32 << 20, backoff: float = 0.25) -> None:
        self._config = config
        self._url = config.url
        self._timeout = config.timeout
        self._max_body = max_body
        self._backoff = backoff
        self._pace = Pace(config.max_samples_per_second, time.monotonic)
        self._turn = threading.BoundedSemaphore(config.max_concurrent_requests)
        self._session = _session(config)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._in_flight: set[Exchange] = set()

    def query_range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        """Evaluate `expr` on the grid; see `RangeSource`."""
        span = (MAX_POINTS - 1) * step
        parts: list[RangeResult] = []
        for first in range(start, end + 1, MAX_POINTS * step):
            try:
                part = self._range(expr, first, min(first + span, end), step)
            except PrometheusError as error:
                error.requests += sum(done.requests for done in parts)
                raise
            parts.append(part)
        return _joined(parts)

    def label_values(self, label: str, selectors: Iterable[str], start: int, end: int) -> LabelValues:
        """List the values of a label; see `ListingSource`."""
        form = [("start", str(start)), ("end", str(end)), *(("match[]", selector) for selector in selectors)]
        body, made = self._ask("GET", f"/api/v1/label/{quote(label)}/values", form)
        try:
            return replace(read_values(body), requests=made)
        except PrometheusError as error:
            error.requests = made
            raise

    def close(self) -> None:
        """Give up whatever is in flight or waiting, from any thread; later queries raise `StoppedError`."""
        self._stop.set()
        with self._lock:
            for exchange in self._in_flight:
                exchange.cut()
        self._session.close()

    def _range(self, expr: str, start: int, end: int, step: int) -> RangeResult:
        form = [
            ("query", expr),
            ("start", str(start)),
            ("end", str(end)),
            ("step", str(step)),
            ("timeout", f"{self._timeout:.15g}s"),
        ]
        if not self._pace.wait(self._stop):
            raise StoppedError("closed")
        body, made = self._ask("POST", "/api/v1/query_range", form)
        try:
            result = replace(read_range(body, start, end, step), requests=made)
        except PrometheusError as error:
            error.requests = made
            raise
        self._pace.spend(result.samples)
        return result

    def _ask(self, method: str, path: str, form: _Form) -> tuple[bytes, int]:
        """Return the body of the answer and the number of requests it took."""
        deadline = time.monotonic() + self._timeout
        attempt = 1
        while True:
            try:
                return self._attempt(method, path, form, deadline), attempt
            except PrometheusError as error:
                error.requests = attempt
                if not self._wait_for_retry(error, attempt, deadline):
                    raise
            attempt += 1

    def _wait_for_retry(self, error: PrometheusError, attempt: int, deadline: float) -> bool:
        """Waits as long as the server asked for, else exponentially longer; False where there is no next attempt."""
        if attempt == _ATTEMPTS or not isinstance(error, UnreachableError | UnavailableError):
            return False
        pause = self._backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
        if isinstance(error, UnavailableError) and error.retry_after is not None:
            pause = error.retry_after
        return time.monotonic() + pause < deadline and not self._stop.wait(pause)

    def _attempt(self, method: str, path: str, form: _Form, deadline: float) -> bytes:
        if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise UnreachableError(f"no turn within {self._timeout:g} s: raise max_concurrent_requests or timeout")
        try:
            return self._exchange(method, path, form, max(0.001, deadline - time.monotonic()))
        finally:
            self._turn.release()

    def _exchange(self, method: str, path: str, form: _Form, seconds: float) -> bytes:
        with Exchange(seconds) as exchange:
            with self._lock:
                self._in_flight.add(exchange)
            try:
                if self._stop.is_set():
                    raise StoppedError("closed")
                body = self._send(method, path, form, seconds)
            except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:  # the last of a server name
                raise self._failure(error, exchange) from error
            finally:
                with self._lock:
                    self._in_flight.remove(exchange)
        if exchange.was_cut:  # an answer without a length ends where it is cut
            raise self._failure(EOFError(), exchange)
        return body

    def _send(self, method: str, path: str, form: _Form, seconds: float) -> bytes:
        response = self._session.request(
            method,
            self._url + path,
            params=form if method == "GET" else None,
            data=form if method == "POST" else None,
            headers=access.headers(self._config),
            verify=access.verification(self._config.tls_config),
            cert=access.certificate(self._config.tls_config),
            timeout=seconds,
            stream=True,
        )
        with response:
            body = self._read(response)
        if response.status_code != HTTPStatus.OK:
            raise _refusal(response, body)
        return body

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._max_body:
                raise TooLargeError(
                    f"the answer has more than {self._max_body} bytes: narrow or aggregate the expression"
                )
        return bytes(body)

    def _failure(self, error: BaseException, exchange: Exchange) -> PrometheusError:
        if self._stop.is_set():
            return StoppedError("closed while a request was in flight")
        if exchange.was_cut or isinstance(error, requests.Timeout):
            return UnreachableError(f"{self._url}: no whole answer within {self._timeout:g} s")
        if isinstance(error, requests.exceptions.InvalidHeader):  # its text quotes what may be secret
            return UnreachableError(f"{self._url}: a header is not valid: see authorization and http_headers")
        if isinstance(error, requests.exceptions.ContentDecodingError):
            return BadAnswerError(f"{self._url}: the answer cannot be decompressed: {error}")
        while error.__context__ is not None:  # the first cause says most in the fewest words
            error = error.__context__
        return UnreachableError(f"{self._url}: {error or type(error).__name__}")


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Take a redirect for an answer like any other: followed, it might carry our credentials elsewhere."""


def _session(config: PrometheusConfig) -> requests.Session:
    session = _Session()
    session.trust_env = False  # what we send, and through which proxy, is said in our configuration alone
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = f"prometheus-anomaly-sidecar/{__version__}"
    if config.proxy_url is not None:
        session.proxies = {"http": config.proxy_url, "https": config.proxy_url}
    session.mount("http://", Adapter(config.max_concurrent_requests))
    session.mount("https://", Adapter(config.max_concurrent_requests, config.tls_config.server_name))
    return session


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "what is no URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _refusal(response: requests.Response, body: bytes) -> PrometheusError:
    """Say what an answer other than 200 means, with the server's own words."""
    status = response.status_code
    said = _said(body)
    text = f"HTTP {status}: {excerpt(body) if said is None else said}"
    if status in _BAD_QUERY and said is not None:
        return BadQueryError(said)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = TooSlowError if said is not None and said.startswith("timeout:") else UnavailableError
        return kind(text, _retry_after(response.headers.get("Retry-After")))
    if response.is_redirect:
        target = _without_credentials(response.headers["Location"])
        return RefusedError(
            f"HTTP {status}: a redirect to {target}, which is not followed: set prometheus.url to the API"
        )
    if status == HTTPStatus.NOT_FOUND:
        asked = _without_credentials(response.url)
        text += f" at {asked}: set prometheus.url to what comes before /api/v1 there"
    return RefusedError(text)


def _said(body: bytes) -> str | None:
    """The error that Prometheus itself reports; None where the body is of what stands before it, or of a TLS port."""
    try:
        read_envelope(body)
    except BadQueryError as error:
        return str(error)
    except BadAnswerError:
        pass
    return None


def _retry_after(header: str | None) -> float | None:
    """Read the seconds or the date of a Retry-After header; None where there is none to be understood."""
    if header is None:
        return None
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _joined(parts: Sequence[RangeResult]) -> RangeResult:
    return RangeResult(
        join([part.frame for part in parts]),
        tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        tuple(dict.fromkeys(text for part in parts for text in part.infos)),
        requests=sum(part.requests for part in parts),
        samples=sum(part.samples for part in parts),
        size=sum(part.size for part in parts),
    )
