"""What can be told of a PromQL expression without asking a server: mistakes that would cost pages, not syntax."""

import re
from collections.abc import Iterable
from typing import Annotated

import promql_parser as promql
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from sidecar.config.vocabulary import ANOMALY_NAME

OWN_PREFIX = "anomaly_"
OWN_GAUGES = tuple(
    OWN_PREFIX + gauge
    for gauge in ("score", "flag", "value", "expected", "lower", "upper", "start_timestamp_seconds", "sidecar_series")
)
PLACEHOLDER = "${shard}"
"""What an expression says in the place of the values of a label that belong to the shard."""
_SHARD = re.escape(PLACEHOLDER)
_COUNTER_ENDINGS = ("_total", "_bucket")
"""Not `_sum` and `_count`, which many a gauge ends in."""
_USES_OF_A_COUNTER = frozenset({
    "rate", "irate", "increase", "delta", "idelta", "deriv", "resets", "changes", "timestamp", "absent",
    "absent_over_time", "present_over_time", "count_over_time",
})  # fmt: skip
_COUNTING = frozenset({"count", "group", "count_values"})
_FILTERS = frozenset({"and", "unless", "==", "!=", ">", "<", ">=", "<="})
_DIFFERENCES = frozenset({"-", "/", "%"})

_STRING_OR_COMMENT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\#[^\n]*""", re.DOTALL)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_DEEPENING = re.compile(r"[(+\-*/%^<>]|[=!]=|\b(?:and|or|unless|atan2)\b")
_MOST_DEEPENING = 200
"""The parser recurses in native code, where too deep an expression ends the process instead of raising."""


def check_expression(text: str) -> str:
    """The expression itself; ValueError where it cannot be scored, whatever the server says."""
    tree = _checked(text)
    if tree is None:
        return text
    _refuse_what_is_no_vector(tree)
    if counters := _raw_counters(tree):
        name = min(counters)
        raise ValueError(
            f"{name} only ever grows, which has no normal value: write rate({name}[5m]); "
            f'if it is a gauge in spite of its name, write {{__name__="{name}"}}'
        )
    return text


def check_condition(text: str) -> str:
    """A condition itself; ValueError where it selects our own output, is cut off, or is no value per step."""
    tree = _checked(text)
    if tree is not None:
        _refuse_ranges(tree)
    return text


def check_placeholder(key: str, text: str, by: str | None) -> None:
    """ValueError where the expression of a key says `${shard}` but not as the value of the label to split by."""
    if PLACEHOLDER not in text:
        return
    if by is None:
        raise ValueError(
            f"{key} says {PLACEHOLDER}, but nothing says which shard this is: "
            "write for example sharding: {by: instance, count: 3, index: 0}"
        )
    places = re.findall(rf"""\b{by}\s*=~\s*(?:"{_SHARD}"|'{_SHARD}')""", text)
    if len(places) != text.count(PLACEHOLDER):
        raise ValueError(f'{key} says {PLACEHOLDER} in another place than {{{by}=~"{PLACEHOLDER}"}}: write it so')


def _checked(text: str) -> promql.Expr | None:
    bare = _STRING_OR_COMMENT.sub(lambda found: "" if found[0].startswith("#") else '""', text)
    _refuse_open_brackets(bare)
    tree = _parsed(text, bare)
    own = _own_by_words(text, bare) if tree is None else _own_by_tree(tree)
    if own is not None:
        raise ValueError(
            f"selects the sidecar's own {own}, and would score its own scores: "
            'select the metric behind them; where a selector names no metric, add anomaly_name=""'
        )
    return tree


def _parsed(text: str, bare: str) -> promql.Expr | None:
    """The syntax tree; None where the parser cannot tell, as with MetricsQL: the server has the last word."""
    if len(_DEEPENING.findall(bare)) > _MOST_DEEPENING:
        return None
    try:
        return promql.parse(text)
    except ValueError:
        return None


def _refuse_open_brackets(bare: str) -> None:
    opened: list[str] = []
    for char in bare:
        if char in _BRACKETS.values():
            opened.append(char)
        elif char in _BRACKETS and (not opened or opened.pop() != _BRACKETS[char]):
            raise ValueError(f"has a {char} that nothing opens: balance the brackets")
    if opened:
        raise ValueError(f"has a {opened[-1]} that is never closed: balance the brackets")


