"""Feeds a parser with bytes that follow its coverage: `fuzz.py TARGET -max_total_time=60`, then libFuzzer's flags.

What is not one of the errors that the parser promises ends the run, and so does an input that takes over ten seconds
or two gigabytes.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["sidecar", "yaml"]):
    from sidecar.config.load import parse
    from sidecar.config.problems import ConfigError
    from sidecar.config.web import load_web
    from sidecar.prometheus.answer import read_range
    from sidecar.prometheus.source import PrometheusError
    from sidecar.web.answer import answered
    from sidecar.web.backend import Backend
    from sidecar.web.errors import Refused
    from sidecar.web.predict_schemas import EXAMPLE

T0 = 1_700_000_040
NO_QUERIES = cast("Backend", SimpleNamespace(queries=dict))
GOOD_REQUEST = json.dumps(EXAMPLE | {"timestamps": list(range(T0, T0 + 1500, 60)), "fit": 22}).encode()
GOOD_ANSWER = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[%d,"1"]]}]}}'
GOOD_CONFIG = b"prometheus: {url: http://h:1}\nqueries: [{name: a, expr: 'rate(x[5m])', step: 1m, alarm: {hold: 1h}}]\n"
GOOD_WEB = b"tls_server_config: {cert_file: a, key_file: b}\nbasic_auth_users: {a: $2b$10$x}\n"


def answer(data: bytes) -> None:
    """The answer of a Prometheus."""
    with suppress(PrometheusError):
        read_range(data, T0, T0 + 600, 60)


def config(data: bytes) -> None:
    """A configuration."""
    with suppress(ConfigError):
        parse(data.decode("utf-8", "ignore"), "fuzz", {"HOME": "/"})


def predict(data: bytes) -> None:
    """A request for a prediction; no query is configured."""
    with suppress(Refused):
        answered(data, NO_QUERIES)


def web_config(data: bytes) -> None:
    """A web-config."""
    file.write_bytes(data)
    with suppress(ConfigError):
        load_web(file)


TARGETS = {
    "answer": (answer, GOOD_ANSWER % T0),
    "config": (config, GOOD_CONFIG),
    "web_config": (web_config, GOOD_WEB),
    "predict": (predict, GOOD_REQUEST),
}

if __name__ == "__main__":
    target, good = TARGETS[sys.argv.pop(1)]
    with TemporaryDirectory() as directory:
        file = Path(directory) / "web.yml"
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        (corpus / "good").write_bytes(good)
        limits = ["-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={directory}/"]
        atheris.Setup([*sys.argv, *limits, str(corpus)], target)
        atheris.Fuzz()
