"""Schemas and names of any kind: whatever a caller declares, each provider takes what is sent, or the codec says that it can't be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.chat.messages import user
from segue.chat.request import ChatRequest, OutputSchema, Tool
from segue.wire.dialects import DIALECTS
from segue.wire.fitting.names import Answers, property_names, tool_names
from segue.wire.fitting.schemas import arguments_schema

from .providers import check, wire

names = st.text(st.sampled_from("ab_.-:$/ é天"), max_size=6)
leaves: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["object", "array", "string", "null", "#/$defs/a", "#", "#/x", ""]),
)
keywords = st.sampled_from(
    [
        *(
            "type",
            "type",
            "properties",
            "properties",
            "items",
            "anyOf",
            "oneOf",
            "allOf",
            "required",
            "$ref",
            "$defs",
            "definitions",
        ),
        *(
            "enum",
            "const",
            "not",
            "if",
            "additionalProperties",
            "description",
            "format",
            "default",
            "prefixItems",
            "title",
        ),
    ]
)
schemas: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(keywords, inner, max_size=5),
        st.dictionaries(names, inner, max_size=3),
        st.lists(inner, max_size=3),
        st.lists(names, max_size=3),
    ),
    max_leaves=14,
)
tables = st.dictionaries(keywords, schemas, max_size=6)


def is_schema(value: Any) -> bool:
    """Whether the parts that are looked at have the form that JSON Schema gives them; else no provider would take it anyway."""
    if not isinstance(value, dict):
        return isinstance(value, bool)
    good = {
        "properties": lambda v: isinstance(v, dict) and all(map(is_schema, v.values())),
        "$defs": lambda v: isinstance(v, dict) and all(map(is_schema, v.values())),
        "definitions": lambda v: isinstance(v, dict) and all(map(is_schema, v.values())),
        "required": lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v),
        **{
            name: lambda v: isinstance(v, list) and all(map(is_schema, v))
            for name in ("anyOf", "oneOf", "allOf", "prefixItems")
        },
        **dict.fromkeys(("items", "not", "if", "additionalProperties"), is_schema),
        "$ref": lambda v: isinstance(v, str),
        "type": lambda v: v in ("object", "array", "string", "null"),
    }
    return all(name not in good or good[name](inner) for name, inner in value.items())


@settings(max_examples=80, deadline=None)
@given(schema=tables, strict=st.booleans())
@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_schema_is_one_that_the_provider_takes(dialect: str, schema: dict[str, Any], strict: bool) -> None:
    before = json.dumps(schema)
    request = ChatRequest(
        messages=(user("hi"),),
        tools=(Tool(name="f", parameters=schema, strict=strict or None),),
        output=OutputSchema(schema=schema, strict=strict or None),
    )
    sent = json.loads(wire(dialect, request).body)
    assert json.dumps(schema) == before
    if is_schema(schema):
        check(dialect, sent)


@settings(max_examples=80, deadline=None)
@given(schema=tables)
def test_a_fitted_schema_needs_no_more_fitting(schema: dict[str, Any]) -> None:
    fitted = arguments_schema(schema).schema
    assert arguments_schema(fitted).schema == fitted


@settings(max_examples=80, deadline=None)
@given(given_names=st.lists(names, unique=True, max_size=8), dialect=st.sampled_from([*DIALECTS, "langchain"]))
def test_any_names_can_be_told_apart_again(given_names: list[str], dialect: str) -> None:
    sent = tool_names(dialect, given_names)
    others = [sent.get(name, name) for name in given_names]
    assert len(set(others)) == len(given_names)
    assert tool_names(dialect, others) == {}
    assert tool_names(dialect, given_names) == sent


@settings(max_examples=80, deadline=None)
@given(
    arguments=st.dictionaries(names, st.recursive(st.one_of(st.none(), names, st.integers()), lambda inner: st.dictionaries(names, inner, max_size=2) | st.lists(inner, max_size=2), max_leaves=5), max_size=4),
    indent=st.sampled_from([None, 1]),
    size=st.integers(1, 9),
)  # fmt: skip
def test_any_arguments_come_back_by_the_callers_names(arguments: dict[str, Any], indent: int | None, size: int) -> None:
    from segue.chat.events import ToolCallDelta

    changed = property_names("claude", list(arguments))
    text = json.dumps({changed.get(name, name): value for name, value in arguments.items()}, indent=indent)
    answers = Answers({}, {"f": {other: name for name, other in changed.items()}})
    pieces = [
        ToolCallDelta(0, "id", "f"),
        *(ToolCallDelta(0, arguments=text[n : n + size]) for n in range(0, len(text), size)),
    ]
    restored = answers.restored(list(pieces))
    whole = "".join(delta.arguments for delta in restored if isinstance(delta, ToolCallDelta))
    assert json.loads(whole) == arguments


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"$ref": "#"}] * 9, "allOf": [{"$ref": "#"}] * 9},
        {"anyOf": [{"anyOf": [{"$ref": f"#/anyOf/{n}"} for n in range(30)]} for _ in range(30)]},
        {"properties": {f"p{n}": {"anyOf": [{"$ref": f"#/properties/p{m}"} for m in range(40)]} for n in range(40)}},
    ],
)
def test_references_that_go_round_are_followed_once(dialect: str, schema: dict[str, Any]) -> None:
    request = ChatRequest(messages=(user("hi"),), tools=(Tool(name="f", parameters=schema),))
    assert len(wire(dialect, request).body) < 400_000
