import subprocess
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import ValidationError

from sidecar.config.load import parse
from tests.helm.chart import (
    CHART,
    HELMS,
    MONITORING_CRDS,
    SCENARIOS,
    Document,
    documents,
    of_kind,
    rendered,
    setting,
    template,
    tool,
    values_file,
)
from tests.helm.manifests import NEWEST, OLDEST, validate

pytestmark = pytest.mark.real

WORKLOADS = {"default": "Deployment", "sharded": "StatefulSet", "replicated": "Deployment"}


def test_there_are_scenarios_and_two_helms() -> None:
    assert len(SCENARIOS) >= 11
    versions = [subprocess.check_output([tool(helm), "version", "--short"], text=True)[:2] for helm in HELMS]
    assert versions == ["v3", "v4"]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lint_is_strict_and_clean(helm: str, scenario: str) -> None:
    command = [tool(helm), "lint", "--strict", str(CHART), "--values", values_file(scenario)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_helms_render_the_same_with_and_without_the_monitoring_crds(scenario: str) -> None:
    first, *others = [rendered(helm, scenario, known) for helm in HELMS for known in ("", MONITORING_CRDS)]
    assert first
    assert all(other == first for other in others)


@pytest.mark.parametrize("kubernetes_version", [OLDEST, NEWEST])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_document_is_valid(scenario: str, kubernetes_version: str) -> None:
    for document in rendered("helm4", scenario):
        validate(document, kubernetes_version)


@pytest.mark.parametrize("helm", HELMS)
def test_where_labels_and_annotations_overlap_the_more_specific_win(helm: str) -> None:
    selected = "app.kubernetes.io/name"
    found = documents(
        template(
            helm,
            *setting(
                "commonLabels.team=common",
                "commonLabels.app\\.kubernetes\\.io/name=common",
                "podLabels.team=pod",
                "service.labels.team=service",
                "dashboards.enabled=true",
                "dashboards.labels.team=dashboards",
                "scrapeAnnotations.enabled=true",
            ),
            "--set-string=podAnnotations.prometheus\\.io/port=443",
        )
    )
    deployment, service = of_kind(found, "Deployment"), of_kind(found, "Service")
    pod = deployment["spec"]["template"]["metadata"]
    [boards] = [document for document in found if document["metadata"]["name"].endswith("-dashboards")]
    metadata = {"common": deployment["metadata"], "pod": pod, "service": service["metadata"]}
    metadata |= {"dashboards": boards["metadata"]}
    assert {name: one["labels"]["team"] for name, one in metadata.items()} == {name: name for name in metadata}
    assert pod["annotations"]["prometheus.io/port"] == "443"
    for one in metadata.values():
        assert one["labels"][selected] == service["spec"]["selector"][selected] == CHART.name


def test_a_key_that_is_written_twice_is_found() -> None:
    with pytest.raises(yaml.YAMLError, match=r"written twice: \['team'\]"):
        documents("labels: {team: a, team: b}")


@pytest.mark.parametrize("release", ["20241101", "1e3"])
@pytest.mark.parametrize("scenario", ["default", "existing-secret", "digits"])
def test_a_release_or_a_secret_named_by_digits_keeps_its_name(release: str, scenario: str) -> None:
    secret = ["--set-string", "configExistingSecretName=1e4"] if scenario == "existing-secret" else []
    found = documents(template("helm4", "--values", values_file(scenario), *secret, release=release))
    for document in found:
        validate(document, NEWEST)
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == release


@pytest.mark.parametrize("release", ["anomalies", "anomalies-of-a-long-name", "n" * 40, "n" * 52])
def test_names_leave_room_for_what_kubernetes_appends(release: str) -> None:
    name = of_kind(documents(template("helm4", release=release)), "Deployment")["metadata"]["name"]
    assert name == f"{release}-prometheus-anomaly-sidecar"[:52].rstrip("-")


def test_names_that_are_cut_stay_apart() -> None:
    longest = ["n" * 52 + last for last in "ab"]
    found = [template("helm4", release=name) for name in longest]
    found += [template("helm4", *setting(f"fullnameOverride={name}-override")) for name in longest]
    names = {of_kind(documents(text), "Deployment")["metadata"]["name"] for text in found}
    assert len(names) == 4
    assert all(len(name) == 52 for name in names)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_name_is_used_twice(scenario: str) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in rendered("helm4", scenario)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("scenario", "kind"), WORKLOADS.items())
def test_the_validation_would_catch_a_typo_in_a_pod(scenario: str, kind: str) -> None:
    workload = deepcopy(of_kind(rendered("helm4", scenario), kind))
    container = workload["spec"]["template"]["spec"]["containers"][0]
    container["imagePulPolicy"] = container.pop("imagePullPolicy")
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePulPolicy"):
        validate(workload, NEWEST)


