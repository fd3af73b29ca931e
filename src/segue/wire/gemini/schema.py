"""JSON Schema as Gemini reads it, and Gemini's own schema (a subset of OpenAPI 3.0) as JSON Schema.

`responseJsonSchema` and `parametersJsonSchema` take JSON Schema; keywords that Gemini does not know are ignored, but `const` says
what `enum` of one says, and beside `$ref` only keywords that begin with `$` may stand.
(Source: ai.google.dev/gemini-api/docs/structured-output and the reference of `GenerationConfig`, November 2026.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_SNAKE = re.compile(r"(?<!^)_{1,8}([a-z0-9])")

_ONE = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties"}
)
_MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "defs"})
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})


def to_gemini(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with what Gemini does not read said otherwise."""
    result: dict[str, Any] = _walk(schema, _simplified)
    return result


def from_gemini(schema: dict[str, Any]) -> dict[str, Any]:
    """Gemini's own schema as JSON Schema. The official SDK writes its keywords in snake_case."""
    result: dict[str, Any] = _walk(schema, _generalised, camel)
    return result


def camel(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields with camelCase names, as protobuf reads them. A field that is null counts as absent."""
    return {_SNAKE.sub(_upper, name): value for name, value in fields.items() if value is not None}


def _walk(
    schema: Any,
    after: Callable[[dict[str, Any]], dict[str, Any]],
    before: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Any:
    """A schema and all within it changed, `before` from the outside in, `after` from the inside out.

    Names of properties are no keywords.
    """
    if not isinstance(schema, dict):
        return schema
    walked = before(schema)
    for keyword, value in walked.items():
        if keyword in _ONE:
            walked[keyword] = _walk(value, after, before)
        elif keyword in _MANY and isinstance(value, list):
            walked[keyword] = [_walk(item, after, before) for item in value]
        elif keyword in _NAMED and isinstance(value, dict):
            walked[keyword] = {name: _walk(item, after, before) for name, item in value.items()}
    return after(walked)


def _simplified(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {keyword: value for keyword, value in schema.items() if keyword.startswith("$")}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    return schema


def _generalised(schema: dict[str, Any]) -> dict[str, Any]:
    if "ref" in schema and "type" not in schema:
        return {"$ref": schema["ref"]}
    general: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "type":
            if isinstance(value, str) and value != "TYPE_UNSPECIFIED":
                general["type"] = value.lower()
        elif keyword == "defs":
            general["$defs"] = value
        elif keyword in _COUNTS and isinstance(value, str) and value.isdecimal():
            general[keyword] = int(value)
        elif keyword not in ("nullable", "propertyOrdering") and (keyword, value) != ("format", "enum"):
            general[keyword] = value
    if isinstance(order := schema.get("propertyOrdering"), list) and isinstance(general.get("properties"), dict):
        general["properties"] = _ordered(general["properties"], order)
    return _with_null(general) if schema.get("nullable") is True else general


def _ordered(properties: dict[str, Any], order: list[Any]) -> dict[str, Any]:
    first = {name: properties[name] for name in order if isinstance(name, str) and name in properties}
    return first | properties


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(options := schema.get("anyOf"), list):
        return {**schema, "anyOf": [*options, {"type": "null"}]}
    if isinstance(kind := schema.get("type"), str):
        schema["type"] = [kind, "null"]
    if isinstance(values := schema.get("enum"), list):
        schema["enum"] = [*values, None]
    return schema


def _upper(match: re.Match[str]) -> str:
    return match[1].upper()
