"""Whatever a server does, a query ends in time, with a result or an error that says what happened."""

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.source import (
    BadAnswerError,
    BadQueryError,
    RangeResult,
    RefusedError,
    StoppedError,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    UnreachableError,
)
from tests.prometheus.raw_server import Answer, RawServer, hangs, http, matrix, raw_server, resets, trickles
from tests.real.processes import free_port, wait_until

T0 = 1_700_000_040
GOOD = http(200, matrix({"metric": {"__name__": "up", "a": "1"}, "values": [[T0, "1"]]}))


def client(url: str, **keys: Any) -> PrometheusClient:  # noqa: ANN401 - the keys of a configuration
    limits = {name: keys.pop(name) for name in ("max_body",) if name in keys}
    return PrometheusClient(PrometheusConfig(url=url, **({"timeout": 5} | keys)), backoff=0.001, **limits)


def ask(source: PrometheusClient) -> RangeResult:
    return source.query_range("up", T0, T0, 60)


def asked(*answers: Answer, **keys: Any) -> RangeResult:  # noqa: ANN401 - the keys of a configuration
    with raw_server(*answers) as server:
        source = client(server.url, **keys)
        try:
            return ask(source)
        finally:
            source.close()


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server(GOOD) as running:
        yield running


def test_the_question() -> None:
    with raw_server(GOOD) as server:
        result = ask(client(server.url + "/prefix"))
    assert result.frame.labels == ((("a", "1"),),)
    assert (result.requests, result.samples) == (1, 1)
    assert result.size > 0
    [request] = server.seen
    assert request.head.startswith("POST /prefix/api/v1/query_range HTTP/1.1")
    assert request.body == f"query=up&start={T0}&end={T0}&step=60&timeout=5s"
    assert "User-Agent: prometheus-anomaly-sidecar/" in request.head


def test_split_at_the_most_points_of_an_answer() -> None:
    with raw_server(http(200, matrix(warnings=["w"], infos=["i"]))) as server:
        result = client(server.url).query_range("up", T0, T0 + 11_000 * 60, 60)
    assert [request.body.split("&")[1:3] for request in server.seen] == [
        [f"start={T0}", f"end={T0 + 10_999 * 60}"],
        [f"start={T0 + 11_000 * 60}", f"end={T0 + 11_000 * 60}"],
    ]
    assert result.frame.values.shape == (0, 11_001)
    assert (result.requests, result.warnings, result.infos) == (2, ("w",), ("i",))


def test_failure_of_a_later_part_counts_all_requests() -> None:
    no = '{"status":"error","errorType":"bad_data","error":"no"}'
    with raw_server(http(200, matrix()), http(400, no)) as server, pytest.raises(BadQueryError) as raised:
        client(server.url).query_range("up", T0, T0 + 11_000 * 60, 60)
    assert raised.value.requests == 2


