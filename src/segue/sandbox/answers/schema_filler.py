"""Fills a JSON Schema with values that suit it: the right types, choices, counts and formats, and words from the prompt.

Deterministic: the same schema and material give the same value. Choices and words move on from item to item, so that a list
shows variety.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from segue.sandbox.answers.phrases import phrase
from segue.sandbox.answers.prompt_subjects import Material

Schema = dict[str, Any]

_DEEP = 8
"""Beyond this depth only what is required is filled."""
_USUAL_ITEMS = 3

_FORMATS = {
    "date": "2026-11-23",
    "date-time": "2026-11-23T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "regex": ".*",
    "json-pointer": "/a",
}
_CANDIDATES = (
    *_FORMATS.values(), "a", "A", "abc", "ABC", "a1", "A1", "ABC-123", "abc-123", "abc_def", "0", "1", "12", "123", "1234", "12345",
    "123456", "2026", "2026-11", "09:00", "1.0", "1.0.0", "v1.0.0", "#ffffff", "+15550100", "555-0100", "010-1234-5678", "EUR", "USD", "en", "en-US",
    "ko", "KR", "K1A 0B1", "12345-6789", "/a/b", "example", "Example Example", "가", "가나다",
)  # fmt: skip
"""Texts to try where only a pattern is given."""


def fill(schema: Schema, material: Material) -> Any:
    """A value that follows the schema."""
    return _Filler(schema, material).value(schema, _Place(), 0)


class _Place(NamedTuple):
    """Where a value stands: its property's name, its number in the nearest list, and the number of the listed object it is part of."""

    name: str = ""
    number: int = 0
    about: int | None = None


class _Filler:
    def __init__(self, root: Schema, material: Material) -> None:
        self._root = root
        self._material = material

    def value(self, schema: Any, place: _Place, depth: int) -> Any:
        if not isinstance(schema, dict):
            return None if schema is False else self._words(place)
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("enum"):
            return choices[place.number % len(choices)]
        match _kind(schema):
            case "object":
                return self._object(schema, place, depth)
            case "array":
                return self._array(schema, place, depth)
            case "integer" | "number" as kind:
                return _number(schema, kind, place.number)
            case "boolean":
                return place.number % 2 == 0
            case "null":
                return None
        return self._text(schema, place)

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """Follows references and picks the first alternative, null last."""
        for _ in range(32):
            if (reference := schema.get("$ref")) is not None:
                schema = {**self._lookup(reference), **{k: v for k, v in schema.items() if k != "$ref"}}
            elif parts := schema.get("allOf"):
                schema = _merged([{k: v for k, v in schema.items() if k != "allOf"}, *parts])
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
                schema = _merged([rest, self._option(options, depth)])
            else:
                break
        return schema

    def _option(self, options: Sequence[Any], depth: int) -> Schema:
        usable = [option for option in options if isinstance(option, dict)]
        plain = [option for option in usable if option.get("type") != "null"]
        if depth > _DEEP:  # a recursive schema ends at the option that refers to nothing
            plain = sorted(usable, key=lambda option: "$ref" in option or _kind(option) in ("object", "array"))
        return plain[0] if plain else {"type": "null"}

    def _lookup(self, reference: str) -> Schema:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                found = found.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}

    def _object(self, schema: Schema, place: _Place, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        wanted = [name for name in properties if name in required or depth <= _DEEP]
        wanted += [name for name in required if name not in properties]
        filled = {name: self.value(properties.get(name, {}), place._replace(name=name), depth + 1) for name in wanted}
        extra = schema.get("additionalProperties")
        for number in range(max(0, (schema.get("minProperties") or 0) - len(filled))):
            inner = extra if isinstance(extra, dict) else {}
            filled[f"key{number + 1}"] = self.value(inner, _Place("value", number), depth + 1)
        return filled

    def _array(self, schema: Schema, place: _Place, depth: int) -> list[Any]:
        prefix = schema.get("prefixItems") or []
        items = schema.get("items", {})
        least, most = schema.get("minItems") or 0, schema.get("maxItems", math.inf)
        usual = 0 if depth > _DEEP else max(_USUAL_ITEMS if items is not False else 0, len(prefix))
        count = int(min(max(usual, least), most))
        unique = bool(schema.get("uniqueItems"))
        if unique and isinstance(items, dict) and items.get("enum"):
            count = min(count, len(items["enum"]))
        filled: list[Any] = []
        for number in range(count):
            inner = prefix[number] if number < len(prefix) else items
            about = (
                number if isinstance(inner, dict) and _kind(self._resolved(inner, depth)) == "object" else place.about
            )
            value = self.value(inner, _Place(_singular(place.name), number, about), depth + 1)
            filled.append(f"{value} {number + 1}" if unique and isinstance(value, str) and value in filled else value)
        return filled

    def _words(self, place: _Place) -> str:
        return phrase(place.name, place.number if place.about is None else place.about, place.number, self._material)

    def _text(self, schema: Schema, place: _Place) -> str:
        if (text := _FORMATS.get(schema.get("format", ""))) is None:
            text = self._words(place)
        if pattern := schema.get("pattern"):
            text = _matching(pattern, text)
        least, most = schema.get("minLength") or 0, schema.get("maxLength")
        if len(text) < least:
            text = (text + " …").ljust(least, ".") if not pattern else text
        return text[:most] if most is not None else text


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if schema.keys() & {"minimum", "maximum", "multipleOf"} else "string"


def _merged(schemas: Sequence[Any]) -> Schema:
    merged: Schema = {}
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        for key, value in schema.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged[key] = value
    return merged


def _number(schema: Schema, kind: str, index: int) -> int | float:
    """The item's own multiple of the step within the bounds, or the least one; the middle of a range that holds none."""
    step: int | float = schema.get("multipleOf") or 1
    low: int | float = schema.get("minimum", -math.inf)
    high: int | float = schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, math.nextafter(schema["exclusiveMinimum"], math.inf))
    if "exclusiveMaximum" in schema:
        high = min(high, math.nextafter(schema["exclusiveMaximum"], -math.inf))
    first = math.ceil(low / step) if low > -math.inf else min(1, math.floor(high / step)) if high < math.inf else 1
    value = (first + index) * step if (first + index) * step <= high else first * step
    if value > high and kind != "integer":
        return (low + high) / 2
    return int(value) if kind == "integer" else value


def _matching(pattern: str, text: str) -> str:
    try:
        expression = re.compile(pattern)
    except re.error:
        return text
    return next((one for one in (text, *_CANDIDATES) if expression.search(one)), text)


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
