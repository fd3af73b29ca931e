from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from segue.sandbox.answers.prompt_subjects import Material, Subject
from segue.sandbox.answers.schema_filler import fill

NOTHING = Material(language="en")
MATERIAL = Material(language="en", subjects=(Subject("Ledger", ("Go",)), Subject("Router")), skills=("Go", "Redis"))

TREE = {
    "$defs": {"node": {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["name", "children"], "additionalProperties": False}},
    "$ref": "#/$defs/node",
}  # fmt: skip
CHAIN = {
    "$defs": {"link": {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/link"}, {"type": "null"}]}}, "required": ["value", "next"]}},
    "$ref": "#/$defs/link",
}  # fmt: skip

SCHEMAS: dict[str, dict[str, Any]] = {
    "object": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    "strict": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"], "additionalProperties": False},
    "required without properties": {"type": "object", "required": ["x", "y"]},
    "enum": {"type": "array", "items": {"enum": ["x", "y", "z"]}, "minItems": 7},
    "unique enum": {"type": "array", "items": {"enum": ["x", "y"]}, "uniqueItems": True},
    "unique texts": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 9},
    "const": {"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]},
    "bounds": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "empty array": {"type": "array", "maxItems": 0, "items": {"type": "string"}},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False},
    "minimum": {"type": "integer", "minimum": 10},
    "maximum": {"type": "integer", "maximum": -3},
    "between": {"type": "array", "items": {"type": "integer", "minimum": 3, "maximum": 5}, "minItems": 6},
    "exclusive": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "exclusive integer": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 1},
    "type list": {"type": ["null", "string"]},
    "null": {"type": "null"},
    "any of": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}]},
    "one of": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "all of": {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]},
    "reference": {"$defs": {"a/b": {"type": "integer"}}, "type": "object", "properties": {"v": {"$ref": "#/$defs/a~1b"}}, "required": ["v"]},
    "tree": TREE,
    "chain": CHAIN,
    "length": {"type": "string", "minLength": 200},
    "short": {"type": "string", "maxLength": 3},
    "date": {"type": "string", "format": "date"},
    "link": {"type": "object", "properties": {"link": {"type": "string", "format": "uri", "pattern": "^https://"}}},
    "pattern": {"type": "string", "pattern": r"^\d{3}-\d{4}$"},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    "anything": {},
    "pydantic": {
        "$defs": {"Level": {"enum": ["low", "high"], "title": "Level", "type": "string"}},
        "properties": {"level": {"$ref": "#/$defs/Level"}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}},
        "required": ["level"], "title": "M", "type": "object",
    },
}  # fmt: skip


@pytest.mark.parametrize("material", [NOTHING, MATERIAL], ids=["no material", "material"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_filled_schema_is_followed(name: str, material: Material) -> None:
    schema = SCHEMAS[name]
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    checker.validate(fill(schema, material))


def test_the_same_question_is_filled_in_the_same_way() -> None:
    assert fill(SCHEMAS["pydantic"], MATERIAL) == fill(SCHEMAS["pydantic"], MATERIAL)


def test_a_list_shows_variety_in_choices_and_words() -> None:
    item = {"type": "object", "properties": {"type": {"enum": ["a", "b", "c"]}, "question": {"type": "string"}}}
    filled = fill({"type": "array", "items": item, "minItems": 5}, MATERIAL)
    assert [each["type"] for each in filled] == ["a", "b", "c", "a", "b"]
    assert len({each["question"] for each in filled}) == 5
    assert all("Ledger" in each["question"] or "Router" in each["question"] for each in filled)


def test_the_texts_of_a_listed_object_speak_of_one_thing() -> None:
    points = {"type": "array", "items": {"type": "string"}, "minItems": 3}
    item = {"type": "object", "properties": {"topic": {"type": "string"}, "what_good_answers_cover": points}}
    first = fill({"type": "array", "items": item}, MATERIAL)[0]
    assert first["topic"] == "Go in Ledger"
    assert "Go" in first["what_good_answers_cover"][0]
    assert len(set(first["what_good_answers_cover"])) == 3
