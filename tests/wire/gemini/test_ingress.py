"""Segue as a Gemini server: what callers send, and the errors they get."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import (
    AttemptSummary,
    ConfigurationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    SegueError,
)
from segue.wire.codec import IngressRequest
from segue.wire.gemini.ingress.codec import Ingress

PATH = "/v1beta/models/gemini-x:generateContent"
HI = {"contents": [{"parts": [{"text": "hi"}]}]}


def decode(body: Any, path: str = PATH, query: str = "") -> IngressRequest:
    return Ingress().decode(msgspec.json.encode(body), path=path, query=query, headers={})


def read(body: dict[str, Any]) -> ChatRequest:
    return decode(HI | body).request


@pytest.mark.parametrize(
    ("path", "query", "model", "stream", "action", "sse"),
    [
        ("/v1/models/m:generateContent", "", "m", False, "generateContent", False),
        ("/v1beta/models/m:streamGenerateContent", "alt=sse", "m", True, "streamGenerateContent", True),
        ("/v1beta/models/m:streamGenerateContent", "key=x&alt=json", "m", True, "streamGenerateContent", False),
        ("models/gpt-oss:20b:generateContent", "", "gpt-oss:20b", False, "generateContent", False),
        ("/gw/v1beta/models/openai%2Fgpt:countTokens", "", "openai/gpt", False, "countTokens", False),
    ],
)
def test_the_path_says_model_and_method(
    path: str, query: str, model: str, stream: bool, action: str, sse: bool
) -> None:
    read = decode(HI, path, query)
    assert (read.model, read.stream) == (model, stream)
    assert read.options == {"action": action, "sse": sse, "thoughts": False}


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/m:embedContent",
        "/v1beta/models/m",
        "/v1beta/models/:generateContent",
        "/supermodels/m:generateContent",
        "/",
        "",
    ],
)
def test_an_unknown_method_is_not_found(path: str) -> None:
    with pytest.raises(InvalidRequestError, match="streamGenerateContent") as caught:
        decode(HI, path)
    assert caught.value.status == 404


def test_tokens_are_counted_of_bare_contents_or_of_a_whole_request() -> None:
    path = "/v1/models/m:countTokens"
    assert decode(HI, path).request.messages == (user("hi"),)
    whole = {"generateContentRequest": {"model": "models/m", "systemInstruction": {"parts": [{"text": "s"}]}, **HI}}
    assert decode(whole, path).request.messages == (system("s"), user("hi"))
    assert Ingress().token_count(7) == b'{"totalTokens":7}'


def test_names_may_be_in_snake_case_as_in_googles_examples() -> None:
    body = {
        "system_instruction": {"parts": {"text": "be brief"}},
        "contents": [{"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]}],
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {
            "max_output_tokens": 5,
            "response_mime_type": "application/json",
            "thinking_config": {"thinking_budget": 8, "include_thoughts": True},
        },
        "safety_settings": [{"category": "x"}],
    }
    expected = ChatRequest(
        messages=(system("be brief"), Message("user", (Image(data="AAAA", media_type="image/png"),))),
        tools=(Tool(name="f", parameters={"type": "object"}),),
        tool_choice=ToolChoice(mode="tool", name="f"),
        max_tokens=5,
        output=OutputSchema(),
        thinking_budget=8,
        extra={
            "gemini": {
                "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
                "safetySettings": [{"category": "x"}],
            }
        },
    )
    read = decode(body)
    assert read.request == expected
    assert read.options["thoughts"] is True


def test_unknown_fields_are_kept_for_a_gemini_target() -> None:
    request = read({"store": True, "labels": {"a": "b"}, "generationConfig": {"speechConfig": {"x": 1}, "topK": 40.0}})
    assert request.top_k == 40
    assert request.extra == {
        "gemini": {"store": True, "labels": {"a": "b"}, "generationConfig": {"speechConfig": {"x": 1}}}
    }


def test_settings_of_geminis_own_are_kept_beside_the_choice_they_refine() -> None:
    calling = {"mode": "VALIDATED", "allowedFunctionNames": ["f", "g"]}
    request = read(
        {
            "toolConfig": {"functionCallingConfig": calling},
            "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}, "responseModalities": ["TEXT"]},
        }
    )
    assert request.tool_choice == ToolChoice(mode="auto")
    assert request.thinking_budget is None
    assert request.extra["gemini"] == {
        "toolConfig": {"functionCallingConfig": calling},
        "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}},
    }


def test_fields_that_are_null_count_as_absent() -> None:
    assert read({"systemInstruction": None, "tools": None, "generationConfig": {"temperature": None}}) == read({})


def test_geminis_own_schema_becomes_json_schema() -> None:
    own = {
        "type": "OBJECT",
        "property_ordering": ["b", "a"],
        "properties": {
            "a": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            "b": {"type": "ARRAY", "min_items": "1", "items": {"any_of": [{"type": "INTEGER"}], "nullable": True}},
            "nullable": {"type": "BOOLEAN"},
        },
    }
    output = read({"generationConfig": {"responseMimeType": "application/json", "responseSchema": own}}).output
    assert output is not None
    assert output.schema == {
        "type": "object",
        "properties": {
            "b": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "nullable": {"type": "boolean"},
        },
    }
    assert list(output.schema["properties"]) == ["b", "a", "nullable"]


def test_calls_without_ids_are_matched_with_their_results_by_name_and_order() -> None:
    def call(name: str, x: int) -> dict[str, Any]:
        return {"functionCall": {"name": name, "args": {"x": x}}}

    def response(name: str, given: str) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": {"output": given}}}

    contents = [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [call("f", 1), call("g", 2), call("f", 3)]},
        {"role": "function", "parts": [response("f", "one"), response("f", "three"), response("g", "two")]},
    ]
    asked, called, answered = decode({"contents": contents}).request.messages
    ids = [c.id for c in called.tool_calls]
    assert asked == user("go")
    assert len(set(ids)) == 3
    assert answered.role == "tool"
    assert [(part.call_id, part.content[0].text) for part in answered.parts] == [  # type: ignore[union-attr]
        (ids[0], "one"),
        (ids[2], "three"),
        (ids[1], "two"),
    ]


def test_a_users_turn_of_results_and_words_becomes_two_messages() -> None:
    contents = [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": "skip_thought_signature_validator"}
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"error": {"code": 5}}}},
                {"text": "so?"},
            ],
        },
    ]
    called, answered, asked = decode({"contents": contents}).request.messages
    assert called.parts == (ToolCall(id="a", name="f"),)
    assert answered.parts == (ToolResult(call_id="a", name="f", content=(Text('{"code":5}'),), is_error=True),)
    assert asked == user("so?")


def test_a_turn_that_the_sdk_kept_chunk_by_chunk_is_one_message() -> None:
    contents = [
        {"role": "user", "parts": [{"text": "go"}]},
        *({"role": "model", "parts": [{"text": text}]} for text in ("Once ", "", "upon")),
        {"role": "model", "parts": [{"text": "", "thoughtSignature": "c2ln"}]},
    ]
    *_, given = decode({"contents": contents}).request.messages
    assert given.parts == (Text("Once upon"), Thinking(signature="c2ln", dialect="gemini"))


def test_what_a_code_tool_wrote_is_carried_as_text() -> None:
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    ]
    *_, given = decode({"contents": [*HI["contents"], {"role": "model", "parts": parts}]}).request.messages
    assert given == assistant("```python\nprint(1)\n``````\n1\n```")


def part(part: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part]}]}


def generation(**config: Any) -> dict[str, Any]:
    return HI | {"generationConfig": config}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [7]}, "contents[0]"),
        ({"contents": [{"role": "narrator", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": "hi"}]}, "contents[0].parts"),
        (part({"text": 7}), "contents[0].parts[0].text"),
        (part({"inlineData": {"mimeType": "sound", "data": "AAAA"}}), "contents[0].parts[0].inlineData.mimeType"),
        (part({"fileData": {"mimeType": "image/png"}}), "contents[0].parts[0].fileData.fileUri"),
        (part({"toolCall": {"id": "x"}}), "contents[0].parts[0].toolCall"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        (HI | {"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
        (HI | {"systemInstruction": 7}, "systemInstruction"),
        (HI | {"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (HI | {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            HI | {"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": [1]}}},
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (HI | {"generationConfig": []}, "generationConfig"),
        (generation(temperature=3), "generationConfig.temperature"),
        (generation(temperature=True), "generationConfig.temperature"),
        (generation(topP="1"), "generationConfig.topP"),
        (generation(topK=0), "generationConfig.topK"),
        (generation(maxOutputTokens=1.5), "generationConfig.maxOutputTokens"),
        (generation(stopSequences=[1]), "generationConfig.stopSequences"),
        (generation(candidateCount=2), "generationConfig.candidateCount"),
        (generation(responseModalities=["AUDIO"]), "generationConfig.responseModalities"),
        (generation(responseMimeType="text/x.enum"), "generationConfig.responseMimeType"),
        (generation(thinkingConfig={"thinkingLevel": "SOME"}), "generationConfig.thinkingConfig.thinkingLevel"),
        (generation(thinkingConfig={"thinkingBudget": -2}), "generationConfig.thinkingConfig.thinkingBudget"),
    ],
)
def test_a_field_at_fault_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode(body)
    assert (caught.value.param, caught.value.status) == (param, 400)
    assert str(caught.value).startswith(param)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"contents', b'"\xff"', b"[" * 5000 + b"]" * 5000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="body"):
        Ingress().decode(body, path=PATH, query="", headers={})


def test_a_schema_nested_beyond_reason_is_refused() -> None:
    body = b'{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"responseSchema":' + b'{"items":' * 5000 + b"1"
    with pytest.raises(InvalidRequestError, match="nested"):
        Ingress().decode(body + b"}" * 5002, path=PATH, query="", headers={})


ATTEMPT = AttemptSummary(target="gemini", model="gemini-x", outcome="rate", reason="slow down", status=429)


@pytest.mark.parametrize(
    ("error", "status", "code", "words"),
    [
        (InvalidRequestError("bad", param="contents"), 400, "INVALID_ARGUMENT", ["bad"]),
        (InvalidRequestError("who?", status=401), 401, "UNAUTHENTICATED", ["who?"]),
        (InvalidRequestError("where?", status=404), 404, "NOT_FOUND", ["where?"]),
        (InvalidRequestError("too big", status=413), 413, "INVALID_ARGUMENT", ["too big"]),
        (InvalidRequestError("slow down", status=429), 429, "RESOURCE_EXHAUSTED", ["slow down"]),
        (ContentRefusedError("harmful", code="SAFETY"), 400, "INVALID_ARGUMENT", ["harmful"]),
        (ConfigurationError("no key"), 500, "INTERNAL", ["no key"]),
        (
            LLMServiceUnavailableError(attempts=[ATTEMPT]),
            500,
            "INTERNAL",
            ["All LLM providers failed", "gemini", "slow down"],
        ),
        (DeadlineExceededError("too late"), 500, "INTERNAL", ["too late"]),
    ],
)
def test_every_error_has_googles_shape(error: SegueError, status: int, code: str, words: list[str]) -> None:
    got, headers, body = Ingress().error(error)
    given = msgspec.json.decode(body)["error"]
    assert (got, given["code"], given["status"]) == (status, status, code)
    assert headers["content-type"].startswith("application/json")
    assert body.startswith(b'{"error":')
    assert all(word in given["message"] for word in words)
    assert ("x-should-retry" in headers) == (status == 500)


def test_the_time_to_wait_is_in_the_header_and_in_googles_detail() -> None:
    _, headers, body = Ingress().error(LLMServiceUnavailableError(retry_after=3.2))
    assert (headers["retry-after"], headers["x-should-retry"]) == ("4", "false")
    (detail,) = msgspec.json.decode(body)["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "4s"}
    assert "retry-after" not in Ingress().error(LLMServiceUnavailableError(retry_after=float("inf")))[1]


def test_the_field_at_fault_is_named_in_googles_detail() -> None:
    _, _, body = Ingress().error(InvalidRequestError("bad", param="contents", code="EMPTY"))
    violations, info = msgspec.json.decode(body)["error"]["details"]
    assert violations["fieldViolations"] == [{"field": "contents", "description": "bad"}]
    assert info["reason"] == "EMPTY"
