"""Secrets are planted in every place that takes one, and looked for in everything that comes out."""

import json
import signal
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.prometheus.raw_server import Answer, http, matrix, raw_server
from tests.real.processes import Server, wait_until
from tests.real.sidecar import SidecarProcess

PLANTED = [f"planted-{number}-secret" for number in range(6)]
INLINE, IN_FILE, VALUE, OF_HEADER, OF_PROXY, OF_BASIC = PLANTED
ENCODED = b64encode(f"user:{OF_BASIC}".encode()).decode()
PASSWORD = "pass-w0rd"  # noqa: S105 - of a server that lives for one test
HASH = "$2b$04$abcdefghijklmnopqrstuuD6Kuk53ERDQ.USQr1Y0.VgiN2Jnyri2"
USER = ("alice", PASSWORD)
PATHS = ("/", "/config", "/metrics", "/-/ready", "/docs", "/openapi.json", "/api/v1/queries", "/no-such-path")

CONFIG = """\
prometheus:
  url: {url}
  {access}
  http_headers: {{X-Tenant: {{secrets: [{header}], files: [{file}]}}}}
evaluation_interval: 1s
offset: 0s
queries: [{{name: q, expr: vector(1), step: 1s, fit_window: 2m, fit_every: 1m, min_history: 1m}}]
"""
ACCESS = {
    "bearer": f"authorization: {{credentials: {INLINE}}}",
    "basic": f"basic_auth: {{username: user, password: {OF_BASIC}}}",
    "proxy": f"proxy_url: http://user:{OF_PROXY}@127.0.0.1:9",
}
ECHOES: dict[str, Answer] = {
    "refused": http(401, "no"),
    "redirected": http(302, "", f"Location: https://user:{VALUE}@login.example.com/?token={VALUE}"),
    "broken": http(500, "x"),
}


@pytest.mark.parametrize(
    ("access", "answer"), [("bearer", "refused"), ("basic", "redirected"), ("proxy", "broken"), ("bearer", "broken")]
)
def test_no_secret_comes_out(sidecar: Callable[..., SidecarProcess], tmp_path: Path, access: str, answer: str) -> None:
    (tmp_path / "secret").write_text(IN_FILE)
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    with raw_server(ECHOES[answer]) as server:
        config = CONFIG.format(url=server.url, access=ACCESS[access], header=OF_HEADER, file=tmp_path / "secret")
        flags = ("--log.level=debug", "--web.enable-lifecycle", f"--web.config.file={web}", "--web.open-probes")
        process = sidecar(config, *flags, ready="/-/healthy", measured=True)
        wait_until(lambda: "evaluation failed" in process.log.read_text(), "a failure")
        came_out = [requests.get(process.url + path, auth=USER, timeout=5).text for path in PATHS]
        assert "<secret>" in came_out[1]
        if access != "proxy":
            assert OF_HEADER in server.seen[0].head
        for broken in (config.replace("vector(1)", "up{"), config + f"unknown: {VALUE}\n", config + "  - [\n"):
            process.config.write_text(broken)
            refused = requests.post(f"{process.url}/-/reload", auth=USER, timeout=5)
            assert refused.status_code == 500
            came_out.append(refused.text)
        web.write_text(f"basic_auth_users: {{alice: {VALUE}}}\n")
        process.config.write_text(config)
        came_out.append(requests.post(f"{process.url}/-/reload", auth=USER, timeout=5).text)
        came_out.append(requests.get(process.url, auth=("alice", VALUE), timeout=5).text)
    process.end(signal.SIGTERM, timeout=10)
    text = json.dumps([*came_out, process.log.read_text()])
    for secret in (*PLANTED, ENCODED, PASSWORD, HASH):
        assert secret not in text


DEFECT = """\
import sidecar.cli, sidecar.prometheus.client as client
client.read_range = lambda *answer: 1 / 0
sidecar.cli.main()
"""


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize("access", ["bearer", "basic"])
def test_no_secret_stands_in_the_traceback_of_a_defect(
    tmp_path: Path, started: list[Server], access: str, form: str
) -> None:
    (tmp_path / "secret").write_text(IN_FILE)
    with raw_server(http(200, matrix())) as server:
        config = CONFIG.format(url=server.url, access=ACCESS[access], header=OF_HEADER, file=tmp_path / "secret")
        process = SidecarProcess(tmp_path / "sidecar", config, f"--log.format={form}", ready="/-/healthy")
        process.run_instead(DEFECT)
        started.append(process)
        process.start()
        wait_until(lambda: "defect in an evaluation" in process.log.read_text(), "the defect")
        assert OF_HEADER in server.seen[0].head
        assert IN_FILE in server.seen[0].head
    text = process.log.read_text()
    assert "Traceback" in text
    assert "ZeroDivisionError" in text
    for secret in (*PLANTED, ENCODED):
        assert secret not in text
