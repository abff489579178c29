"""The demo's configuration: the same file a user would write, read by the same loader."""

from sidecar.demo.api import EXPRESSION
from sidecar.demo.series import MINUTE

SPEED = 5 * MINUTE
"""Simulated seconds per real second: a step of the query, and so an evaluation, each second."""

EPOCH = 1_767_780_000
"""The simulated instant at which the demo starts, 2026-01-07 10:00 UTC, a Wednesday: every run shows the same."""

# `staleness` is simulated time as well: two hours are 24 real seconds, more than a fit takes on a slow machine.
# So are those after which a fit is given up.
_TEMPLATE = """\
prometheus:
  url: {url}
evaluation_interval: 5m
offset: 0s
staleness: 2h
queries:
  - name: node_cpu
    expr: {expression}
    unit: ratio
    step: 5m
    fit_window: 7d
    fit_every: 1d
    min_history: 1d
    direction: both
"""


def config_text(url: str) -> str:
    """The YAML of the demo's configuration, for a source at `url`."""
    return _TEMPLATE.format(url=url, expression=EXPRESSION)
