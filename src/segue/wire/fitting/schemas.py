"""Schemas of tools' arguments, in the form that all providers take.

What the providers refuse, by their own 400s:

    OpenAI     "object schema missing properties"; "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at
               the top level"; "array schema missing items"; under `strict`, optional properties and open objects
    Anthropic  "input_schema does not support oneOf, allOf, or anyOf at the top level"; a schema without a type
    Gemini     "should be non-empty for OBJECT type"; "items: missing field"; "required: … is not defined"

A schema that none of them refuses is returned as the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

Schema = dict[str, Any]

ONE: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties"}
)
MANY: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "defs"})

_HOLDING: Final = ONE | MANY | NAMED
"""Keywords that hold schemas."""
_BRANCHES: Final = ("anyOf", "oneOf", "allOf")
_NOT_AT_THE_TOP: Final = frozenset({*_BRANCHES, "enum", "const", "not", "if", "then", "else"})
_LONGEST_NOTE: Final = 2000
"""Characters of a description that may hold what a schema can't."""

_UNSTRICT: Final = frozenset(
    {
        *("oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties"),
        *("propertyNames", "unevaluatedProperties", "contains", "minContains", "maxContains", "prefixItems"),
        *("uniqueItems", "minProperties", "maxProperties"),
    }
)
"""Keywords that OpenAI's strict mode does not take."""
_FORMATS: Final = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


class Arguments(NamedTuple):
    """A schema that a provider takes, and what was lost, for the tool's description."""

    schema: Schema
    note: str = ""


def walk(schema: Any, after: Callable[[Schema], Schema], before: Callable[[Schema], Schema] = dict) -> Any:
    """A schema and all within it changed, `before` from the outside in, `after` from the inside out.

    Names of properties are not taken for keywords.
    """
    if not isinstance(schema, dict):
        return schema
    walked = before(schema)
    for keyword, value in walked.items():
        if keyword in ONE:
            walked[keyword] = walk(value, after, before)
        elif keyword in MANY and isinstance(value, list):
            walked[keyword] = [walk(item, after, before) for item in value]
        elif keyword in NAMED and isinstance(value, dict):
            walked[keyword] = {name: walk(item, after, before) for name, item in value.items()}
    return after(walked)


def arguments_schema(schema: Schema) -> Arguments:
    """A tool's schema as a plain object: a type, properties, no choice between forms at the top, items for each array."""
    fitted, note = _plain_object(schema)
    return Arguments(walk(fitted, _with_items) if _lacks_items(fitted) else fitted, note)


def _plain_object(schema: Schema) -> Arguments:
    if (
        schema.get("type") == "object"
        and isinstance(schema.get("properties"), dict)
        and not schema.keys() & _NOT_AT_THE_TOP
    ):
        return Arguments(schema)
    properties: Schema = {}
    required: list[str] = []
    _Gathering(schema, properties, required).take(schema, always=True)
    plain = {name: value for name, value in schema.items() if name not in _NOT_AT_THE_TOP and name != "$ref"}
    plain |= {"type": "object", "properties": properties}
    plain.pop("required", None)
    if required:
        plain["required"] = list(dict.fromkeys(required))
    lost = {name: schema[name] for name in _NOT_AT_THE_TOP if schema.get(name)}
    note = f"The arguments follow this JSON Schema: {msgspec.json.encode(lost).decode()}" if lost else ""
    return Arguments(plain, note if len(note) <= _LONGEST_NOTE else "")


class _Gathering:
    """What the alternatives of a schema state about an object, collected into `properties` and `required`. Each is looked at once."""

    def __init__(self, root: Schema, properties: Schema, required: list[str]) -> None:
        self._root = root
        self._properties = properties
        self._required = required
        self._seen: set[tuple[int, bool]] = set()

    def take(self, schema: Any, *, always: bool) -> None:
        """`always`: what the schema requires is required whichever form is chosen."""
        if not isinstance(schema, dict) or (id(schema), always) in self._seen:
            return
        self._seen.add((id(schema), always))
        if isinstance(ref := schema.get("$ref"), str):
            self.take(resolved(ref, self._root), always=always)
        own = schema.get("properties")
        for name, value in own.items() if isinstance(own, dict) else ():
            known = self._properties.get(name)
            self._properties[name] = value if known is None or known == value else {"anyOf": [*_forms(known), value]}
        if always:
            self._required.extend(strings(schema.get("required")))
        for keyword in _BRANCHES:
            branches = schema.get(keyword)
            if isinstance(branches, list):
                inner = always and (keyword == "allOf" or len(branches) == 1)
                for branch in branches:
                    self.take(branch, always=inner)


def _forms(schema: Any) -> list[Any]:
    return schema["anyOf"] if isinstance(schema, dict) and schema.keys() == {"anyOf"} else [schema]


def resolved(ref: str, root: Schema) -> Any:
    """What a reference within the same schema stands for; None if it does not exist."""
    if not ref.startswith("#"):
        return None
    found: Any = root
    for step in ref[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict) and step in found:
            found = found[step]
        else:
            return None
    return found


def _lacks_items(schema: Schema) -> bool:
    """Whether an array anywhere within does not describe its items. Checked first, because few do not, and walking a schema costs more."""
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if type(node) is not dict:
            continue
        kind = node.get("type")
        if "items" not in node and (kind == "array" or (type(kind) is list and "array" in kind)):
            return True
        for keyword in node.keys() & _HOLDING:
            value = node[keyword]
            if type(value) is dict:
                waiting.extend(value.values() if keyword in NAMED else (value,))
            elif type(value) is list:
                waiting.extend(value)
    return False


def _with_items(schema: Schema) -> Schema:
    return schema | {"items": {}} if "items" not in schema and _is(schema, "array") else schema


def strings(value: Any) -> list[str]:
    """The strings of a list that should have nothing else; [] if it is not a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is(schema: Schema, kind: str) -> bool:
    types = schema.get("type")
    return types == kind or (isinstance(types, list) and kind in types)


class _NotStrictError(Exception):
    pass


def strict(schema: Schema) -> Schema | None:
    """The schema as OpenAI's strict mode takes it, or None if it can't be expressed there: an optional property, an open object."""
    try:
        closed: Schema = walk(schema, _closed)
    except _NotStrictError:
        return None
    return closed if _is(closed, "object") and not closed.keys() & _NOT_AT_THE_TOP else None


def _closed(schema: Schema) -> Schema:
    if schema.keys() & _UNSTRICT or str(schema.get("format", "date")) not in _FORMATS:
        raise _NotStrictError
    schema.pop("default", None)
    if not (_is(schema, "object") or "properties" in schema):
        return schema
    is_open = schema.get("additionalProperties", False) is not False
    properties = schema.get("properties", {} if "additionalProperties" in schema else None)
    if is_open or not isinstance(properties, dict) or set(properties) != set(strings(schema.get("required"))):
        raise _NotStrictError
    return schema | {"properties": properties, "required": [*properties], "additionalProperties": False}