UNUSABLE = {
    "HTML": (http(200, "<html><b>Sign in</b></html>"), "not the JSON of the Prometheus API.*<html>"),
    "truncated JSON": (http(200, matrix()[:-9]), "not the JSON"),
    "nothing": (http(200, ""), "not the JSON"),
    "other JSON": (http(200, "[1, 2]"), '"status" is missing'),
    "deep JSON": (http(200, "[" * 100_000), "not the JSON"),
    "gzip garbage": (http(200, b"\x1f\x8bgarbage", "Content-Encoding: gzip"), "cannot be decompressed"),
    "a vector": (http(200, '{"status":"success","data":{"resultType":"vector","result":[]}}'), "gives a vector"),
    "no data": (http(200, '{"status":"success"}'), "not a range"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_answer(case: str) -> None:
    answer, message = UNUSABLE[case]
    with pytest.raises(BadAnswerError, match=message) as raised:
        asked(answer)
    assert raised.value.requests == 1


def error(kind: str, text: str) -> str:
    return f'{{"status":"error","errorType":"{kind}","error":"{text}"}}'


@pytest.mark.parametrize("status", [200, 400, 422])
def test_error_carries_the_servers_words(status: int) -> None:
    with pytest.raises(BadQueryError, match=r"^bad_data: parse error at char 3$") as raised:
        asked(http(status, error("bad_data", "parse error at char 3")))
    assert raised.value.requests == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
def test_refused(status: int) -> None:
    with pytest.raises(RefusedError, match=f"^HTTP {status}: 'no tenant'") as raised:
        asked(http(status, "no tenant"))
    assert raised.value.requests == 1


def test_what_is_not_found_says_where_it_was_looked_for() -> None:
    with raw_server(http(404, "page not found")) as server:
        source = client(server.url + "/graph")
        with pytest.raises(RefusedError, match=f"{server.url}/graph/api/v1/query_range: set prometheus.url to"):
            ask(source)


def test_redirect_is_reported_and_not_followed() -> None:
    with raw_server(GOOD) as elsewhere:
        location = elsewhere.url.replace("//", "//user:secret@") + "/login?token=secret"
        with pytest.raises(RefusedError, match="which is not followed") as raised:
            asked(http(302, "", f"Location: {location}"))
    assert elsewhere.seen == []
    assert elsewhere.url + "/login," in str(raised.value)
    assert "secret" not in str(raised.value)


def test_redirect_to_nowhere() -> None:
    with pytest.raises(RefusedError, match="a redirect to what is no URL"):
        asked(http(302, "", "Location: http://[broken/"))


@pytest.mark.parametrize(
    "failure", [http(503, error("unavailable", "starting")), http(500, "x"), http(429, "x"), resets]
)
def test_retries_until_it_answers(failure: Answer) -> None:
    assert asked(failure, failure, GOOD).requests == 3


def test_retries_end() -> None:
    with pytest.raises(UnavailableError, match="HTTP 503: unavailable: starting") as raised:
        asked(http(503, error("unavailable", "starting")))
    assert not isinstance(raised.value, TooSlowError)
    assert raised.value.requests == 4


def test_an_expression_that_takes_too_long_is_told_from_a_server_that_is_away() -> None:
    with pytest.raises(TooSlowError, match="HTTP 503: timeout: query timed out") as raised:
        asked(http(503, error("timeout", "query timed out")))
    assert raised.value.requests == 4


@pytest.mark.parametrize(
    "wait", ["0", "nonsense", format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)]
)
def test_retry_after_is_honoured(wait: str) -> None:
    assert asked(http(429, "slow down", f"Retry-After: {wait}"), GOOD).requests == 2


@pytest.mark.parametrize("wait", ["3600", "9" * 500, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_the_deadline_is_not_waited_for(wait: str) -> None:
    with pytest.raises(UnavailableError, match="HTTP 429") as raised:
        asked(http(429, "slow down", f"Retry-After: {wait}"), GOOD)
    assert raised.value.requests == 1


def test_truncated_body_is_asked_for_again() -> None:
    assert asked(http(200, matrix()[:5], length=1000), GOOD).requests == 2


def test_nobody_there() -> None:
    with pytest.raises(UnreachableError, match="refused") as raised:
        ask(client(f"http://127.0.0.1:{free_port()}"))
    assert raised.value.requests == 4


HELD_UP = {
    "no answer": hangs,
    "slow head": trickles(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "slow body": trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "slow body without a length": trickles(b"HTTP/1.1 200 OK\r\n\r\n"),
    "slow chunks": trickles(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
}


@pytest.mark.parametrize("case", HELD_UP)
def test_deadline_is_for_the_whole_request(case: str) -> None:
    with pytest.raises(UnreachableError, match="no whole answer within 1 s"):
        asked(HELD_UP[case], timeout=1)


def test_deadline_is_for_the_handshake_too() -> None:
    record = b"\x16\x03\x03\x40\x00"  # the head of a long one
    with raw_server(trickles(record)) as server:
        source = client(server.url.replace("http:", "https:"), timeout=1)
        with pytest.raises(UnreachableError, match="no whole answer within 1 s"):
            ask(source)
        source.close()


def closing(source: PrometheusClient, server: RawServer) -> threading.Thread:
    """A thread that closes a client once its request has come."""

    def close() -> None:
        wait_until(lambda: bool(server.seen), "a request")
        source.close()

    thread = threading.Thread(target=close)
    thread.start()
    return thread


@pytest.mark.parametrize("case", HELD_UP)
def test_close_ends_what_is_in_flight(case: str) -> None:
    with raw_server(HELD_UP[case]) as server:
        source = client(server.url, timeout=60)
        closer = closing(source, server)
        with pytest.raises(StoppedError, match="in flight"):
            ask(source)
        closer.join()
        with pytest.raises(StoppedError, match="closed"):
            ask(source)


def test_close_ends_the_wait_for_a_retry() -> None:
    with raw_server(http(503, "x", "Retry-After: 50")) as server:
        source = client(server.url, timeout=60)
        closer = closing(source, server)
        with pytest.raises((UnavailableError, StoppedError)):
            ask(source)
        closer.join()


def test_requests_wait_for_their_turn(server: RawServer) -> None:
    source = client(server.url, timeout=1, max_concurrent_requests=1)
    with source._turn, pytest.raises(UnreachableError, match="raise max_concurrent_requests"):
        ask(source)
    assert server.seen == []
    assert ask(source).requests == 1


def test_body_is_bounded() -> None:
    with pytest.raises(TooLargeError, match="more than 1000 bytes") as raised:
        asked(http(200, b" " * 100_000), max_body=1000)
    assert raised.value.requests == 1


def test_decompressed_body_is_bounded() -> None:
    with pytest.raises(TooLargeError):
        asked(http(200, gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"), max_body=100_000)


def test_compressed_answer() -> None:
    body = matrix({"metric": {}, "values": [[T0, "1"]]}).encode()
    result = asked(http(200, gzip.compress(body), "Content-Encoding: gzip"))
    assert (result.samples, result.size) == (1, len(body))


def test_cookies_are_not_kept() -> None:
    with raw_server(http(200, matrix(), "Set-Cookie: session=1; Path=/")) as server:
        source = client(server.url)
        ask(source)
        ask(source)
    assert "Cookie" not in server.seen[1].head


def test_basic_auth_is_read_anew_for_each_request(server: RawServer, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first\n")
    source = client(server.url, basic_auth={"username": "jürgen", "password_file": password})
    ask(source)
    password.write_text("second\n")
    ask(source)
    assert "Authorization: Basic asO8cmdlbjpmaXJzdA==" in server.seen[0].head
    assert "Authorization: Basic asO8cmdlbjpzZWNvbmQ=" in server.seen[1].head


def test_bearer_token(server: RawServer) -> None:
    ask(client(server.url, authorization={"credentials": SecretStr("t0ken")}))
    assert "Authorization: Bearer t0ken\n" in server.seen[0].head


def test_custom_headers(server: RawServer, tmp_path: Path) -> None:
    path = tmp_path / "tenant"
    path.write_text("c\n")
    header = {"values": ["a"], "secrets": [SecretStr("b")], "files": [path]}
    ask(client(server.url, http_headers={"X-Scope-OrgID": header}))
    assert "X-Scope-OrgID: a, b, c\n" in server.seen[0].head


def test_secret_that_cannot_be_read(server: RawServer, tmp_path: Path) -> None:
    with pytest.raises(
        RefusedError, match=r"prometheus.authorization.credentials_file: .*token cannot be read: No such"
    ):
        ask(client(server.url, authorization={"credentials_file": tmp_path / "token"}))
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(RefusedError, match="it is not UTF-8 text"):
        ask(client(server.url, authorization={"credentials_file": tmp_path / "token"}))
    assert server.seen == []


def test_secrets_are_told_of_by_the_key_that_gives_them(server: RawServer, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"prometheus\.basic_auth\.username: the value holds characters"):
        ask(client(server.url, basic_auth={"username": "a\nb", "password": SecretStr("c")}))
    (tmp_path / "password").write_text("a\nb")
    with pytest.raises(RefusedError, match=r"prometheus\.basic_auth\.password_file: .*password holds characters"):
        ask(client(server.url, basic_auth={"username": "a", "password_file": tmp_path / "password"}))
    with pytest.raises(RefusedError, match=r"prometheus\.basic_auth\.password_file: .* cannot be read: "):
        ask(client(server.url, basic_auth={"username": "a", "password_file": tmp_path / "nul\0"}))


@pytest.mark.parametrize("secret", ["s3cr\net", "s3cr\x00et", "s3cr\ret"])
def test_secret_that_no_header_can_hold_stays_secret(server: RawServer, secret: str) -> None:
    with pytest.raises(RefusedError, match="a line break") as raised:
        ask(client(server.url, authorization={"credentials": SecretStr(secret)}))
    assert "s3cr" not in str(raised.value)
    assert server.seen == []


def test_environment_and_netrc_do_not_matter(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    ask(client(server.url))
    assert "Authorization" not in server.seen[0].head


def test_proxy(server: RawServer) -> None:
    ask(client("http://prometheus.invalid:9090", proxy_url=server.url))
    assert server.seen[0].head.startswith("POST http://prometheus.invalid:9090/api/v1/query_range")


def test_a_proxy_that_speaks_socks(server: RawServer) -> None:
    proxied = client("http://prometheus.invalid:9090", proxy_url=server.url.replace("http", "socks5h"))
    for _ in range(2):
        ask(proxied)
    for seen in server.seen:
        assert seen.head.startswith("POST /api/v1/query_range")
        assert "Host: prometheus.invalid:9090" in seen.head


def test_a_deadline_holds_through_a_proxy_that_speaks_socks() -> None:
    with raw_server(trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")) as server:
        url = server.url.replace("http", "socks5h")
        with pytest.raises(UnreachableError, match="1 s"):
            ask(client("http://prometheus.invalid:9090", proxy_url=url, timeout=1))


def test_the_values_of_a_label() -> None:
    body = b'{"status":"success","data":["a","b\\"c"],"warnings":["w"]}'
    with raw_server(http(200, body)) as server:
        listing = client(server.url + "/prefix").label_values("instance", ["x", 'y{a=~".+"}'], T0, T0 + 60)
    assert (listing.values, listing.warnings, listing.requests, listing.size) == (("a", 'b"c'), ("w",), 1, len(body))
    [request] = server.seen
    form = f"start={T0}&end={T0 + 60}&match%5B%5D=x&match%5B%5D=y%7Ba%3D~%22.%2B%22%7D"
    assert request.head.startswith(f"GET /prefix/api/v1/label/instance/values?{form} HTTP/1.1")


@pytest.mark.parametrize("data", [b'{"a": 1}', b"[1]", b'"text"'])
def test_what_is_no_list_of_values_is_refused(data: bytes) -> None:
    with (
        raw_server(http(200, b'{"status":"success","data":' + data + b"}")) as server,
        pytest.raises(BadAnswerError, match="label values") as raised,
    ):
        client(server.url).label_values("instance", [], T0, T0)
    assert raised.value.requests == 1


def test_a_pause_ends_at_close() -> None:
    with raw_server(GOOD) as server:
        source = client(server.url, max_samples_per_second=1)
        source._pace.spend(10**9)
        threading.Timer(0.05, source.close).start()
        with pytest.raises(StoppedError):
            ask(source)
    assert server.seen == []
