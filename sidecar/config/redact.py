"""The configuration that is in effect, as text that may be shown to anyone."""

import yaml

from sidecar.config.schema import Config


def redacted(config: Config) -> str:
    """The effective configuration as YAML, `defaults` merged into the queries, every secret as `<secret>`."""
    values = config.model_dump(mode="json", exclude={"defaults"}, exclude_none=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)