@pytest.mark.parametrize(
    ("scenario", "kind", "path"),
    [
        ("monitoring", "ServiceMonitor", ("spec", "endpoints", 0)),
        ("monitoring", "PrometheusRule", ("spec", "groups", 0, "rules", 0)),
        ("beside", "PodMonitor", ("spec", "podMetricsEndpoints", 0)),
    ],
)
def test_the_validation_would_catch_a_typo_in_what_the_operator_reads(
    scenario: str, kind: str, path: tuple[Any, ...]
) -> None:
    document = deepcopy(of_kind(rendered("helm4", scenario), kind))
    place: Any = document
    for key in path:
        place = place[key]
    place["honourLabels"] = True
    with pytest.raises(ValidationError, match="honourLabels"):
        validate(document, NEWEST)


def pod(scenario: str, kind: str = "Deployment") -> Document:
    spec: Document = of_kind(rendered("helm4", scenario), kind)["spec"]["template"]["spec"]
    return spec


def test_the_pod_is_hardened() -> None:
    spec = pod("default")
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert {"requests", "limits"} <= container["resources"].keys()


def test_nothing_optional_is_rendered_by_default() -> None:
    kinds = sorted(document["kind"] for document in rendered("helm4", "default"))
    assert kinds == ["ConfigMap", "Deployment", "Service", "ServiceAccount"]


def test_probes_follow_the_route_prefix() -> None:
    [container] = pod("exposed")["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness", "startup")}
    healthy = "/anomalies/-/healthy"
    assert paths == {"liveness": healthy, "readiness": "/anomalies/-/ready", "startup": healthy}
    assert "--web.route-prefix=/anomalies" in container["args"]
    monitor = of_kind(rendered("helm4", "exposed"), "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["path"] == "/anomalies/metrics"


HANDLERS = {
    "exec": "livenessProbe.exec.command[0]=date",
    "grpc": "livenessProbe.grpc.port=9847",
    "tcpSocket": "livenessProbe.tcpSocket.port=http",
}


def container(helm: str, *values: str) -> Document:
    deployment = of_kind(documents(template(helm, *setting(*values))), "Deployment")
    validate(deployment, NEWEST)
    [found] = deployment["spec"]["template"]["spec"]["containers"]
    one: Document = found
    return one


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_probe_has_the_handler_that_is_given_and_no_other(helm: str, handler: str) -> None:
    for more in ([], ["livenessProbe.httpGet=null"]):
        given = container(helm, HANDLERS[handler], *more)
        timing = {"periodSeconds", "timeoutSeconds", "failureThreshold"}
        assert given["livenessProbe"].keys() == timing | {handler}
        assert given["readinessProbe"].keys() == timing | {"httpGet"}


@pytest.mark.parametrize("helm", HELMS)
def test_a_probe_can_be_switched_off(helm: str) -> None:
    probes = {"livenessProbe", "readinessProbe", "startupProbe"}
    for probe in probes:
        assert probes & container(helm, f"{probe}=null").keys() == probes - {probe}


def test_a_strategy_that_replaces_all_pods_at_once_says_nothing_of_turns() -> None:
    deployment = of_kind(documents(template("helm4", *setting("strategy.type=Recreate"))), "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["minAvailable=0"], {"minAvailable": 0}),
        (["maxUnavailable=0"], {"maxUnavailable": 0}),
        (["maxUnavailable=50%"], {"maxUnavailable": "50%"}),
        (["minAvailable=2", "maxUnavailable=null"], {"minAvailable": 2}),
        ([], {"maxUnavailable": 1}),
    ],
)
@pytest.mark.parametrize("helm", HELMS)
def test_a_disruption_budget_of_nothing_is_one(helm: str, values: list[str], expected: Document) -> None:
    arguments = setting(*(f"podDisruptionBudget.{value}" for value in ["enabled=true", *values]))
    spec = of_kind(documents(template(helm, *arguments)), "PodDisruptionBudget")["spec"]
    assert {key: value for key, value in spec.items() if key != "selector"} == expected


def test_the_history_of_a_stateful_set_is_not_set_for_it_could_not_be_changed() -> None:
    assert "revisionHistoryLimit" not in of_kind(rendered("helm4", "sharded"), "StatefulSet")["spec"]
    assert of_kind(rendered("helm4", "default"), "Deployment")["spec"]["revisionHistoryLimit"] == 10


def test_shards_are_the_pods_of_a_stateful_set_and_know_their_index() -> None:
    found = rendered("helm4", "sharded")
    config = yaml.safe_load(of_kind(found, "ConfigMap")["data"]["config.yaml"])
    assert of_kind(found, "StatefulSet")["spec"]["replicas"] == 4
    assert config["defaults"]["sharding"] == {"by": "instance", "count": 4, "index": "${POD_NAME}"}
    assert not [document for document in found if document["kind"] == "Deployment"]


def test_credentials_are_mounted_where_the_configuration_looks_for_them() -> None:
    found = rendered("helm4", "secured")
    prometheus = yaml.safe_load(of_kind(found, "ConfigMap")["data"]["config.yaml"])["prometheus"]
    spec = pod("secured")
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    mounted = {
        mount["mountPath"]: secrets[mount["name"]]
        for mount in spec["containers"][0]["volumeMounts"]
        if mount["name"] in secrets
    }
    tls = prometheus["tls_config"]
    files = [prometheus["basic_auth"]["password_file"], tls["ca_file"], tls["cert_file"], tls["key_file"]]
    owners = [mounted[file.rpartition("/")[0]] for file in files]
    assert owners == ["prometheus-user", "prometheus-tls", "prometheus-tls", "prometheus-tls"]
    assert prometheus["http_headers"] == {"X-Scope-OrgID": {"values": ["team-a"]}}


