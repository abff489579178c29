import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import yaml

from sidecar.config.problems import ConfigError
from sidecar.web.access import PROBES, SECURITY_HEADERS, Access, guarded
from sidecar.web.app import create_app
from sidecar.web.server import HttpServer
from tests.real.certificates import Authority, Certificate
from tests.web.conftest import Sidecar

PASSWORD = "pass-w0rd"  # noqa: S105 - of a server that lives for one test
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuD6Kuk53ERDQ.USQr1Y0.VgiN2Jnyri2"
USERS: dict[str, object] = {"basic_auth_users": {"alice": BCRYPT}}
PATHS = ["/metrics", "/", "/config", "/-/reload", "/docs", "/api/v1/queries", "/no-such-path"]


@contextmanager
def serving(sidecar: Sidecar, access: Access) -> Iterator[str]:
    app = create_app(sidecar.backend, version="0", enable_lifecycle=True)
    server = HttpServer(guarded(app, access), "127.0.0.1:0", access.listening())
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def web_config(directory: Path, **keys: object) -> Path:
    file = directory / "web.yml"
    file.write_text(yaml.safe_dump(keys))
    return file


def tls(certificate: Certificate, **keys: object) -> dict[str, object]:
    files = {"cert_file": str(certificate.cert), "key_file": str(certificate.key)}
    return {"tls_server_config": files | keys}


def trusting(authority: Authority, shown: Certificate | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.cert)
    if shown:
        context.load_cert_chain(shown.cert, shown.key)
    return context


def status(url: str, context: ssl.SSLContext) -> int:
    return httpx.get(f"{url}/-/healthy", verify=context).status_code


