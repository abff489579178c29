import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.load import load, parse
from sidecar.config.problems import ConfigError, Problem
from sidecar.config.schema import Alarm, Config, QueryConfig
from sidecar.config.vocabulary import AlarmBudget, Confirm, Direction, Missing

MINIMAL = """\
prometheus: {url: http://localhost:9090}
queries:
  - {name: load, expr: node_load1}
"""


def parsed(text: str, **environ: str) -> Config:
    return parse(text, "F", environ)


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parsed(text, **environ)
    return list(map(str, raised.value.problems))


def only_problem(path: Path) -> Problem:
    with pytest.raises(ConfigError) as raised:
        load(path)
    (problem,) = raised.value.problems
    assert problem.file == str(path)
    return problem


def test_only_url_name_and_expr_are_required() -> None:
    config = parsed(MINIMAL)
    (query,) = config.queries
    assert (config.evaluation_interval, config.offset, config.staleness, config.timezone) == (30, 30, 300, "UTC")
    assert (query.step, query.fit_window, query.fit_every, query.min_history) == (300, 2_419_200, 86_400, 14_400)
    assert (query.direction, query.max_series, query.missing) == (Direction.BOTH, 1000, Missing.IGNORE)
    assert query.alarm.confirm == Confirm(1, 1)
    assert query.alarm_budget == AlarmBudget(1, 2_592_000)
    assert query.alarm_budget.per_second == 1 / 2_592_000


def test_no_query_is_a_configuration_too() -> None:
    assert parsed("prometheus: {url: http://localhost:9090/}").queries == ()


def test_every_key_arrives() -> None:
    config = parsed("""\
prometheus:
  url: https://mimir.example.com/prometheus/
  timeout: 10s
  max_concurrent_requests: 2
  basic_auth: {username: me, password: "123"}
  tls_config: {ca_file: ca.crt, cert_file: tls.crt, key_file: /abs/tls.key, server_name: x, insecure_skip_verify: true}
  http_headers: {X-Scope-OrgID: {values: [a], secrets: [b], files: [c]}}
  proxy_url: http://proxy:3128
evaluation_interval: 1m
offset: 0s
staleness: 10m
timezone: Europe/Berlin
queries:
  - name: load
    expr: node_load1
    labels: {team: platform}
    unit: processes
    step: 1m
    fit_window: 1d
    fit_every: 1h
    min_history: 2h
    direction: below
    max_series: 5
    alarm_budget: 0.5 per 1w
    alarm: {confirm: 2 of 3, exit: 0.5, hold: 0}
    min_deviation: {absolute: 1, relative: 0.2}
    valid_range: [0, .inf]
    suppress_when: changes(kube_deployment_status_observed_generation[15m]) > 0
    missing: flag
""")
    http = config.prometheus
    assert http.url == "https://mimir.example.com/prometheus"
    assert http.basic_auth is not None
    assert http.basic_auth.password is not None
    assert http.basic_auth.password.get_secret_value() == "123"
    assert http.tls_config.key_file == Path("/abs/tls.key")
    assert http.tls_config.insecure_skip_verify
    header = http.http_headers["X-Scope-OrgID"]
    assert (header.values, [secret.get_secret_value() for secret in header.secrets]) == (("a",), ["b"])
    (query,) = config.queries
    assert (query.step, query.fit_window, query.fit_every, query.min_history) == (60, 86_400, 3_600, 7_200)
    assert (query.alarm.confirm, query.alarm.exit, query.alarm.hold) == (Confirm(2, 3), 0.5, 0)
    assert query.valid_range == (0.0, float("inf"))
    assert query.labels == {"team": "platform"}
    assert query.alarm_budget == AlarmBudget(0.5, 604_800)


def test_defaults_lie_under_every_query() -> None:
    config = parsed("""\
prometheus: {url: http://localhost:9090}
defaults:
  step: 1m
  fit_window: 1d
  labels: {team: platform, tier: "1"}
  alarm: {hold: 10m}
queries:
  - {name: a, expr: node_load1}
  - {name: b, expr: node_load5, step: 2m, labels: {tier: "2"}, alarm: {exit: 0.5}}
""")
    a, b = config.queries
    assert (a.step, a.fit_window, a.labels, a.alarm.hold) == (60, 86_400, {"team": "platform", "tier": "1"}, 600)
    assert (b.step, b.fit_window, b.labels) == (120, 86_400, {"team": "platform", "tier": "2"})
    assert (b.alarm.exit, b.alarm.hold) == (0.5, 600)


def test_a_wrong_default_is_one_problem_where_it_stands() -> None:
    text = MINIMAL + "  - {name: b, expr: node_load5}\ndefaults:\n  fit_window: 1h\n"
    assert problems(text) == [
        "F:6: defaults.fit_window: 1h holds 12 steps of 5m, too few to learn from: write 5h or more",
    ]


def test_the_default_of_min_history_grows_with_the_step() -> None:
    (query,) = parsed(MINIMAL.replace("expr", "step: 1h, fit_window: 14d, expr")).queries
    assert query.min_history == 25 * 3_600


def test_wrong_keys_do_not_hide_what_else_is_wrong() -> None:
    text = MINIMAL.replace("load1}", "load1, step: 12h, fit_every: 12h, max_series: none}") + "offset: x\n"
    assert problems(text) == [
        "F:3: queries[0].fit_window: 28d holds 56 steps of 12h, too few to learn from: write 30d or more",
        "F:3: queries[0].max_series: must be a whole number: write for example max_series: 1000",
        "F:4: offset: 'x' is not a duration: write a duration like 30s, 5m, 1h30m or 7d",
    ]


