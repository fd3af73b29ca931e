"""JSON Schemas brought into the part that Claude enforces."""

from __future__ import annotations

from typing import Any

import pytest

from segue.wire.claude.upstream.schema import enforceable

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "enforced"),
    [
        (
            {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
            {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False},
        ),
        (
            {"type": "array", "items": {"type": "integer", "minimum": 1, "description": "count"}, "minItems": 3},
            {
                "type": "array",
                "items": {"type": "integer", "description": "count (minimum: 1)"},
                "description": "minItems: 3",
            },
        ),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"type": "string", "format": "email"}, {"type": "string", "format": "email"}),
        ({"type": "string", "format": "color"}, {"type": "string", "description": 'format: "color"'}),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"b": TEXT}}}},
            {
                "$ref": "#/$defs/A",
                "$defs": {"A": {"type": "object", "properties": {"b": TEXT}, "additionalProperties": False}},
            },
        ),
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"type": "object", "properties": {}, "additionalProperties": False},
        ),
        ({"$schema": "x", "title": "T", "type": "boolean"}, {"title": "T", "type": "boolean"}),
    ],
)
def test_a_schema_is_brought_into_the_part_that_is_enforced(schema: Any, enforced: Any) -> None:
    assert enforceable(schema) == enforced


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": TEXT, "properties": {"a": TEXT}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "array", "items": {"type": "object"}},
    ],
)
def test_a_schema_that_leaves_an_object_open_can_not_be_enforced(schema: Any) -> None:
    assert enforceable(schema) is None


def test_a_schema_without_a_bottom_can_not_be_enforced() -> None:
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema
    assert enforceable(schema) is None


def test_the_schema_given_is_not_changed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    enforceable(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
