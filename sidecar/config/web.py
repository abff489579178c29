"""Who is let in, and over which connection: the web-config file, in the format of Prometheus' exporter-toolkit."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sidecar.config.document import Document, DocumentError, read_document
from sidecar.config.load import read_file
from sidecar.config.messages import dotted, key_path, message
from sidecar.config.problems import ConfigError, Problem
from sidecar.config.vocabulary import FilePath, Given, Origin, Secret, Section, Switch, Text

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_CHEAPEST, _DEAREST = 4, 14
"""Rounds of bcrypt as a power of two: there are no fewer, and with more one check takes seconds."""


class ClientAuth(StrEnum):
    """Whether clients show a certificate; one that is shown is verified."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """Versions of TLS that are safe to speak."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


class TlsServerConfig(Section):
    """The certificate that is shown, and what is asked of clients."""

    cert_file: FilePath = Field(examples=["server.crt"])
    key_file: FilePath = Field(examples=["server.key"])
    client_auth_type: ClientAuth = Field(default=ClientAuth.NONE, strict=False, examples=["RequireAndVerifyClientCert"])
    client_ca_file: FilePath | None = Field(default=None, examples=["clients-ca.crt"])
    min_version: TlsVersion = Field(default=TlsVersion.TLS12, strict=False, examples=["TLS12"])
    max_version: TlsVersion = Field(default=TlsVersion.TLS13, strict=False, examples=["TLS13"])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.client_auth_type is ClientAuth.NONE) != (self.client_ca_file is None):
            raise ValueError("has client_ca_file or client_auth_type without the other: write both, or neither")
        if self.min_version > self.max_version:
            raise ValueError("has a min_version above max_version: exchange them")
        return self


def _one_protocol(http2: bool) -> bool:  # noqa: FBT001 - the value of a key
    if http2:
        raise ValueError("cannot be true, as HTTP/1.1 is spoken: write false, or remove the key")
    return http2


def _one_line(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("holds characters that no header can hold: write printable ASCII")
    return text


class Header(StrEnum):
    """Headers that may be set."""

    CSP = "Content-Security-Policy"
    HSTS = "Strict-Transport-Security"
    CONTENT_TYPE = "X-Content-Type-Options"
    FRAME = "X-Frame-Options"
    XSS = "X-XSS-Protection"


class HttpServerConfig(Section):
    """What is added to every answer."""

    http2: Annotated[Switch, AfterValidator(_one_protocol)] = Field(default=False, examples=["false"])
    headers: Mapping[Annotated[Header, Field(strict=False)], Annotated[Text, AfterValidator(_one_line)]] = Field(
        default={}, examples=["{Strict-Transport-Security: max-age=31536000}"]
    )


def _bcrypt_hash(secret: SecretStr) -> SecretStr:
    found = _BCRYPT.fullmatch(secret.get_secret_value())
    if found is None:
        raise ValueError("must be a bcrypt hash: write what htpasswd -nB prints after the colon")
    if int(found[1]) < _CHEAPEST:
        raise ValueError(f"has a cost below {_CHEAPEST}, which there is not: write a hash of cost 10")
    if int(found[1]) > _DEAREST:
        raise ValueError(f"has a cost above {_DEAREST}, a check of it takes seconds: write a hash of cost 10")
    return secret


def _user(name: str) -> str:
    if ":" in name:
        raise ValueError("holds a colon, where a password begins in a request (RFC 7617): choose a name without")
    return name


class WebConfig(Section):
    """A whole web-config file."""

    tls_server_config: Given[TlsServerConfig] = Field(
        default=None, examples=["{cert_file: tls.crt, key_file: tls.key}"]
    )
    http_server_config: HttpServerConfig = Field(default=HttpServerConfig(), examples=["{http2: false}"])
    basic_auth_users: Mapping[
        Annotated[Text, AfterValidator(_user)], Annotated[Secret, AfterValidator(_bcrypt_hash)]
    ] = Field(default={}, examples=["{prometheus: $2b$10$...}"])


def load_web(path: Path, *, starting: bool = True) -> WebConfig:
    """The web-config in a file, file names in it relative to its directory; ConfigError with every problem of it.

    An empty file lets everyone in at a start; later it may be one that is just being written.
    """
    text = read_file(path, "--web.config.file")
    if not re.sub(r"#.*", "", text).strip():
        if starting:
            return WebConfig()
        what = "is empty, which lets everyone in: write {} where that is meant"
        raise ConfigError([Problem(str(path), 1, "file", what)])
    try:
        document = read_document(text, {})
    except DocumentError as error:
        raise ConfigError([Problem(str(path), error.line, "file", error.message)]) from None
    faults = [Problem(str(path), line, dotted(at), what) for at, line, what in document.faults]
    try:
        config = WebConfig.model_validate(document.values, context=Origin(path.parent))
    except ValidationError as error:
        refused = (_problem(path, one, document) for one in error.errors(include_url=False))
        raise ConfigError([*faults, *refused]) from None
    if faults:
        raise ConfigError(faults)
    return config


def _problem(path: Path, error: ErrorDetails, document: Document) -> Problem:
    at = key_path(error)
    return Problem(str(path), document.line_of(at), dotted(at), message(error, at, WebConfig))