def test_a_secret_from_the_environment_is_in_no_error() -> None:
    text = "prometheus: {url: '${P}', proxy_url: '${P}', timeout: 5, http_headers: {X-A: '${P}'}}\nzone: ${P}\n"
    assert "sesame" not in "\n".join(problems(text, P="sesame:sesame@sesame"))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("max_series", "7", 7), ("alarm", "{exit: '${V}'}", 0.25), ("fit_every", "12h", 43_200)],
)
def test_numbers_and_durations_may_come_from_the_environment(key: str, value: str, expected: float) -> None:
    written = value if key == "alarm" else "'${V}'"
    (query,) = parsed(MINIMAL.replace("expr", f"{key}: {written}, expr"), V="0.25" if key == "alarm" else value).queries
    assert expected == (query.alarm.exit if key == "alarm" else getattr(query, key))


@pytest.mark.parametrize(("text", "number"), [("5e-05", 5e-5), ("1e+21", 1e21), ("2E3", 2000), ("1.5e1", 15)])
def test_a_number_may_have_an_exponent_as_tools_write_it(text: str, number: float) -> None:
    (query,) = parsed(MINIMAL.replace("expr", f"min_deviation: {{absolute: {text}}}, expr")).queries
    assert query.min_deviation.absolute == number


@pytest.mark.parametrize("budget", ["123456789.5 per 1d", "0.000000001 per 365d", "1 per 30d"])
def test_a_budget_is_written_as_it_can_be_read(budget: str) -> None:
    assert str(parsed(MINIMAL.replace("expr", f"alarm_budget: {budget}, expr")).queries[0].alarm_budget) == budget


@pytest.mark.parametrize("text", [".inf", ".Inf", ".INF", "+.inf"])
def test_a_bound_without_limit_may_be_text_as_helm_knows_no_infinity(text: str) -> None:
    (query,) = parsed(MINIMAL.replace("expr", f"valid_range: ['-.inf', '{text}'], expr")).queries
    assert query.valid_range == (-math.inf, math.inf)


def test_a_switch_may_come_from_the_environment() -> None:
    text = "prometheus: {url: http://a, tls_config: {insecure_skip_verify: '${V}'}}"
    assert parsed(text, V="true").prometheus.tls_config.insecure_skip_verify


def test_models_take_seconds_and_values_from_code() -> None:
    alarm = Alarm(confirm=Confirm(2, 3), hold=60)
    query = QueryConfig(name="a", expr="b", step=60, alarm_budget=AlarmBudget(2, 60), alarm=alarm)
    assert (query.step, query.alarm_budget.alarms, query.alarm) == (60, 2, alarm)
    assert query.model_copy(update={"step": 30}) != query


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("prometheus: {url: http://a, authorization: {credentials_file: token}}")
    authorization = load(file).prometheus.authorization
    assert authorization is not None
    assert authorization.credentials_file == tmp_path / "token"


def test_reads_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://elsewhere:9090")
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbfprometheus: {url: '${PROMETHEUS_URL}'}")
    assert load(file).prometheus.url == "http://elsewhere:9090"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert (
        only_problem(tmp_path / "none.yaml").message
        == "no such file or directory: name a readable file with --config.file"
    )


def test_a_directory(tmp_path: Path) -> None:
    assert only_problem(tmp_path).message == "is a directory: name a readable file with --config.file"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"prometheus:\n  url: \xff\xfe\n")
    problem = only_problem(file)
    assert (problem.line, problem.message) == (2, "is not UTF-8: save it as UTF-8")


def test_a_file_with_a_control_character(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"prometheus:\n  url: \x00\n")
    assert (only_problem(file).line, only_problem(file).key) == (2, "file")


def test_a_huge_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"#" * (512 * 1024 + 1))
    assert only_problem(file).message == "is larger than 512 KiB: split it over several sidecars"


def test_nesting_without_end() -> None:
    assert problems("- " * 2_000) == ["F:1: file: is nested too deeply: remove the surplus brackets or indentation"]


@pytest.mark.parametrize("queries", ["5", "text", "{a: 1}", "true"])
def test_queries_that_are_no_list(queries: str) -> None:
    (problem,) = problems(f"prometheus: {{url: http://a}}\nqueries: {queries}\n")
    assert problem.startswith("F:2: queries: must be a list")


@pytest.mark.parametrize("defaults", ["5", "[a]"])
def test_defaults_that_are_no_mapping(defaults: str) -> None:
    (problem,) = problems(MINIMAL + f"defaults: {defaults}\n")
    assert problem.startswith("F:4: defaults: must be a mapping")


def test_an_unprintable_key_is_quoted() -> None:
    assert problems('prometheus: {url: http://a}\n"a\\nb": 1')[0].startswith("F:2: 'a\\nb': unknown key")


KEYS = st.sampled_from([*Config.model_fields, *QueryConfig.model_fields, "confirm", "exit", "url", "basic_auth", "x"])
LEAVES = st.sampled_from(
    ["5m", "1h", "0s", "above", "node_load1", "x_total", "http://a", "1 of 1", "1 per 1d", "${X}", "[0, 1]"]
)
VALUES = st.recursive(
    LEAVES | st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_document_is_a_configuration_or_has_problems(values: dict[str, object]) -> None:
    try:
        parsed(yaml.safe_dump(values))
    except ConfigError as error:
        assert error.problems  # noqa: PT017 both ways are right
