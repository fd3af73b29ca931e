"""A schema comes from a caller: whatever it says, a check ends soon and blames a value only for what is surely wrong with it."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from segue.failover.schema_check import MOST_BYTES, MOST_SECONDS, schema_check

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}

CASES: list[tuple[dict[str, Any], Any, str | None]] = [
    (PERSON, {"name": "Kim", "age": 3}, None),
    (PERSON, {"name": "Kim", "age": "secret"}, "$.age violates type: integer"),
    (PERSON, {"age": 3}, "$ lacks name"),
    (PERSON, {"name": "Kim", "secret": 3}, "$ violates additionalProperties"),
    ({"items": PERSON}, [{"name": "Kim"}, {}], "$[1] lacks name"),
    ({"enum": ["a", "b"]}, "secret", "$ violates enum"),
    ({"minLength": 9}, "secret", "$ violates minLength: 9"),
    ({"pattern": "^a+$"}, "aa", None),
    ({"pattern": "^a+$"}, "secret", "$ violates pattern: ^a+$"),
    ({"pattern": r"^\p{L}+$"}, "한글", None),
    ({"patternProperties": {"^x": {"type": "string"}}}, {"x1": 1}, "$.x1 violates type: string"),
    ({"patternProperties": {"^x": True}, "additionalProperties": False}, {"x": 1}, None),
    ({"patternProperties": {"^x": True}, "additionalProperties": False}, {"y": 1}, "$ violates additionalProperties"),
    ({"additionalProperties": {"type": "string"}}, {"y": 1}, "$.y violates type: string"),
    ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}], "$ violates uniqueItems"),
    ({"uniqueItems": True}, [1, True, "1"], None),
    ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [1, "2"], "$[1] violates type: integer"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, None),
    ({"type": "string", "nullable": True}, None, None),
    ({"type": "string", "nullable": False}, None, "$ violates type: string"),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, [1], "$[0] violates type: string"),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}, 1, "$ violates minimum: 1"),
    ({"$schema": "of no one's", "type": "string"}, 1, "$ violates type: string"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "problem"), CASES)
def test_a_value_follows_its_schema_or_the_error_names_where_it_does_not(
    schema: dict[str, Any], value: Any, problem: str | None
) -> None:
    check = schema_check(schema)
    assert check is not None
    assert check.problem(value) == problem


def laughs(depth: int) -> dict[str, Any]:
    """Each definition needs the one below twice."""
    twice = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 2} for n in range(1, depth)}
    return {"$defs": {"d0": {"type": "string"}, **twice}, "$ref": f"#/$defs/d{depth - 1}"}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "references that double": (laughs(40), "x"),
    "a reference to itself": ({"$ref": "#"}, "x"),
    "a reference elsewhere": ({"$ref": "http://127.0.0.1:9/schema"}, "x"),
    "a reference to nothing": ({"$ref": "#/$defs/none"}, "x"),
    "a pattern that backtracks": ({"pattern": "^(a|aa)+$"}, "a" * 200 + "!"),
    "a name's pattern that backtracks": ({"patternProperties": {"^(a|aa)+$": False}}, {"a" * 200 + "!": 1}),
    "one that closes an object": ({"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False}, {"a" * 200 + "!": 1}),
    "a great many patterns": ({"items": {"allOf": [{"pattern": f"(.*a){{4}}.{{{n}}}!"} for n in range(50)]}}, ["a" * 300] * 500),
    "a pattern that is none": ({"pattern": "((("}, "x"),
    "a very long pattern": ({"pattern": "(" * 50_000}, "x"),
    "a wide union": ({"items": {"anyOf": [{"const": n} for n in range(3000)]}}, [2999] * 3000),
    "depth": (nested(3000), deep(900)),
    "equal items": ({"uniqueItems": True}, [{"n": n} for n in range(30_000)]),
    "a type that is none": ({"type": "thing"}, 1),
    "keywords of the wrong type": ({"properties": 5, "required": 7, "items": "x", "multipleOf": 0}, {"a": 1}),
    "a division by nothing": ({"multipleOf": 0}, 1),
    "a schema of a strange kind": ({"$schema": 5, "type": "string"}, 1),
    "what is evaluated elsewhere": ({"unevaluatedProperties": False}, {"a": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_is_given_up_in_time_and_blames_nothing(name: str) -> None:
    schema, value = HOSTILE[name]
    before = time.thread_time()
    check = schema_check(schema)
    if check is not None:
        assert check.problem(value) is None
    assert time.thread_time() - before < 10 * MOST_SECONDS, "of this thread's own time, whatever else runs"


def test_a_schema_too_large_to_be_checked_is_left_alone() -> None:
    assert schema_check({"description": "x" * MOST_BYTES}) is None
    assert schema_check({"enum": [object()]}) is None, "it is not JSON either"


def test_a_schema_is_compiled_once() -> None:
    assert schema_check({"type": "string", "title": "once"}) is schema_check({"type": "string", "title": "once"})


def test_a_schema_that_is_given_up_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    check = schema_check({"$ref": "#/$defs/logged-once"})
    assert check is not None
    with caplog.at_level(logging.WARNING, "segue"):
        for _ in range(3):
            check.problem({"secret": 1})
    (record,) = caplog.records
    assert "secret" not in record.getMessage()
