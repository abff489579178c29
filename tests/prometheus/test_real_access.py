"""TLS, client certificates and passwords against a real Prometheus."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus.client import PrometheusClient
from sidecar.prometheus.source import RefusedError, UnreachableError
from tests.real.certificates import Authority, Certificate
from tests.real.servers import PrometheusServer

pytestmark = pytest.mark.real

T0 = 1_700_000_040
PASSWORD = "pass-w0rd"  # noqa: S105 - of a server that lives for one test
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuD6Kuk53ERDQ.USQr1Y0.VgiN2Jnyri2"

StartPrometheus = Callable[..., PrometheusServer]


def ask(server: PrometheusServer, tls: dict[str, Any], **keys: Any) -> int:  # noqa: ANN401 - of a configuration
    config = {"url": server.url, "timeout": 5, "tls_config": tls} | keys
    source = PrometheusClient(PrometheusConfig.model_validate(config), backoff=0.001)
    try:
        return source.query_range("vector(1)", T0, T0, 60).samples
    finally:
        source.close()


def tls(certificate: Certificate, **keys: str) -> dict[str, Any]:
    return {"tls_server_config": {"cert_file": str(certificate.cert), "key_file": str(certificate.key)} | keys}


def test_own_authority(prometheus_server: StartPrometheus, authority: Authority) -> None:
    server = prometheus_server(web=tls(authority.issue("server")))
    assert ask(server, {"ca_file": authority.cert}) == 1
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(server, {})


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_left_out(prometheus_server: StartPrometheus, authority: Authority) -> None:
    server = prometheus_server(web=tls(authority.issue("server")))
    assert ask(server, {"insecure_skip_verify": True}) == 1


def test_expired_certificate(prometheus_server: StartPrometheus, authority: Authority) -> None:
    server = prometheus_server(web=tls(authority.issue("server", days=-1)))
    with pytest.raises(UnreachableError, match="certificate has expired"):
        ask(server, {"ca_file": authority.cert})


def test_server_name(prometheus_server: StartPrometheus, authority: Authority) -> None:
    server = prometheus_server(web=tls(authority.issue("server", subject="DNS:prometheus.example.com")))
    with pytest.raises(UnreachableError, match=r"(?i)mismatch"):
        ask(server, {"ca_file": authority.cert})
    assert ask(server, {"ca_file": authority.cert, "server_name": "prometheus.example.com"}) == 1


def test_client_certificate_and_password(
    prometheus_server: StartPrometheus, authority: Authority, tmp_path: Path
) -> None:
    wanted = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(authority.cert)}
    server = prometheus_server(web=tls(authority.issue("server"), **wanted) | {"basic_auth_users": {"sidecar": BCRYPT}})
    ours = authority.issue("client")
    shown = {"ca_file": authority.cert, "cert_file": ours.cert, "key_file": ours.key}
    password = tmp_path / "password"
    user = {"username": "sidecar", "password_file": password}
    password.write_text("wrong\n")
    with pytest.raises(RefusedError, match="HTTP 401"):
        ask(server, shown, basic_auth=user)
    password.write_text(PASSWORD + "\n")
    assert ask(server, shown, basic_auth=user) == 1
    with pytest.raises(UnreachableError):  # the alert and the end of the connection race
        ask(server, {"ca_file": authority.cert}, basic_auth=user)
    with pytest.raises(RefusedError, match=r"tls_config: .*absent cannot be read: No such file"):
        ask(server, shown | {"ca_file": tmp_path / "absent"}, basic_auth=user)
