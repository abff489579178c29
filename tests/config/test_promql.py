import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.promql import check_condition, check_expression

OWN = "selects the sidecar's own "


@pytest.mark.parametrize(
    "expression",
    [
        'rate(node_cpu_seconds_total{mode="idle"}[5m])',
        "sum by (anomaly_name) (node_load1)",
        'node_load1{anomaly_name="x", note="anomaly_score"}',
        'label_replace(node_load1, "anomaly_score", "$1", "instance", "(.*)")',
        'label_replace(node_load1, "a", "anomaly_score", "instance", "(.*)")',
        "node_load1 # not anomaly_score",
        "my_anomaly_score",
        '{__name__=~"node_load.*", job="node"}',
        '{__name__!="up", anomaly_name="", job="node"}',
        '{__name__=~"node_.*|windows_.*"}',
        '{__name__=~"(.*)*x(.+)+y"}',
        '{__name__=~"${shard}"}',
        'node_load1{instance=~"${shard}"}',
        "(node_load1)",
        "-node_load1",
        "scalar(node_load1) * 2",
    ],
)
def test_takes_what_measures_something_else(expression: str) -> None:
    assert check_expression(expression) == expression


@pytest.mark.parametrize(
    ("expression", "own"),
    [
        ("anomaly_score", "anomaly_score"),
        ("anomaly_sidecar_prometheus_up", "anomaly_sidecar_prometheus_up"),
        ("max_over_time(anomaly_flag[5m])", "anomaly_flag"),
        ("node_load1 unless on (instance) anomaly_flag", "anomaly_flag"),
        ('{__name__="anomaly_value"}', "anomaly_value"),
        ('{__name__=~"anomaly.*"}', "anomaly_score"),
        ('{__name__=~".+"}', "anomaly_score"),
        ('{__name__=~"(node|anomaly)_flag"}', "anomaly_flag"),
        ('{__name__!~"node_.*", job="x"}', "anomaly_score"),
        ('{job="node"}', "anomaly_score"),
        ('{__name__="node_load1", job="a" or job="b"}', "anomaly_score"),
        ("median_over_time(anomaly_score[5m]) keep_metric_names", "anomaly_score"),
    ],
)
def test_refuses_the_sidecars_own_output(expression: str, own: str) -> None:
    with pytest.raises(ValueError, match=OWN + own):
        check_expression(expression)
    with pytest.raises(ValueError, match=OWN + own):
        check_condition(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "rollup_rate(node_cpu_seconds_total[5m])",
        'node_load1{a="anomaly_score"} default 0',
        "sum(node_load1) by (anomaly_name) limit 5 default 0",
        "anomaly_function(node_load1) default 0",
        "+".join(["x"] * 5_000),
        "-" * 5_000 + "x",
        "(" * 5_000 + "x" + ")" * 5_000,
        "abs(" * 5_000 + "x" + ")" * 5_000,
        " and ".join(["x"] * 5_000),
    ],
)
def test_leaves_what_it_cannot_parse_to_the_server(expression: str) -> None:
    assert check_expression(expression) == expression


@pytest.mark.parametrize(
    "expression",
    [
        "x_total",
        "-(x_total)",
        "sum(x_total)",
        "topk(3, x_total)",
        "x_total / 1000",
        "x_total * on (a) group_left up",
        "x_total > 5",
        "x_total offset 5m",
        "max_over_time(x_total[5m:1m])",
        "label_replace(x_total, 'a', '$1', 'b', '(.*)')",
        "up or x_total",
    ],
)
def test_refuses_a_counter_that_only_grows(expression: str) -> None:
    with pytest.raises(ValueError, match=r"x_total only ever grows.*: write rate\(x_total\[5m\]\)"):
        check_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(x_total[5m])",
        "sum(increase(x_total[1h]))",
        "x_total - x_total offset 5m",
        "started_total - handled_total",
        "a_total / b_total",
        "count(x_total)",
        "up and x_total > 5",
        "max_over_time(rate(x_total[5m])[1h:])",
        "changes(x_total[5m])",
        '{__name__="x_total"}',
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
        "time() - 5",
    ],
)
def test_takes_a_counter_where_its_growth_is_used(expression: str) -> None:
    assert check_expression(expression) == expression


def test_a_condition_may_compare_a_counter() -> None:
    assert check_condition("x_total > 5") == "x_total > 5"
    assert check_condition("vector(1)") == "vector(1)"
    with pytest.raises(ValueError, match="is a range"):
        check_condition("(up[5m])")


@given(st.text(st.sampled_from("ab_1(){}[]\"'`#=~!<>+-*/^% \n,:@$\\"), max_size=40) | st.text(max_size=20))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        assert check_expression(text) == text
    except ValueError as error:
        assert ": " in str(error)  # noqa: PT017 both ways are right
