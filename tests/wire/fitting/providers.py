"""The providers' own checks of tools, in the words of their 400s as public reports have them. Written from those, not from our code.

OpenAI: langchain-ai/langchainjs#9804, nspady/google-calendar-mcp#39, vercel/ai#5670, langchain-ai/langchain-mcp-adapters#137.
Anthropic: getkimchi/kimchi#1169, beautyfree/appstore-connect-mcp#2, decocms/studio#6874, langchain-ai/langchain#39271,
anthropics/claude-code#10687. Gemini: kaitranntt/ccs#25, maximhq/bifrost#1979, NousResearch/hermes-agent#69924, tridz-dev/huf#341.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from segue.catalog.models import find_model
from segue.chat.request import ChatRequest
from segue.secret import Secret
from segue.wire.codec import Call, WireRequest
from segue.wire.dialects import upstream

MODELS = {
    "openai_chat": find_model("openai", "gpt-4.1"),
    "openai_responses": find_model("openai", "gpt-4.1"),
    "claude": find_model("claude", "claude-sonnet-4-5"),
    "gemini": find_model("gemini", "gemini-3.5-flash"),
}


class Refused(Exception):
    """A 400."""


def wire(dialect: str, request: ChatRequest, **changes: Any) -> WireRequest:
    fields: dict[str, Any] = {"model": MODELS[dialect], "base_url": "https://x.test/v1", "key": Secret("k")} | changes
    return upstream(dialect).encode(request, Call(**fields))


def body(dialect: str, request: ChatRequest, **changes: Any) -> dict[str, Any]:
    sent: dict[str, Any] = msgspec.json.decode(wire(dialect, request, **changes).body)
    return sent


def functions(dialect: str, sent: dict[str, Any]) -> list[tuple[str, dict[str, Any] | None, bool]]:
    """Name, schema and strictness of the functions in a body."""
    tools = sent.get("tools", [])
    match dialect:
        case "openai_chat":
            tools = [tool["function"] for tool in tools if tool["type"] == "function"]
            return [(tool["name"], tool["parameters"], tool.get("strict", False)) for tool in tools]
        case "openai_responses":
            return [(t["name"], t["parameters"], t["strict"]) for t in tools if t["type"] == "function"]
        case "claude":
            return [(t["name"], t["input_schema"], t.get("strict", False)) for t in tools if "input_schema" in t]
    listed = [each for tool in tools for each in tool.get("functionDeclarations", [])]
    return [(each["name"], each.get("parametersJsonSchema"), False) for each in listed]


def check(dialect: str, sent: dict[str, Any]) -> None:
    """Raises `Refused` as the provider would."""
    found = functions(dialect, sent)
    names = [name for name, _, _ in found]
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique." if dialect == "claude" else f"Duplicate function: {names}")
    for name, schema, strict in found:
        if dialect.startswith("openai"):
            _openai(name, schema, strict)
        elif dialect == "claude":
            _claude(name, schema)
        else:
            _gemini(name, schema)


def _openai(name: str, schema: Any, strict: bool) -> None:
    if not re.fullmatch("[a-zA-Z0-9_-]{1,64}", name):
        raise Refused(f"Invalid 'tools[0].function.name': string does not match pattern: {name}")
    if schema.get("type") != "object" or schema.keys() & {"oneOf", "anyOf", "allOf", "enum", "not"}:
        raise Refused(
            "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level"
        )
    if "properties" not in schema:
        raise Refused("In context=(), object schema missing properties.")
    for node in nodes(schema):
        if node.get("type") == "array" and "items" not in node:
            raise Refused("array schema missing items")
        if not strict:
            continue
        if node.get("type") == "object":
            if node.get("additionalProperties") is not False:
                raise Refused("'additionalProperties' is required to be supplied and to be false.")
            if set(node.get("required", ())) != set(node.get("properties", ())):
                raise Refused(
                    "'required' is required to be supplied and to be an array including every key in properties"
                )
        if forbidden := node.keys() & {"oneOf", "allOf", "not", "default", "patternProperties"}:
            raise Refused(f"{forbidden} is not permitted")


def _claude(name: str, schema: Any) -> None:
    if not re.fullmatch("[a-zA-Z0-9_-]{1,128}", name):
        raise Refused("tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
    if schema.get("type") != "object":
        raise Refused("tools.0.custom.input_schema.type: Input should be 'object'")
    if schema.keys() & {"oneOf", "anyOf", "allOf"}:
        raise Refused("input_schema does not support oneOf, allOf, or anyOf at the top level")
    for key in schema.get("properties", {}):
        if not re.fullmatch("[a-zA-Z0-9_.-]{1,64}", key):
            raise Refused("Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'")


def _gemini(name: str, schema: Any) -> None:
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", name):
        raise Refused("Invalid function name. Must start with a letter or an underscore.")
    if schema is None:
        return
    if schema.get("type") != "object" or schema.keys() & {"anyOf", "oneOf", "allOf", "$ref"}:
        raise Refused("parameters schema should be of type OBJECT")
    for node in nodes(schema):
        if node.get("type") == "array" and "items" not in node:
            raise Refused("items: missing field")
        if node.get("type") == "object" and set(node.get("required", ())) - set(node.get("properties", ())):
            raise Refused("required: property is not defined")
        if "$ref" in node and not node["$ref"].startswith("#/$defs/"):
            raise Refused(f"reference to undefined schema: {node['$ref']}")
    if not schema.get("properties") and not schema.get("additionalProperties"):
        raise Refused("should be non-empty for OBJECT type")


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas within it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name, value in schema.items():
        if name in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, dict):
            inner: list[Any] = list(value.values())
        else:
            inner = value if isinstance(value, list) else [value]
            inner = inner if name in ("items", "anyOf", "oneOf", "allOf", "additionalProperties", "not") else []
        for each in inner:
            yield from nodes(each)
