"""Whether a manifest is one that a cluster accepts, by the schemas of Kubernetes and of the Prometheus Operator."""

import functools
from typing import Any

import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as operator
from jsonschema import Draft202012Validator
from pydantic import BaseModel

OLDEST, OLDEST_WITH_NATIVE_SIDECARS = "1.25", "1.29"
NEWEST = kubernetes_validate.latest_version()

_OPERATOR_KINDS: dict[str, type[BaseModel]] = {
    "ServiceMonitor": operator.ServiceMonitor,
    "PodMonitor": operator.PodMonitor,
    "PrometheusRule": operator.PrometheusRule,
}


def validate(document: dict[str, Any], kubernetes_version: str) -> None:
    """Raises where a key is unknown, missing or of the wrong type."""
    if document["apiVersion"] == "monitoring.coreos.com/v1":
        _operator_validator(document["kind"]).validate(document)
    else:
        kubernetes_validate.validate(document, kubernetes_version, strict=True)


@functools.cache
def _operator_validator(kind: str) -> Draft202012Validator:
    schema = _OPERATOR_KINDS[kind].model_json_schema(by_alias=True)
    for model in (schema, *schema["$defs"].values()):
        if "properties" in model:
            model["additionalProperties"] = False
    return Draft202012Validator(schema)
