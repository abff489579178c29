from string import ascii_letters, digits
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.document import Document, DocumentError, read_document

NAMES = st.text(ascii_letters + "_", min_size=1, max_size=8).filter(lambda name: name != "shard")
LITERAL = st.text(ascii_letters + digits + "$ {}:-()[]|.^", max_size=20).filter(lambda text: "${" not in text)


def read_value(text: str, environ: dict[str, str] | None = None) -> tuple[object, Document]:
    document = read_document(yaml.safe_dump({"key": text}), environ or {})
    assert isinstance(document.values, dict)
    return document.values["key"], document


@given(NAMES, st.text(max_size=30))
def test_a_variable_becomes_exactly_its_value(name: str, value: str) -> None:
    assert read_value(f"<${{{name}}}>", {name: value})[0] == f"<{value}>"


@given(NAMES, st.text(ascii_letters + " $:-{", max_size=12))
def test_a_default_stands_in_for_what_is_unset_or_empty(name: str, default: str) -> None:
    text = f"${{{name}:-{default}}}"
    assert read_value(text)[0] == default
    assert read_value(text, {name: ""})[0] == default
    assert read_value(text, {name: "set"})[0] == "set"


@given(LITERAL)
def test_any_other_dollar_is_literal(text: str) -> None:
    value, document = read_value(text)
    assert value == text
    assert not document.faults


@pytest.mark.parametrize(
    "text", ['a=~"b$"', "$1", "${1}", "$$", "$NAME", "${}", "${a b}", "${shard}", "${NAME", "${shard:-x}"]
)
def test_keeps_regexes_replacements_and_the_shard(text: str) -> None:
    value, document = read_value(text, {"NAME": "wrong", "shard": "wrong", "a": "wrong"})
    assert value == text
    assert not document.faults


def test_an_undefined_variable_is_a_fault_at_its_line() -> None:
    document = read_document("a: 1\nb:\n  - x\n  - ${NAME}\n", {})
    assert document.faults == [
        (("b", 1), 4, "environment variable NAME is not set: set it, or write ${NAME:-default}"),
    ]


def test_a_value_cannot_bring_yaml_with_it() -> None:
    hostile = 'x"\nqueries: [{name: other}]\n# ${HOME}'
    assert read_document("a: ${NAME}\n", {"NAME": hostile}).values == {"a": hostile}


def test_keys_and_numbers_are_not_expanded() -> None:
    assert read_document("${A}: 1\n", {"A": "b"}).values == {"${A}": 1}


def test_every_key_and_item_has_its_line() -> None:
    document = read_document("a:\n  b: |\n    text\n    text\n  c: [1,\n    2]\nd: &x {e: 1}\nf: *x\n", {})
    assert document.lines == {
        (): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 5, ("a", "c", 0): 5, ("a", "c", 1): 6,
        ("d",): 7, ("d", "e"): 7, ("f",): 8, ("f", "e"): 7,
    }  # fmt: skip


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=10).filter(lambda text: "$" not in text)
DOCUMENTS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


@settings(max_examples=50)
@given(DOCUMENTS)
def test_reads_what_yaml_reads(values: dict[str, Any]) -> None:
    document = read_document(yaml.safe_dump(values), {})
    assert document.values == values
    assert not document.faults


@given(st.text(st.sampled_from("ab:-[]{}&*!|>#'\"\n\t ?,%@`\\0x~<"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_document(text, {})
    except DocumentError as error:
        assert error.line >= 1  # noqa: PT017 both ways are right