def _own_by_words(text: str, bare: str) -> str | None:
    if found := re.search(rf"""__name__\s*=~?\s*["'`]({OWN_PREFIX}\w*)""", text):
        return found[1]
    labels = r"\{[^}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
    found = re.search(rf"\b({OWN_PREFIX}\w*)\b(?!\s*\()", re.sub(labels, "", bare))
    return found[1] if found else None


def _own_by_tree(tree: promql.Expr) -> str | None:
    selectors: list[promql.VectorSelector] = []

    def collect(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            selectors.append(node)

    promql.walk(tree, pre_visit=collect)
    return next((own for selector in selectors if (own := _own_by_selector(selector))), None)


def _own_by_selector(selector: promql.VectorSelector) -> str | None:
    if selector.name is not None:
        return selector.name if selector.name.startswith(OWN_PREFIX) else None
    groups = selector.matchers.or_matchers or [selector.matchers.matchers]
    return next((own for group in groups if (own := _own_by_matchers(group))), None)


def _own_by_matchers(matchers: Iterable[promql.Matcher]) -> str | None:
    names = []
    for matcher in matchers:
        if matcher.name == ANOMALY_NAME and matcher.op == promql.MatchOp.Equal and not matcher.value:
            return None
        if matcher.name == "__name__":
            names.append(matcher)
            if matcher.op == promql.MatchOp.Equal and matcher.value.startswith(OWN_PREFIX):
                return matcher.value
    return next((own for own in OWN_GAUGES if all(_accepts(matcher, own) for matcher in names)), None)


def _accepts(matcher: promql.Matcher, value: str) -> bool:
    exact = matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual)
    agrees = matcher.value == value if exact else _matches(matcher.value, value)
    return agrees == (matcher.op in (promql.MatchOp.Equal, promql.MatchOp.Re))


def _matches(pattern: str, value: str) -> bool:
    """Whether an anchored RE2 expression matches, by pydantic's engine: linear in time, as Prometheus' own is."""
    try:
        TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")]).validate_python(value)
    except (SchemaError, ValidationError):
        return False
    return True


def _refuse_what_is_no_vector(tree: promql.Expr) -> None:
    _refuse_ranges(tree)
    if isinstance(_bare(tree), promql.NumberLiteral | promql.StringLiteral):
        raise ValueError(  # noqa: TRY004 what pydantic expects of a validator
            "is a constant: select a metric, for example rate(process_cpu_seconds_total[5m])"
        )


def _refuse_ranges(tree: promql.Expr) -> None:
    if isinstance(_bare(tree), promql.MatrixSelector | promql.SubqueryExpr):
        raise ValueError(  # noqa: TRY004 as above
            "is a range, not one value per step: wrap it, for example in rate(...) or avg_over_time(...)"
        )


def _bare(tree: promql.Expr) -> promql.Expr:
    """An expression without brackets around it."""
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    return tree


def _raw_counters(node: promql.Expr) -> set[str]:
    """Names of the counters whose ever-growing value the expression carries."""
    counters: set[str] = set()
    match node:
        case promql.VectorSelector(name=str(name)) if name.endswith(_COUNTER_ENDINGS):
            counters = {name}
        case promql.MatrixSelector():
            counters = _raw_counters(node.vector_selector)
        case promql.AggregateExpr() if str(node.op) in _COUNTING:
            pass
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr() | promql.AggregateExpr():
            counters = _raw_counters(node.expr)
        case promql.Call() if node.func.name not in _USES_OF_A_COUNTER:
            counters = set().union(*map(_raw_counters, node.args))
        case promql.BinaryExpr():
            counters = _raw_counters_of_both(node)
    return counters


def _raw_counters_of_both(node: promql.BinaryExpr) -> set[str]:
    left, right = _raw_counters(node.lhs), _raw_counters(node.rhs)
    operator = str(node.op)
    if operator in _FILTERS:
        return left
    if operator in _DIFFERENCES and left and right:
        return set()
    return left | right