def test_a_secret_managed_elsewhere_is_mounted_and_nothing_is_written() -> None:
    kinds = {document["kind"] for document in rendered("helm4", "existing-secret")}
    assert not kinds & {"ConfigMap", "Secret"}
    [config, *_] = pod("existing-secret", "StatefulSet")["volumes"]
    assert config["secret"]["secretName"] == "sidecar-config"


def test_a_change_of_the_configuration_replaces_the_pods() -> None:
    def checksum(*arguments: str) -> str:
        deployment = of_kind(documents(template("helm4", *arguments)), "Deployment")
        found: str = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum() == checksum("--set", "replicas=2")
    assert checksum() != checksum("--set", "config.timezone=Asia/Tokyo")


def test_spread_constraints_select_the_sidecar_own_pods() -> None:
    [constraint] = pod("replicated")["topologySpreadConstraints"]
    deployment = of_kind(rendered("helm4", "replicated"), "Deployment")
    assert constraint["labelSelector"] == deployment["spec"]["selector"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["secretConfig=true", "configExistingSecretName=a"], "exclude each other"),
        (["configExistingSecretName=a", "config.offset=1m"], "config would be ignored"),
        (["prometheus.basicAuth.existingSecret=a", "prometheus.bearerToken.existingSecret=b"], "keep one"),
        (["prometheus.tls.existingSecret=a", "prometheus.tls.certKey=tls.crt"], "go together"),
        (["prometheus.tls.certKey=tls.crt", "prometheus.tls.keyKey=tls.key"], "prometheus.tls.existingSecret"),
        (["sharding.enabled=true", "replicas=2"], "sharding.count is the number of pods"),
        (["sharding.enabled=true", "standalone=false"], "needs standalone"),
        (["serviceMonitor.enabled=true", "podMonitor.enabled=true"], "scraped twice"),
        (["serviceMonitor.enabled=true", "scrapeAnnotations.enabled=true"], "scraped twice"),
        (["serviceMonitor.enabled=true", "standalone=false"], "use podMonitor"),
        (["podMonitor.enabled=true", "standalone=false"], "podMonitor.selector is empty"),
        (["podDisruptionBudget.minAvailable=1", "podDisruptionBudget.maxUnavailable=1"], "exclude each other"),
        (["podDisruptionBudget.minAvailable=0", "podDisruptionBudget.maxUnavailable=1"], "exclude each other"),
        (["image.pullSecrets[0]=registry", "standalone=false"], "name them in its imagePullSecrets"),
        (["prometheusRule.enabled=true", "prometheusRule.disabledAlerts[0]=AnomalyDetectd"], "only .*AnomalyDetected"),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_what_to_do(arguments: list[str], told: str) -> None:
    with pytest.raises(RuntimeError, match=told):
        template("helm4", *setting(*arguments))


def test_the_notes_say_what_is_missing() -> None:
    def notes(*arguments: str) -> str:
        # Helm 3 asks a cluster even for a dry run.
        command = [tool("helm4"), "install", "release", str(CHART), "--dry-run=client", *arguments]
        return subprocess.check_output(command, text=True, stderr=subprocess.STDOUT).rpartition("NOTES:")[2]

    assert "NOTHING SCRAPES IT YET" in notes()
    monitored = notes("--values", values_file("monitoring"))
    assert "NOTHING SCRAPES" not in monitored
    assert "install the Prometheus Operator" in monitored
    assert "your configuration must say" in notes("--values", values_file("existing-secret"))
    assert "No pod was made" in notes("--values", values_file("beside"))
    assert "scrape-job.yaml" in notes("--values", values_file("annotations"))
    assert "The sidecar asks http://prometheus-operated:9090." in notes()
    assert "The sidecar asks http://a:1." in notes(*setting("config.prometheus.url=http://a:1"))
    assert "asks what the Secret sidecar-config says" in notes("--values", values_file("existing-secret"))
    assert "NOTHING IS SPLIT" in notes(*setting("sharding.enabled=true"))
    for split in ("sharded", "existing-secret", "default"):
        assert "NOTHING IS SPLIT" not in notes("--values", values_file(split))


CHECKED = [name for name in SCENARIOS if name != "existing-secret"]


@pytest.mark.parametrize("scenario", CHECKED)
def test_the_sidecar_accepts_the_rendered_configuration(scenario: str) -> None:
    holders = [document for document in rendered("helm4", scenario) if document["kind"] in {"ConfigMap", "Secret"}]
    [text] = [
        content["config.yaml"]
        for document in holders
        for content in (document.get("data", {}), document.get("stringData", {}))
        if "config.yaml" in content
    ]
    config = parse(text, "config.yaml", {"POD_NAME": "anomalies-1", "POD_NAMESPACE": "monitoring"})
    assert config.queries
