import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sidecar.config.load import parse
from tests.helm.chart import (
    CHART,
    HELMS,
    MONITORING_CRDS,
    ROOT,
    Document,
    documents,
    of_kind,
    rendered,
    setting,
    template,
    tool,
)
from tests.helm.manifests import NEWEST, OLDEST, OLDEST_WITH_NATIVE_SIDECARS, validate

CHECKOUT = Path(__file__).parent / "checkout"
POD = {"POD_NAME": "checkout-6d4b75cb6d-x7k2p", "POD_NAMESPACE": "shop"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workload's chart, with the sidecar's as its dependency."""
    chart = tmp_path_factory.mktemp("charts") / "checkout"
    shutil.copytree(CHECKOUT, chart)
    shutil.copytree(CHART, chart / "charts" / CHART.name)
    return chart


def sidecar_container(workload: Document) -> Document:
    spec = workload["spec"]["template"]["spec"]
    [container] = [one for one in spec["initContainers"] if one["name"] == "anomaly-sidecar"]
    found: Document = container
    return found


def assert_beside(workload: Document) -> None:
    """The container runs beside the others, knows its pod, mounts what exists, and keeps nobody waiting."""
    container = sidecar_container(workload)
    fields = {env["name"]: env["valueFrom"]["fieldRef"]["fieldPath"] for env in container["env"]}
    volumes = {volume["name"] for volume in workload["spec"]["template"]["spec"]["volumes"]}
    assert container["restartPolicy"] == "Always"
    assert fields == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert not {"readinessProbe", "startupProbe"} & container.keys()
    assert container["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "anomaly-sidecar"}


@pytest.mark.real
@pytest.mark.parametrize("api_version", ["", MONITORING_CRDS])
@pytest.mark.parametrize("helm", HELMS)
def test_another_chart_includes_the_container(helm: str, api_version: str, checkout: Path) -> None:
    known = ["--api-versions", api_version] if api_version else []
    found = documents(template(helm, *known, chart=checkout))
    kinds = sorted(document["kind"] for document in found)
    assert kinds == ["ConfigMap", "Deployment", "PodMonitor", "PrometheusRule"]
    for document in found:
        validate(document, OLDEST_WITH_NATIVE_SIDECARS)
        validate(document, NEWEST)
    workload = of_kind(found, "Deployment")
    assert_beside(workload)
    [config, user] = workload["spec"]["template"]["spec"]["volumes"]
    assert config["configMap"]["name"] == of_kind(found, "ConfigMap")["metadata"]["name"]
    assert user["secret"]["secretName"] == "prometheus-user"
    selector = of_kind(found, "PodMonitor")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    parsed = parse(of_kind(found, "ConfigMap")["data"]["config.yaml"], "config.yaml", POD)
    assert POD["POD_NAME"] in parsed.queries[0].expr


@pytest.mark.real
def test_a_kubernetes_before_native_sidecars_refuses_it(checkout: Path) -> None:
    workload = of_kind(documents(template("helm4", chart=checkout)), "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicy"):
        validate(workload, OLDEST)


@pytest.mark.real
@pytest.mark.parametrize("helm", HELMS)
def test_the_container_can_go_without_a_probe(helm: str, checkout: Path) -> None:
    arguments = setting("prometheus-anomaly-sidecar.livenessProbe=null")
    workload = of_kind(documents(template(helm, *arguments, chart=checkout)), "Deployment")
    validate(workload, NEWEST)
    assert not [key for key in sidecar_container(workload) if "Probe" in key]


@pytest.mark.real
def test_a_change_of_the_configuration_replaces_the_workload_pods(checkout: Path) -> None:
    def annotations(url: str) -> Document:
        value = f"prometheus-anomaly-sidecar.prometheus.url={url}"
        workload = of_kind(documents(template("helm4", "--set", value, chart=checkout)), "Deployment")
        found: Document = workload["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations("http://a") != annotations("http://b")


def test_the_readme_shows_the_chart_that_is_tested() -> None:
    [shown] = re.findall(r"```yaml\n# its deployment\n(.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    tested = (CHECKOUT / "templates" / "deployment.yaml").read_text().splitlines()
    assert [line for line in shown.splitlines() if line not in tested] == []


def kustomized(directory: Path = ROOT / "kustomize" / "example") -> list[Document]:
    return documents(subprocess.check_output([tool("kubectl"), "kustomize", str(directory)], text=True))


@pytest.mark.real
def test_the_kustomize_component_does_the_same_for_plain_manifests() -> None:
    found = kustomized()
    for document in found:
        validate(document, OLDEST_WITH_NATIVE_SIDECARS)
        validate(document, NEWEST)
    config_map = of_kind(found, "ConfigMap")
    workloads = {one["metadata"]["name"]: one for one in found if one["kind"] in {"Deployment", "StatefulSet"}}
    for name in ("checkout", "basket"):
        assert_beside(workloads[name])
        [volume] = workloads[name]["spec"]["template"]["spec"]["volumes"]
        assert volume["configMap"]["name"] == config_map["metadata"]["name"]
        monitored = of_kind(found, "PodMonitor")["spec"]["selector"]["matchLabels"]
        assert monitored.items() <= workloads[name]["spec"]["template"]["metadata"]["labels"].items()
    assert "initContainers" not in workloads["unwatched"]["spec"]["template"]["spec"]
    assert parse(config_map["data"]["config.yaml"], "config.yaml", POD).queries[0].labels == {"team": "shop"}


@pytest.mark.real
def test_the_pod_monitor_of_one_kustomization_finds_the_pods_of_another(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    example = tmp_path / "kustomize" / "example" / "kustomization.yaml"
    monitor = of_kind(kustomized(example.parent), "PodMonitor")
    example.write_text(example.read_text().replace("  - ../podmonitor\n", "") + "namePrefix: other-\n")
    found = kustomized(example.parent)
    assert not [document for document in found if document["kind"] == "PodMonitor"]
    workload = of_kind(found, "StatefulSet")
    assert workload["metadata"]["name"] == "other-basket"
    assert_beside(workload)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["metadata"]["namespace"] == workload["metadata"]["namespace"]


@pytest.mark.real
def test_the_component_leaves_the_containers_of_the_workload_alone() -> None:
    [plain, *_] = documents((ROOT / "kustomize" / "example" / "checkout.yaml").read_text())
    [patched] = [one for one in kustomized() if one["metadata"]["name"] == "checkout"]
    before, after = plain["spec"]["template"]["spec"], patched["spec"]["template"]["spec"]
    assert after["containers"] == before["containers"]
    assert [one for one in after["initContainers"] if one["name"] != "anomaly-sidecar"] == before["initContainers"]


@pytest.mark.real
def test_component_and_chart_bring_the_same_container_and_are_scraped_alike(checkout: Path) -> None:
    found = documents(template("helm4", chart=checkout))
    from_chart = sidecar_container(of_kind(found, "Deployment"))
    component = yaml.safe_load((ROOT / "kustomize" / "sidecar" / "container.yaml").read_text())
    same = ("image", "env", "ports", "livenessProbe", "resources", "securityContext", "restartPolicy")
    assert {key: sidecar_container(component)[key] for key in same} == {key: from_chart[key] for key in same}
    monitor = yaml.safe_load((ROOT / "kustomize" / "podmonitor" / "podmonitor.yaml").read_text())
    expected = of_kind(rendered("helm4", "beside"), "PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"] == expected["spec"]["podMetricsEndpoints"]
