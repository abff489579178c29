"""How Prometheus is reached: the keys of Prometheus' own `http_config`."""

from collections.abc import Mapping
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from sidecar.config.vocabulary import Count, FilePath, Given, Period, ProxyUrl, Secret, Section, Switch, Text, Url

_OF_THE_CLIENT = frozenset({
    "accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type",
    "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def _at_most_one(section: Section, *keys: str) -> None:
    given = [key for key in keys if getattr(section, key) is not None]
    if len(given) > 1:
        raise ValueError(f"has both {given[0]} and {given[1]}: keep one")


class BasicAuth(Section):
    """HTTP basic authentication."""

    username: Text | None = Field(default=None, examples=["sidecar"])
    username_file: FilePath | None = Field(default=None, examples=["/etc/sidecar/username"])
    password: Secret | None = Field(default=None, examples=["${PROMETHEUS_PASSWORD}"])
    password_file: FilePath | None = Field(default=None, examples=["/etc/sidecar/password"])

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        _at_most_one(self, "username", "username_file")
        _at_most_one(self, "password", "password_file")
        if self.username is None and self.username_file is None:
            raise ValueError("names no user: write username or username_file")
        return self


def _is_token(text: str) -> bool:
    """Whether a text is a token of HTTP (RFC 9110, section 5.6.2)."""
    return bool(text) and all(char.isascii() and (char.isalnum() or char in "!#$%&'*+-.^_`|~") for char in text)


def _scheme(text: str) -> str:
    if not _is_token(text):
        raise ValueError("is not the name of a scheme: write for example Bearer")
    return text


class Authorization(Section):
    """The `Authorization` header, a bearer token unless `type` says otherwise."""

    type: Annotated[str, AfterValidator(_scheme)] = Field(default="Bearer", examples=["Bearer"])
    credentials: Secret | None = Field(default=None, examples=["${PROMETHEUS_TOKEN}"])
    credentials_file: FilePath | None = Field(default=None, examples=["/var/run/secrets/token"])

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        _at_most_one(self, "credentials", "credentials_file")
        if self.credentials is None and self.credentials_file is None:
            raise ValueError("holds no credentials: write credentials_file or credentials")
        if self.type.lower() == "basic":
            raise ValueError("cannot be of type Basic: write basic_auth instead of authorization")
        return self


class TlsConfig(Section):
    """How the server's certificate is checked, and which certificate is shown to it."""

    ca_file: FilePath | None = Field(default=None, examples=["/etc/sidecar/ca.crt"])
    cert_file: FilePath | None = Field(default=None, examples=["/etc/sidecar/tls.crt"])
    key_file: FilePath | None = Field(default=None, examples=["/etc/sidecar/tls.key"])
    server_name: Text | None = Field(default=None, examples=["prometheus.example.com"])
    insecure_skip_verify: Switch = Field(default=False, examples=["false"])

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            given, lacking = ("cert_file", "key_file") if self.key_file is None else ("key_file", "cert_file")
            raise ValueError(f"has {given} without {lacking}: write both, or neither")
        return self


class HttpHeader(Section):
    """The values of one header, in the order `values`, `secrets`, `files`."""

    values: tuple[Text, ...] = Field(default=(), strict=False, examples=["[team-a]"])
    secrets: tuple[Secret, ...] = Field(default=(), strict=False, examples=["[${TENANT}]"])
    files: tuple[FilePath, ...] = Field(default=(), strict=False, examples=["[/etc/sidecar/tenant]"])

    @model_validator(mode="after")
    def _some_value(self) -> Self:
        if not (self.values or self.secrets or self.files):
            raise ValueError("has no value: write for example {values: [team-a]}")
        return self


def _header_name(name: str) -> str:
    if not _is_token(name):
        raise ValueError("is not a header name: write for example X-Scope-OrgID")
    if name.lower() in _OF_THE_CLIENT:
        raise ValueError("is set by the client: use basic_auth or authorization to authenticate, else leave it out")
    return name


HeaderName: TypeAlias = Annotated[str, AfterValidator(_header_name)]


class PrometheusConfig(Section):
    """The server that is asked, and the limits that are kept to."""

    url: Url = Field(examples=["http://localhost:9090"])
    timeout: Period = Field(default=30, examples=["30s"])
    max_concurrent_requests: Count = Field(default=4, le=1_000, examples=["4"])
    max_samples_per_second: Count = Field(default=500_000, examples=["500000"])
    basic_auth: Given[BasicAuth] = Field(
        default=None, examples=["{username: sidecar, password_file: /etc/sidecar/password}"]
    )
    authorization: Given[Authorization] = Field(default=None, examples=["{credentials_file: /var/run/secrets/token}"])
    tls_config: TlsConfig = Field(default=TlsConfig(), examples=["{ca_file: /etc/sidecar/ca.crt}"])
    http_headers: Mapping[HeaderName, HttpHeader] = Field(default={}, examples=["{X-Scope-OrgID: {values: [team-a]}}"])
    proxy_url: ProxyUrl | None = Field(default=None, repr=False, examples=["http://proxy:3128"])

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> Self:
        _at_most_one(self, "basic_auth", "authorization")
        return self
