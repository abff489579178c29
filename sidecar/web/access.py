"""Stands before the application: who is let in, and what every answer carries."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidecar.config.problems import ConfigError, Problem
from sidecar.config.web import ClientAuth, TlsServerConfig, WebConfig, load_web
from sidecar.web.passwords import Passwords, Verdict

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer, unless the answer or the web-config has others."""

PROBES = ("/-/healthy", "/-/ready")

_VERIFICATION = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


class Access:
    """What the web-config says, as it is in force; without a file everyone is let in over plain HTTP.

    Args:
        file: the web-config.
        open_paths: paths that need no password.

    Raises:
        ConfigError: the file is not valid.
    """

    def __init__(self, file: Path | None = None, open_paths: tuple[str, ...] = ()) -> None:
        self._file = file
        self.open_paths = frozenset(open_paths)
        self.config = WebConfig()
        self._context: ssl.SSLContext | None = None
        self._listening: _Following | None = None
        self._passwords = Passwords({})
        self.reload(starting=True)

    @property
    def files(self) -> tuple[Path, ...]:
        """The web-config and the files it names, whose changes take a reload."""
        tls = self.config.tls_server_config
        named = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()
        return tuple(file for file in (self._file, *named) if file is not None)

    def reload(self, *, starting: bool = False) -> None:
        """Reads the files anew: new connections and requests are held to them.

        Raises:
            ConfigError: they are not valid, and the former ones stay in force.
        """
        if self._file is None:
            return
        config = load_web(self._file, starting=starting)
        if not starting and (config.tls_server_config is None) != (self._context is None):
            what = "cannot come or go while the sidecar runs: restart it"
            raise ConfigError([Problem(str(self._file), 1, "tls_server_config", what)])
        context = _context(config.tls_server_config, self._file) if config.tls_server_config else None
        if config.basic_auth_users != self.config.basic_auth_users:
            users = {name: hashed.get_secret_value() for name, hashed in config.basic_auth_users.items()}
            self._passwords = Passwords(users)
        self.config, self._context = config, context
        if self._listening and context:
            self._listening.newest = context

    def listening(self) -> ssl.SSLContext | None:
        """The context for a server's socket, whose handshakes follow the newest files; None for plain HTTP."""
        self._listening = _Following(self._context) if self._context else None
        return self._listening

    async def refusal(self, path: str, headers: Headers) -> Response | None:
        """The answer to a request that is not let in; None for one that is."""
        if not self.config.basic_auth_users or path in self.open_paths:
            return None
        verdict = await self._passwords.check(headers.get("authorization", ""))
        if verdict is Verdict.ADMITTED:
            return None
        if verdict is Verdict.BUSY:
            return PlainTextResponse("Too many passwords wait for their check.\n", 429, {"retry-after": "5"})
        challenge = {"www-authenticate": 'Basic realm="anomaly sidecar", charset="UTF-8"'}
        return PlainTextResponse("Unauthorized\n", 401, challenge)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every answer that has none of the name."""
        return SECURITY_HEADERS | {str(name): text for name, text in self.config.http_server_config.headers.items()}


class _Following(ssl.SSLContext):
    """Begins each new connection with the context that is then in force.

    To change the one context would not do: a client could resume a session from before, without the certificate that
    is asked for since.

    Attributes:
        newest: the context in force.
    """

    newest: ssl.SSLContext

    def __new__(cls, newest: ssl.SSLContext) -> Self:
        following = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        following.newest = newest
        return following

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:  # noqa: ANN401 passed on as it is
        """How an event loop begins a connection."""
        return self.newest.wrap_bio(*given, **named)


def guarded(app: ASGIApp, access: Access) -> ASGIApp:
    """The application behind its access control."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in access.headers.items():
                    if name in access.config.http_server_config.headers:
                        headers[name] = text
                    else:
                        headers.setdefault(name, text)
            await send(message)

        refusal = await access.refusal(scope["path"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or app)(scope, receive, send_with_headers)

    return serve


def _context(tls: TlsServerConfig, file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key is an error, not a question to the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise _unusable(file, "cert_file", f"{tls.cert_file} and {tls.key_file}", error) from None
    try:
        if tls.client_ca_file:
            context.load_verify_locations(tls.client_ca_file)
    except (OSError, ValueError) as error:
        raise _unusable(file, "client_ca_file", str(tls.client_ca_file), error) from None
    context.verify_mode = _VERIFICATION[tls.client_auth_type]
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    return context


_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def _unusable(file: Path, key: str, what: str, error: Exception) -> ConfigError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    message = f"{what} cannot be used, {reason}: name readable PEM files that belong together"
    return ConfigError([Problem(str(file), 1, f"tls_server_config.{key}", message)])
