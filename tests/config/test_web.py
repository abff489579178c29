import re
from pathlib import Path

import pytest

from sidecar.config.problems import ConfigError
from sidecar.config.vocabulary import Section
from sidecar.config.web import ClientAuth, HttpServerConfig, TlsServerConfig, TlsVersion, WebConfig, load_web

REFERENCE = (Path(__file__).parents[2] / "docs/reference/web-config.md").read_text()

HASH = "$2b$04$abcdefghijklmnopqrstuuD6Kuk53ERDQ.USQr1Y0.VgiN2Jnyri2"
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key"

REFUSED = {
    f"{TLS}, cipher_suites: [x]}}": "1: tls_server_config.cipher_suites: unknown key",
    "basic_auth_user: {}": "1: basic_auth_user: unknown key: did you mean basic_auth_users?",
    "rate_limit: {interval: 1s}": "1: rate_limit: unknown key",
    "http_server_config: {http2: true}": "http_server_config.http2: cannot be true, as HTTP/1.1 is spoken",
    "http_server_config:\n  headers:\n    Server: x": "3: http_server_config.headers.Server: must be",
    'http_server_config: {headers: {X-Frame-Options: "a\\nb"}}': "holds characters that no header can hold",
    f"{TLS}, min_version: TLS10}}": "tls_server_config.min_version: must be TLS12 or TLS13",
    f"{TLS}, min_version: TLS13, max_version: TLS12}}": "1: tls_server_config: has a min_version above max_version",
    f"{TLS}, client_ca_file: ca.crt}}": "has client_ca_file or client_auth_type without the other",
    f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}": "has client_ca_file or client_auth_type without",
    f"{TLS}, client_auth_type: RequireAnyClientCert, client_ca_file: f}}": "client_auth_type: must be NoClientCert",
    "tls_server_config: {cert_file: server.crt}": "tls_server_config.key_file: is required",
    "basic_auth_users:\n  alice: hunter2-plain": "2: basic_auth_users.alice: must be a bcrypt hash",
    f"basic_auth_users: {{alice: {HASH.replace('$04$', '$31$')}}}": "has a cost above 14",
    "tls_server_config:": "1: tls_server_config: has no value",
    "basic_auth_users: {a: $2b$03$abcdefghijklmnopqrstuuD6Kuk53ERDQ.USQr1Y0.VgiN2Jnyri2}": "has a cost below 4",
    f"basic_auth_users: {{'alice:b': {HASH}}}": "1: basic_auth_users.alice:b: holds a colon",
    "basic_auth_users: [alice]": "1: basic_auth_users: must be a mapping",
    "[]": "1: file: must be a mapping",
    "a: [": "is not valid YAML",
    "basic_auth_users: {alice: '${NOBODY_SET_THIS}'}": "NOBODY_SET_THIS",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n"])
def test_an_empty_file_lets_everyone_in_at_a_start_and_may_be_half_written_later(file: Path, text: str) -> None:
    file.write_text(text)
    assert load_web(file) == WebConfig()
    with pytest.raises(ConfigError, match="1: file: is empty, which lets everyone in: write "):
        load_web(file, starting=False)
    file.write_text("{}")
    assert load_web(file, starting=False) == WebConfig()


def test_every_key_arrives_and_files_are_beside_the_web_config(file: Path) -> None:
    keys = "client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert, min_version: TLS13"
    headers = "http_server_config: {http2: false, headers: {X-Frame-Options: SAMEORIGIN}}"
    file.write_text(f"{TLS}, {keys}}}\n{headers}\nbasic_auth_users: {{alice: {HASH}}}\n")
    web = load_web(file)
    assert web.tls_server_config is not None
    assert web.tls_server_config.cert_file == file.parent / "server.crt"
    assert web.tls_server_config.client_ca_file == file.parent / "ca.crt"
    assert web.tls_server_config.client_auth_type is ClientAuth.REQUIRED
    assert web.tls_server_config.min_version is TlsVersion.TLS13
    assert dict(web.http_server_config.headers) == {"X-Frame-Options": "SAMEORIGIN"}
    assert web.basic_auth_users["alice"].get_secret_value() == HASH
    assert HASH not in repr(web)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_understood_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_web(file)
    assert REFUSED[text] in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).startswith(f"{file}:")


def test_a_missing_file_names_the_flag(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"--web\.config\.file"):
        load_web(file)


def test_all_problems_are_told_at_once(file: Path) -> None:
    file.write_text("basic_auth_users:\n  alice: plain\n  bob: '${NOBODY_SET_THIS}'\nsurplus: 1\n")
    with pytest.raises(ConfigError) as refused:
        load_web(file)
    assert {problem.line for problem in refused.value.problems} == {2, 3, 4}


@pytest.mark.parametrize("model", [TlsServerConfig, HttpServerConfig])
def test_the_reference_has_every_key_and_its_default(model: type[Section]) -> None:
    for key, field in model.model_fields.items():
        default = {"None": "none", "False": "`false`"}.get(str(field.default), f"`{field.default}`")
        expected = "required" if field.is_required() else default
        assert f"| `{key}` | {expected} |" in REFERENCE


def test_the_example_of_the_reference_is_valid(file: Path) -> None:
    [example, _scrape] = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    file.write_text(example)
    assert set(load_web(file).basic_auth_users) == {"prometheus"}
