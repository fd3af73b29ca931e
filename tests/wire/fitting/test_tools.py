"""Tools as callers name and describe them, put to every provider: each takes them, and each answer has the caller's own names."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from segue.chat.events import ToolCallDelta
from segue.chat.messages import Message, Text, ToolCall, ToolResult, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.wire.dialects import DIALECTS, ingress
from segue.wire.fitting.names import Answers
from segue.wire.fitting.schemas import arguments_schema, strict

from .providers import Refused, body, check, functions, wire

HI = (user("hi"),)
PLAIN = {"type": "object", "properties": {"a": {"type": "integer"}}}
LONG = "mcp__a_server_with_a_rather_long_name__and_a_tool_whose_name_goes_on_and_on"

NAMES = [
    "fs.read", "a/b", "notion:search", "get weather", "résumé", "天气", "2fa", "-x", "mcp.server/tool:v1.2", "a@b", "tool[0]", "$top",
    LONG, LONG + LONG, "x" * 65, "x" * 129, "…" * 70, ".", "a\nb", "browser.page.goto!", "🙂",
]  # fmt: skip
PROPERTIES = [
    "$filter", "$top", "filter[id]", "exists[parent]", "Account Number", "@microsoft.graph.conflictBehavior", "naïve", "x" * 65, "日付",
    "a/b", "rule_name[]", "a\"b", "a\\b", "",
]  # fmt: skip
REF: dict[str, Any] = {
    "$ref": "#/$defs/Q",
    "$defs": {"Q": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}},
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an object alone": {"type": "object"},
    "no type": {"properties": {"a": {"type": "integer"}}},
    "a type that is null": {"type": None},
    "a list of types": {"type": ["object", "null"], "properties": {"a": {"type": "integer"}}},
    "properties that are null": {"type": "object", "properties": None},
    "properties that are empty": {"type": "object", "properties": {}},
    "closed and empty": {"type": "object", "properties": {}, "additionalProperties": False},
    "anyOf objects": {
        "anyOf": [
            {"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]},
            {"type": "object", "properties": {"source_url": {"type": "string"}}, "required": ["source_url"]},
        ]
    },
    "anyOf of what is required": {**PLAIN, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "oneOf by an action": {
        "type": "object",
        "oneOf": [
            {"properties": {"action": {"const": "a"}, "x": {"type": "integer"}}, "required": ["action", "x"]},
            {"properties": {"action": {"const": "b"}, "y": {"type": "integer"}}, "required": ["action", "y"]},
        ],
    },
    "allOf": {"allOf": [PLAIN, {"properties": {"b": {"type": "string"}}, "required": ["b"]}]},
    "not at the top": {**PLAIN, "not": {"required": ["b"]}},
    "if and then": {**PLAIN, "if": {"required": ["a"]}, "then": {"required": ["b"]}},
    "a reference at the top": REF,
    "a reference through allOf": {"allOf": [{"$ref": "#/$defs/Q"}], "$defs": REF["$defs"]},
    "a reference to definitions": {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A"}},
        "definitions": {"A": {"type": "integer"}},
    },
    "a reference to a property": {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}, "b": {"$ref": "#/properties/a"}},
    },
    "a reference to itself": {"type": "object", "properties": {"a": {"$ref": "#"}}},
    "a reference to nowhere": {"type": "object", "properties": {"a": {"$ref": "#/$nowhere/A"}}},
    "a reference to the net": {"type": "object", "properties": {"a": {"$ref": "https://x.test/a.json"}}},
    "an array without items": {"type": "object", "properties": {"a": {"type": "array"}}},
    "an array without items, deep": {
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {"b": {"anyOf": [{"type": "array"}, {"type": "null"}]}}}},
    },
    "required that is not there": {**PLAIN, "required": ["a", "b"]},
    "a map": {"type": "object", "additionalProperties": {"type": "string"}},
    "a draft": {"$schema": "http://json-schema.org/draft-07/schema#", **PLAIN},
}  # fmt: skip


def asking(*tools: Tool, **fields: Any) -> ChatRequest:
    return ChatRequest(messages=HI, tools=tools, **fields)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_each_provider_takes_each_schema(dialect: str, schema: dict[str, Any]) -> None:
    check(dialect, body(dialect, asking(Tool(name="f", parameters=schema))))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_so_it_does_when_it_is_to_be_held_to_it(dialect: str, schema: dict[str, Any]) -> None:
    check(dialect, body(dialect, asking(Tool(name="f", parameters=schema, strict=True))))


def test_the_checks_refuse_what_providers_refuse() -> None:
    odd = [{"type": "object"}, SCHEMAS["anyOf objects"] | {"type": "object", "properties": {}}]
    for schema in odd:
        with pytest.raises(Refused):
            check(
                "openai_responses",
                {"tools": [{"type": "function", "name": "f", "parameters": schema, "strict": False}]},
            )
    with pytest.raises(Refused):
        check("claude", {"tools": [{"name": "fs.read", "input_schema": PLAIN}]})


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NAMES)
def test_each_provider_takes_each_name_and_the_caller_gets_its_own_back(dialect: str, name: str) -> None:
    call = ToolCall(id="a", name=name, arguments='{"a":1}')
    result = Message("tool", (ToolResult(call_id="a", name=name, content=(Text("1"),)),))
    request = asking(Tool(name=name, parameters=PLAIN), tool_choice=ToolChoice(mode="tool", name=name))
    request = msgspec.structs.replace(request, messages=(*HI, Message("assistant", (call,)), result))
    sent = wire(dialect, request)
    document = json.loads(sent.body)
    check(dialect, document)
    ((other, _, _),) = functions(dialect, document)
    assert json.dumps(document).count(json.dumps(other)) >= 3, "in the definition, the choice and the history"
    assert other == name or json.dumps(name) not in json.dumps(document)
    answered = [ToolCallDelta(0, "b", other), ToolCallDelta(0, arguments="{}")]
    restored = sent.answers.restored(list(answered)) if sent.answers else answered
    assert restored == [ToolCallDelta(0, "b", name), ToolCallDelta(0, arguments="{}")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_that_would_become_one_stay_apart(dialect: str) -> None:
    names = ["a b", "a/b", "a_b", "a\tb"]
    sent = wire(dialect, asking(*(Tool(name=name, parameters=PLAIN) for name in names)))
    document = json.loads(sent.body)
    check(dialect, document)
    others = [other for other, _, _ in functions(dialect, document)]
    assert "a_b" in others
    assert sent.answers is not None
    back = sent.answers.restored([ToolCallDelta(n, str(n), other) for n, other in enumerate(others)])
    assert [delta.name for delta in back if isinstance(delta, ToolCallDelta)] == names


def test_names_that_a_provider_takes_are_its_own() -> None:
    assert wire("gemini", asking(Tool(name="notion:fs.read", parameters=PLAIN))).answers is None
    assert wire("claude", asking(Tool(name="x" * 128, parameters=PLAIN))).answers is None
    assert wire("openai_chat", asking(Tool(name="x" * 64, parameters=PLAIN))).answers is None


@pytest.mark.parametrize("name", PROPERTIES)
def test_claude_gets_property_names_that_it_takes_and_the_caller_its_own(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}, "b": {}}, "required": [name]}
    call = ToolCall(id="a", name="f", arguments=json.dumps({name: "x", "b": {name: 1}}))
    request = asking(Tool(name="f", parameters=schema))
    request = msgspec.structs.replace(request, messages=(*HI, Message("assistant", (call,)), HI[0]))
    sent = wire("claude", request)
    document = json.loads(sent.body)
    check("claude", document)
    ((_, fitted, _),) = functions("claude", document)
    assert fitted is not None
    (other,) = fitted["required"]
    assert list(fitted["properties"]) == [other, "b"]
    assert document["messages"][1]["content"][0]["input"] == {other: "x", "b": {name: 1}}
    assert sent.answers is not None
    written = json.dumps({"b": [{other: 2}], other: "y", "c": other}, indent=1)
    for size in (1, 3, len(written)):
        fresh = wire("claude", request).answers
        assert fresh is not None
        pieces = [
            ToolCallDelta(0, "b", "f"),
            *(ToolCallDelta(0, arguments=written[n : n + size]) for n in range(0, len(written), size)),
        ]
        whole = "".join(d.arguments for d in fresh.restored(list(pieces)) if isinstance(d, ToolCallDelta))
        assert json.loads(whole) == {"b": [{other: 2}], name: "y", "c": other}


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d != "claude"])
def test_other_providers_get_property_names_as_they_are(dialect: str) -> None:
    schema = {"type": "object", "properties": {"$filter": {"type": "string"}}}
    sent = wire(dialect, asking(Tool(name="f", parameters=schema)))
    assert b"$filter" in sent.body
    assert sent.answers is None


def test_arguments_of_calls_that_are_not_the_tools_pass_through() -> None:
    answers = Answers({}, {"f": {"_a": "$a"}})
    events = [
        ToolCallDelta(0, "x", "g"),
        ToolCallDelta(0, arguments='{"_a":1}'),
        ToolCallDelta(1, "y", "f"),
        ToolCallDelta(1, arguments='{"_a":{"_a":"_a"}}'),
    ]
    assert [d.arguments for d in answers.restored(list(events)) if isinstance(d, ToolCallDelta)] == [
        "",
        '{"_a":1}',
        "",
        '{"$a":{"_a":"_a"}}',
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_two_tools_of_one_name_the_last_is_offered(dialect: str) -> None:
    first, last = Tool(name="f", parameters=PLAIN), Tool(name="f", description="the last", parameters=PLAIN)
    sent = wire(dialect, asking(first, last))
    check(dialect, json.loads(sent.body))
    assert b"the last" in sent.body
    assert sent.healed == ("same-name",)
    assert wire(dialect, asking(last, last)).healed == ()


def test_what_a_flat_schema_can_not_say_is_in_the_description() -> None:
    (tool,) = body("openai_chat", asking(Tool(name="f", description="Do.", parameters=SCHEMAS["oneOf by an action"])))[
        "tools"
    ]
    function = tool["function"]
    assert function["parameters"] == {
        "type": "object",
        "properties": {
            "action": {"anyOf": [{"const": "a"}, {"const": "b"}]},
            "x": {"type": "integer"},
            "y": {"type": "integer"},
        },
    }
    assert function["description"].startswith("Do.\n\nThe arguments follow this JSON Schema: {")
    assert '"required":["action","x"]' in function["description"]


def test_what_all_forms_of_allof_require_stays_required() -> None:
    assert arguments_schema(SCHEMAS["allOf"]).schema["required"] == ["b"]
    assert arguments_schema(REF).schema["required"] == ["q"]
    assert "required" not in arguments_schema(SCHEMAS["anyOf objects"]).schema


@pytest.mark.parametrize("schema", [PLAIN, {**PLAIN, "required": ["a"]}, SCHEMAS["a draft"]])
def test_a_schema_that_all_take_is_the_same_object(schema: dict[str, Any]) -> None:
    assert arguments_schema(schema).schema is schema


STRICT: list[tuple[dict[str, Any], bool]] = [
    ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, True),
    ({"type": "object", "properties": {"a": {"type": "string", "default": "x"}}, "required": ["a"]}, True),
    ({"type": "object", "properties": {}}, True),
    ({"type": "object", "additionalProperties": False}, True),
    ({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}, "required": ["b"]}}, "required": ["a"]}, True),
    ({"type": "object"}, False),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
    ({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]}, False),
    ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": True}, False),
    ({"type": "object", "properties": {"a": {"oneOf": [{}]}}, "required": ["a"]}, False),
    ({"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}, "required": ["a"]}, False),
    ({"type": "object", "properties": {"a": {"patternProperties": {}}}, "required": ["a"]}, False),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "can_be"), STRICT)
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_strict_is_asked_for_where_it_can_be_and_its_lack_is_reported(
    dialect: str, schema: dict[str, Any], can_be: bool
) -> None:
    before = json.dumps(schema)
    sent = wire(dialect, asking(Tool(name="f", parameters=schema, strict=True)))
    ((_, _, held),) = functions(dialect, json.loads(sent.body))
    assert held is (can_be or schema == {"type": "object"})
    assert ("strict" in sent.omitted) is not held
    answer = wire(dialect, ChatRequest(messages=HI, output=OutputSchema(schema=schema, strict=True)))
    assert (b'"strict":true' in answer.body) is can_be
    assert (strict(schema) is not None) is can_be
    assert json.dumps(schema) == before, "the caller's own schema is left alone"


CLAUDE_TOOL = {
    "name": "fs.read",
    "input_schema": {"anyOf": [PLAIN]},
    "cache_control": {"type": "ephemeral"},
    "defer_loading": True,
}


def test_a_tool_in_claudes_own_words_keeps_them_beside_what_was_fitted() -> None:
    asked = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": [CLAUDE_TOOL]}
    request = ingress("claude").decode(json.dumps(asked).encode(), path="/", query="", headers={}).request
    (tool,) = body("claude", request)["tools"]
    assert tool["name"] == "fs_read"
    assert tool["cache_control"] == {"type": "ephemeral"}
    assert tool["defer_loading"] is True
    assert tool["input_schema"] == PLAIN
