"""What we show to be let in: read anew for every request, so that rotated secrets are taken up."""

from base64 import b64encode
from pathlib import Path

from pydantic import SecretStr

from sidecar.config.connection import Authorization, BasicAuth, HttpHeader, PrometheusConfig, TlsConfig
from sidecar.prometheus.source import RefusedError


def headers(config: PrometheusConfig) -> dict[str, bytes]:
    """Return the headers of a request.

    Raises:
        RefusedError: a file cannot be read, or holds what no header can; the message never holds a secret.
    """
    made = {name: _custom(name, header) for name, header in config.http_headers.items()}
    if config.basic_auth is not None:
        made["Authorization"] = _basic(config.basic_auth)
    if config.authorization is not None:
        made["Authorization"] = _authorization(config.authorization)
    return made


def verification(tls: TlsConfig) -> bool | str:
    """Return how the server's certificate is checked, in the terms of requests."""
    if tls.insecure_skip_verify:
        return False
    return True if tls.ca_file is None else _readable(tls.ca_file)


def certificate(tls: TlsConfig) -> tuple[str, str] | None:
    """Return our certificate and its key, in the terms of requests."""
    if tls.cert_file is None or tls.key_file is None:
        return None
    return _readable(tls.cert_file), _readable(tls.key_file)


def _basic(auth: BasicAuth) -> bytes:
    user = _given_or_read("basic_auth.username", auth.username, auth.username_file)
    password = _given_or_read("basic_auth.password", auth.password, auth.password_file)
    return b"Basic " + b64encode(f"{user}:{password}".encode())


def _authorization(auth: Authorization) -> bytes:
    credentials = _given_or_read("authorization.credentials", auth.credentials, auth.credentials_file)
    return f"{auth.type} {credentials}".encode()


def _custom(name: str, header: HttpHeader) -> bytes:
    key = f"http_headers.{name}"
    given = [_text(key, value) for value in header.values] + [_text(key, secret) for secret in header.secrets]
    return ", ".join([*given, *(_text(key, None, path) for path in header.files)]).encode()


def _given_or_read(key: str, given: str | SecretStr | None, path: Path | None) -> str:
    return _text(key, given) if path is None else _text(f"{key}_file", None, path)


def _text(key: str, given: str | SecretStr | None, path: Path | None = None) -> str:
    """Return what was given or else stands in the file, white space around it left out."""
    text = given.get_secret_value() if isinstance(given, SecretStr) else given or ""
    if path is not None:
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise RefusedError(f"prometheus.{key}: {path} cannot be read: {_reason(error)}") from error
    text = text.strip()
    if not text.isprintable():
        where = "the value" if path is None else path
        raise RefusedError(f"prometheus.{key}: {where} holds characters that no header can hold, such as a line break")
    return text


def _readable(path: Path) -> str:
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        raise RefusedError(f"prometheus.tls_config: {path} cannot be read: {_reason(error)}") from error
    return str(path)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
