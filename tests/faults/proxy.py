"""A client with little patience, and a proxy before a real Prometheus that gives its answers as they are."""

import requests

from sidecar.config.connection import PrometheusConfig
from sidecar.prometheus.client import PrometheusClient
from tests.prometheus.raw_server import Answer, Connection, http
from tests.real.servers import PrometheusServer


def client(url: str, timeout: int = 1) -> PrometheusClient:
    return PrometheusClient(PrometheusConfig(url=url, timeout=timeout), backoff=0.001)


def asked(server: PrometheusServer, connection: Connection) -> bytes:
    """The real answer to a request."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{server.url}/api/v1/query_range", data=connection.body, headers=form, timeout=10)
    return answer.content


def forwards(server: PrometheusServer) -> Answer:
    return lambda connection: http(200, asked(server, connection))(connection)
