"""JSON Schemas in the subset that Claude enforces. Claude's grammar

has closed objects only, `anyOf` but not `oneOf`, a few string formats and no bounds. A schema that uses more is reduced
to that subset: what is lost is written into the descriptions, where the model reads it. A schema that needs an open object
(a map from any key to a value) has no such form.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_KEPT: Final = ("type", "description", "title", "enum", "const", "default", "$ref", "required")
_SILENT: Final = frozenset({"$schema", "$id", "$comment", "examples", "additionalProperties", "strict"})
_BRANCHES: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_DEPTH: Final = 64


class _OpenObjectError(Exception):
    pass


def enforceable(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema as Claude's grammar takes it, or None if it can't be expressed there."""
    try:
        return _node(schema, 0)
    except _OpenObjectError:
        return None


def _node(schema: Any, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or depth > _DEPTH:
        raise _OpenObjectError
    node = {key: schema[key] for key in _KEPT if key in schema}
    lost = {key: value for key, value in schema.items() if key not in node and key not in _SILENT}
    for key in ("$defs", "definitions"):
        if isinstance(lost.get(key), dict):
            node[key] = {name: _node(value, depth + 1) for name, value in lost.pop(key).items()}
    for key, keyword in _BRANCHES.items():
        if isinstance(lost.get(key), list):
            node[keyword] = [*node.get(keyword, ()), *(_node(branch, depth + 1) for branch in lost.pop(key))]
    if _is_object(schema):
        node["properties"] = _properties(schema, lost.pop("properties", None), depth)
        node["additionalProperties"] = False
    if "items" in lost:
        node["items"] = _node(lost.pop("items"), depth + 1)
    if isinstance(lost.get("format"), str) and lost["format"] in _FORMATS:
        node["format"] = lost.pop("format")
    if lost.get("minItems") in (0, 1):
        node["minItems"] = lost.pop("minItems")
    if not node:
        raise _OpenObjectError
    return _with_notes(node, lost)


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _properties(schema: dict[str, Any], properties: Any, depth: int) -> dict[str, Any]:
    if isinstance(schema.get("additionalProperties"), dict) or "patternProperties" in schema:
        raise _OpenObjectError
    if not isinstance(properties, dict) or not properties:
        if schema.get("additionalProperties") is False:
            return {}
        raise _OpenObjectError
    return {name: _node(value, depth + 1) for name, value in properties.items()}


def _with_notes(node: dict[str, Any], lost: dict[str, Any]) -> dict[str, Any]:
    if lost:
        notes = ", ".join(f"{key}: {msgspec.json.encode(value).decode()}" for key, value in lost.items())
        description = node.get("description")
        node["description"] = f"{description} ({notes})" if isinstance(description, str) and description else notes
    return node