@pytest.mark.parametrize("path", [*PATHS, *PROBES])
def test_without_a_password_nothing_is_shown(sidecar: Sidecar, tmp_path: Path, path: str) -> None:
    with serving(sidecar, Access(web_config(tmp_path, **USERS))) as url:
        answer = httpx.get(url + path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.text == "Unauthorized\n"
        assert httpx.get(url + path, auth=("alice", "wrong")).status_code == 401
        assert httpx.get(url + path, auth=("alice", PASSWORD)).status_code != 401


def test_only_the_probes_are_open_where_that_is_set(sidecar: Sidecar, tmp_path: Path) -> None:
    with serving(sidecar, Access(web_config(tmp_path, **USERS), PROBES)) as url:
        assert [httpx.get(url + path).status_code for path in PROBES] == [200, 200]
        assert {httpx.get(url + path).status_code for path in PATHS} == {401}
        for path in ("/-/healthy/../../metrics", "//-/healthy", "/-/healthy/", "/-/ready%2f..%2fmetrics"):
            assert httpx.get(url + path).status_code in (401, 404)
        assert httpx.post(f"{url}/-/reload").status_code == 401
    assert sidecar.reloads == 0


def test_every_answer_carries_the_security_headers(sidecar: Sidecar, tmp_path: Path) -> None:
    headers = {"X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=1"}
    with serving(sidecar, Access()) as url:
        for path in PATHS:
            found = httpx.get(url + path).headers
            assert {name: found[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        policy = httpx.get(url).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
    with serving(sidecar, Access(web_config(tmp_path, http_server_config={"headers": headers}))) as url:
        assert dict(httpx.get(url).headers).items() >= {name.lower(): text for name, text in headers.items()}.items()


def test_tls(sidecar: Sidecar, tmp_path: Path, authority: Authority) -> None:
    with serving(sidecar, Access(web_config(tmp_path, **tls(authority.issue("server")), **USERS))) as url:
        assert url.startswith("https://")
        assert status(url, trusting(authority)) == 401
        assert httpx.get(url, verify=trusting(authority), auth=("alice", PASSWORD)).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url.replace("https", "http"))


def test_versions_below_the_least_are_refused(sidecar: Sidecar, tmp_path: Path, authority: Authority) -> None:
    old = trusting(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    certificate = authority.issue("server")
    with serving(sidecar, Access(web_config(tmp_path, **tls(certificate)))) as url:
        assert status(url, old) == 200
    with serving(sidecar, Access(web_config(tmp_path, **tls(certificate, min_version="TLS13")))) as url:
        assert status(url, trusting(authority)) == 200
        with pytest.raises(httpx.ConnectError):
            status(url, old)


def test_client_certificates(sidecar: Sidecar, tmp_path: Path, authority: Authority) -> None:
    wanted = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(authority.cert)}
    stranger = Authority(tmp_path / "stranger").issue("client")
    with serving(sidecar, Access(web_config(tmp_path, **tls(authority.issue("server"), **wanted)))) as url:
        assert status(url, trusting(authority, authority.issue("client"))) == 200
        for shown in (None, stranger, authority.issue("late", days=-1)):
            with pytest.raises((httpx.TransportError, ssl.SSLError)):  # the alert and the end of the connection race
                status(url, trusting(authority, shown))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_from_before_new_demands_is_not_resumed(
    sidecar: Sidecar, tmp_path: Path, authority: Authority, version: ssl.TLSVersion
) -> None:
    certificate, context = authority.issue("server"), trusting(authority)
    context.minimum_version = context.maximum_version = version
    access = Access(web_config(tmp_path, **tls(certificate)))
    with serving(sidecar, access) as url:
        port = int(url.rpartition(":")[2])
        first, session, _ = asked(context, port, None)
        again, session, resumed = asked(context, port, session)
        assert (first[:15], again[:15], resumed) == (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", True)
        wanted = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(authority.cert)}
        web_config(tmp_path, **tls(certificate, **wanted))
        access.reload()
        with suppress(OSError):  # the alert and the end of the connection race
            assert asked(context, port, session)[0] == b""


def asked(
    context: ssl.SSLContext, port: int, session: ssl.SSLSession | None
) -> tuple[bytes, ssl.SSLSession | None, bool | None]:
    """The answer to a request, the session to go on with, and whether the given one was resumed."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
    ):
        connection.sendall(b"GET /-/healthy HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
        return answer, connection.session, connection.session_reused


def test_rotated_certificates_users_and_demands_are_taken_up(
    sidecar: Sidecar, tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path / "other")
    file = web_config(tmp_path, **tls(authority.issue("server")))
    access = Access(file)
    with serving(sidecar, access) as url:
        assert status(url, trusting(authority)) == 200
        wanted = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(authority.cert)}
        web_config(tmp_path, **tls(other.issue("server"), min_version="TLS13", **wanted), **USERS)
        access.reload()
        ours = authority.issue("client")
        assert status(url, trusting(other, ours)) == 401
        for context in (trusting(authority, ours), trusting(other)):
            with pytest.raises((httpx.TransportError, ssl.SSLError)):
                status(url, context)
    assert access.files[0] == file
    assert len(access.files) == 4


def test_what_is_not_valid_leaves_the_former_in_force(sidecar: Sidecar, tmp_path: Path, authority: Authority) -> None:
    certificate = authority.issue("server")
    access = Access(web_config(tmp_path, **tls(certificate), **USERS))
    broken: list[dict[str, object]] = [
        {"basic_auth_users": {"alice": "plain"}},
        USERS,  # without TLS, passwords would cross the network in the clear
        tls(Certificate(certificate.cert, authority.issue("stranger").key)),
        tls(Certificate(certificate.cert, tmp_path / "absent")),
        tls(certificate, client_auth_type="RequireAndVerifyClientCert", client_ca_file=str(certificate.key)),
    ]
    with serving(sidecar, access) as url:
        for keys in broken:
            web_config(tmp_path, **keys)
            with pytest.raises(ConfigError, match=r"web\.yml:\d"):
                access.reload()
            assert status(url, trusting(authority)) == 401
            assert httpx.get(url, verify=trusting(authority), auth=("alice", PASSWORD)).status_code == 200


def test_changed_users_need_their_new_password(sidecar: Sidecar, tmp_path: Path) -> None:
    access = Access(web_config(tmp_path, **USERS))
    with serving(sidecar, access) as url:
        assert httpx.get(url, auth=("alice", PASSWORD)).status_code == 200
        web_config(tmp_path, basic_auth_users={"bob": BCRYPT})
        access.reload()
        assert httpx.get(url, auth=("alice", PASSWORD)).status_code == 401
        assert httpx.get(url, auth=("bob", PASSWORD)).status_code == 200
