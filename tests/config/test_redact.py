from sidecar.config.load import parse
from sidecar.config.redact import redacted

SECRETS = """\
prometheus:
  url: http://localhost:9090
  basic_auth: {username: me, password: sesame-1}
  http_headers: {X-Token: {secrets: ["${TOKEN}"], values: [plain]}}
  proxy_url: http://user:sesame-2@x@proxy:3128
defaults: {step: 1m, fit_window: 1d}
queries:
  - {name: load, expr: node_load1, alarm: {confirm: 2 of 3}, valid_range: [0, .inf], suppress_when: "x{a='b'} > 0"}
"""


def test_shows_everything_but_the_secrets() -> None:
    text = redacted(parse(SECRETS, "F", {"TOKEN": "sesame-3"}))
    assert "sesame" not in text
    assert "password: <secret>" in text
    assert "http://user:<secret>@proxy:3128" in text
    assert "step: 1m\n" in text


def test_secrets_are_not_in_the_models_texts() -> None:
    config = parse(SECRETS, "F", {"TOKEN": "sesame-3"})
    assert "sesame" not in repr(config) + str(config)


def test_what_is_shown_is_the_same_configuration() -> None:
    text = SECRETS.replace("sesame-2@x", "<secret>").replace("sesame-1", "<secret>").replace("${TOKEN}", "<secret>")
    config = parse(text, "F", {})
    assert parse(redacted(config), "F", {}).queries == config.queries
    assert parse(redacted(config), "F", {}).prometheus == config.prometheus


def test_a_token_is_not_shown() -> None:
    text = "prometheus: {url: http://a, authorization: {credentials: sesame}}"
    assert "credentials: <secret>" in redacted(parse(text, "F", {}))
