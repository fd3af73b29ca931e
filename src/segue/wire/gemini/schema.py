"""JSON Schema as Gemini reads it, and Gemini's own schema (a subset of OpenAPI 3.0) as JSON Schema.

`responseJsonSchema` and `parametersJsonSchema` take JSON Schema; keywords that Gemini does not know are ignored, but `const` is written
as an `enum` of one value, and only keywords that begin with `$` may stand beside `$ref`, which must refer to `$defs`.
(Source: ai.google.dev/gemini-api/docs/structured-output and the reference of `GenerationConfig`, November 2026.)
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from segue.wire.fitting.schemas import resolved, strings, walk

_SNAKE = re.compile(r"(?<!^)_{1,8}([a-z0-9])")

_DEFINED = re.compile(r"#/\$defs/[^/]+")
_OLDER = re.compile(r"#/definitions/([^/]+)")
_MOST_INLINED = 100
"""References of a schema that are written out."""
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})


def to_gemini(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with what Gemini does not read rewritten."""
    result: dict[str, Any] = walk(schema, partial(_simplified, schema, [_MOST_INLINED], ()))
    return result


def from_gemini(schema: dict[str, Any]) -> dict[str, Any]:
    """Gemini's own schema as JSON Schema. The official SDK writes its keywords in snake_case."""
    result: dict[str, Any] = walk(schema, _generalised, camel)
    return result


def camel(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields with camelCase names, as protobuf reads them. A field that is null counts as absent."""
    return {_SNAKE.sub(_upper, name): value for name, value in fields.items() if value is not None}


def _simplified(
    root: dict[str, Any], room: list[int], within: tuple[str, ...], schema: dict[str, Any]
) -> dict[str, Any]:
    """`room` is how many references may still be written out, `within` those that are being written out."""
    if isinstance(ref := schema.get("$ref"), str):
        return _referred(root, room, within, ref) | {name: value for name, value in schema.items() if name == "$defs"}
    if isinstance(older := schema.get("definitions"), dict):
        own = schema.get("$defs")
        schema["$defs"] = {**older, **(own if isinstance(own, dict) else {})}
        del schema["definitions"]
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "required" in schema and isinstance(properties := schema.get("properties"), dict):
        schema["required"] = [name for name in strings(schema["required"]) if name in properties]
    return schema


def _referred(root: dict[str, Any], room: list[int], within: tuple[str, ...], ref: str) -> dict[str, Any]:
    """A reference in the one form that Gemini follows; what another stands for, where that is known."""
    if _DEFINED.fullmatch(ref):
        return {"$ref": ref}
    if found := _OLDER.fullmatch(ref):
        return {"$ref": f"#/$defs/{found[1]}"}
    target = resolved(ref, root) if room[0] > 0 and ref not in within else None
    if not isinstance(target, dict) or target is root:
        return {"type": "object"}
    room[0] -= 1
    inlined: dict[str, Any] = walk(target, partial(_simplified, root, room, (*within, ref)))
    return inlined


def _generalised(schema: dict[str, Any]) -> dict[str, Any]:
    if "ref" in schema and "type" not in schema:
        return {"$ref": schema["ref"]}
    general: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "type":
            if isinstance(value, list):
                general["type"] = [one.lower() for one in value if isinstance(one, str)]
            elif isinstance(value, str) and value != "TYPE_UNSPECIFIED":
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
