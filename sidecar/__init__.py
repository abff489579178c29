"""A sidecar for Prometheus: finds anomalies in its metrics and re-exports them as gauges."""

__version__ = "0.1.0"
