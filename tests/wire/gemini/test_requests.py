"""Requests, both ways: `ChatRequest` → body → the same `ChatRequest`, and what stands in the body."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.catalog.models import ModelInfo, find_model
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.secret import Secret
from segue.wire.codec import Call, WireRequest
from segue.wire.gemini.ingress.codec import Ingress
from segue.wire.gemini.upstream.codec import Upstream
from segue.wire.gemini.upstream.messages import PLACEHOLDER_SIGNATURE

LITE = "gemini-3.5-flash-lite"
OLD = "gemini-2.5-flash"
PNG = Image(data="iVBORw0KGgo=", media_type="image/png")


def encode(request: ChatRequest, model: str | ModelInfo = LITE, **call: Any) -> WireRequest:
    info = find_model("gemini", model) if isinstance(model, str) else model
    settings = {"base_url": Upstream.base_url, "key": Secret("k-e-y")} | call
    return Upstream().encode(request, Call(model=info, **settings))


def body(request: ChatRequest, model: str | ModelInfo = LITE, **call: Any) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(encode(request, model, **call).body)
    return document


def contents(*messages: Message, model: str = LITE) -> list[dict[str, Any]]:
    encoded: list[dict[str, Any]] = body(ChatRequest(messages=messages), model)["contents"]
    return encoded


def config(model: str = LITE, **fields: Any) -> dict[str, Any]:
    encoded: dict[str, Any] = body(ChatRequest(messages=(user("hi"),), **fields), model).get("generationConfig", {})
    return encoded


def decode(wire: WireRequest) -> ChatRequest:
    path, _, query = wire.url.removeprefix(Upstream.base_url).partition("?")
    return Ingress().decode(wire.body, path=path, query=query, headers=wire.headers).request


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"], "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool(name="weather", description="Tells the weather.", parameters=SCHEMA)
CALLS = Message("assistant", (Text("Let me see."), ToolCall(id="a", name="weather", arguments='{"city":"Seoul"}')))
RESULT = Message("tool", (ToolResult(call_id="a", name="weather", content=(Text("fine"),)),))

SAME: dict[str, ChatRequest] = {
    "a question": ChatRequest(messages=(user("hi"),)),
    "a system message": ChatRequest(messages=(system("be brief"), user("hi"))),
    "several turns": ChatRequest(messages=(user("hi"), assistant("hello"), user("how are you"), user("?"))),
    "images": ChatRequest(
        messages=(
            Message("user", (Text("what is"), PNG, Image(url="https://a.example/b.jpg", media_type="image/jpeg"))),
        )
    ),
    "tools and their results": ChatRequest(messages=(user("weather?"), CALLS, RESULT, user("and")), tools=(WEATHER,)),
    "parallel calls, an error and an image": ChatRequest(
        messages=(
            user("go"),
            Message(
                "assistant",
                (
                    ToolCall(id="toolu_01", name="f", arguments='{"x":[1,{"y":"é"}]}', signature="c2ln"),
                    ToolCall(id="call|2", name="f"),
                ),
            ),
            Message(
                "tool",
                (
                    ToolResult(call_id="call|2", name="f", content=(Text("broke"),), is_error=True),
                    ToolResult(call_id="toolu_01", name="f", content=(Text('{"ok":true}'), PNG)),
                ),
            ),
        ),
        tools=(Tool(name="f"),),
    ),
    "signed thoughts": ChatRequest(
        messages=(
            user("go"),
            Message("assistant", (Text("done"), Thinking(signature="c2ln", dialect="gemini"))),
            user("?"),
        )
    ),
    "thoughts": ChatRequest(
        messages=(user("go"), Message("assistant", (Thinking(text="Hm", dialect="gemini"), Text("done"))), user("?"))
    ),
    "any call": ChatRequest(messages=(user("hi"),), tools=(WEATHER,), tool_choice=ToolChoice(mode="required")),
    "one call": ChatRequest(
        messages=(user("hi"),), tools=(WEATHER,), tool_choice=ToolChoice(mode="tool", name="weather")
    ),
    "no call": ChatRequest(messages=(user("hi"),), tools=(WEATHER,), tool_choice=ToolChoice(mode="none")),
    "as it likes": ChatRequest(messages=(user("hi"),), tools=(WEATHER,), tool_choice=ToolChoice(mode="auto")),
    "a schema": ChatRequest(messages=(user("hi"),), output=OutputSchema(schema=SCHEMA)),
    "any JSON": ChatRequest(messages=(user("hi"),), output=OutputSchema()),
    "limits": ChatRequest(messages=(user("hi"),), max_tokens=1500, stop=("END", "\n\n"), seed=7),
    "fields of Gemini's own": ChatRequest(
        messages=(user("hi"),),
        max_tokens=9,
        extra={
            "gemini": {
                "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
                "cachedContent": "cachedContents/1",
                "tools": [{"googleSearch": {}}],
                "toolConfig": {"retrievalConfig": {"languageCode": "ko"}},
                "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
            }
        },
    ),
    "fields of Gemini's own beside ours": ChatRequest(
        messages=(user("hi"),),
        tools=(WEATHER,),
        tool_choice=ToolChoice(mode="required"),
        extra={
            "gemini": {
                "tools": [{"googleSearch": {}}, {"urlContext": {}}],
                "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["weather", "g"]}},
            }
        },
    ),
}


@pytest.mark.parametrize("request_", SAME.values(), ids=SAME.keys())
def test_a_request_is_read_back_as_it_was(request_: ChatRequest) -> None:
    assert decode(encode(request_)) == request_


@pytest.mark.parametrize("request_", SAME.values(), ids=SAME.keys())
def test_a_body_does_not_change_when_it_is_read_and_written_again(request_: ChatRequest) -> None:
    assert body(decode(encode(request_))) == body(request_)


def test_sampling_is_read_back_where_the_model_takes_it() -> None:
    request = ChatRequest(messages=(user("hi"),), temperature=0.7, top_p=0.9, top_k=40)
    assert decode(encode(request, "gemini-3-flash-preview")) == request


def test_the_key_is_in_a_header_and_never_in_the_url_or_the_repr() -> None:
    wire = encode(ChatRequest(messages=(user("hi"),)))
    assert wire.headers["x-goog-api-key"] == "k-e-y"
    assert "k-e-y" not in wire.url + repr(wire) + wire.body.decode()
    assert "x-goog-api-key" not in encode(ChatRequest(messages=(user("hi"),)), key=Secret("")).headers


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, f"https://generativelanguage.googleapis.com/v1beta/models/{LITE}:streamGenerateContent?alt=sse"),
        ({"stream": False}, f"https://generativelanguage.googleapis.com/v1beta/models/{LITE}:generateContent"),
        ({"base_url": "http://h/v1"}, f"http://h/v1/models/{LITE}:streamGenerateContent?alt=sse"),
        ({"base_url": "http://h/x"}, f"http://h/x/v1beta/models/{LITE}:streamGenerateContent?alt=sse"),
        (
            {"model": ModelInfo(id="tunedModels/a b", provider="gemini", dialect="gemini"), "base_url": "http://h"},
            "http://h/v1beta/tunedModels/a%20b:streamGenerateContent?alt=sse",
        ),
    ],
)
def test_the_url_names_version_model_and_method(settings: dict[str, Any], url: str) -> None:
    assert encode(ChatRequest(messages=(user("hi"),)), **settings).url == url


def test_the_models_list_is_asked_for_with_the_key_in_a_header() -> None:
    call = Call(model=find_model("gemini", LITE), base_url=Upstream.base_url, key=Secret("k"), headers={"x-a": "b"})
    wire = Upstream().list_models(call)
    assert (wire.method, wire.url) == ("GET", "https://generativelanguage.googleapis.com/v1beta/models")
    assert wire.headers == {"x-goog-api-key": "k", "x-a": "b"}


def test_system_messages_anywhere_become_one_instruction() -> None:
    encoded = body(
        ChatRequest(messages=(system("one"), user("hi"), system("two"), system(""), assistant("ho"), user("?")))
    )
    assert encoded["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert [content["role"] for content in encoded["contents"]] == ["user", "model", "user"]


def test_a_transcript_that_begins_with_the_model_gets_a_user_turn_before_it() -> None:
    assert [c["role"] for c in contents(assistant("hello"), user("hi"))] == ["user", "model", "user"]
    assert [c["role"] for c in contents(system("only this"))] == ["user"]


def test_model_turns_are_merged_so_that_a_call_follows_a_user_turn() -> None:
    first, *_ = merged = contents(user("hi"), assistant("a"), assistant(""), system("s"), CALLS, RESULT)
    assert [content["role"] for content in merged] == ["user", "model", "user"]
    assert [next(iter(part)) for part in merged[1]["parts"]] == ["text", "text", "functionCall"]
    assert first == {"role": "user", "parts": [{"text": "hi"}]}


def test_results_in_separate_messages_stand_in_one_turn_apart_from_the_users_words() -> None:
    calls = Message("assistant", (ToolCall(id="a", name="f"), ToolCall(id="b", name="g")))
    results = [Message("tool", (ToolResult(call_id=id, content=(Text("x"),)),)) for id in "ba"]
    encoded = contents(user("hi"), calls, *results, user("thanks"))
    assert [content["role"] for content in encoded] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in encoded[2]["parts"]] == ["g", "f"]
    assert encoded[3]["parts"] == [{"text": "thanks"}]


def test_empty_texts_are_left_out_and_a_request_of_nothing_is_refused() -> None:
    assert contents(user(""), user("hi"), assistant("")) == [{"role": "user", "parts": [{"text": "hi"}]}]
    with pytest.raises(InvalidRequestError) as caught:
        body(ChatRequest(messages=(user(""),)))
    assert caught.value.param == "messages"


def test_a_call_from_another_provider_gets_the_documented_placeholder_once_a_turn() -> None:
    foreign = Message("assistant", (ToolCall(id="a", name="f"), ToolCall(id="b", name="f")))
    results = Message("tool", tuple(ToolResult(call_id=id, content=(Text("x"),)) for id in "ab"))
    own = Message("assistant", (ToolCall(id="c", name="f", signature="c2ln"), ToolCall(id="d", name="f")))
    encoded = contents(user("hi"), foreign, results, own)
    assert [part.get("thoughtSignature") for part in encoded[1]["parts"]] == [PLACEHOLDER_SIGNATURE, None]
    assert [part.get("thoughtSignature") for part in encoded[3]["parts"]] == ["c2ln", None]
    assert PLACEHOLDER_SIGNATURE == "skip_thought_signature_validator"


def test_a_model_that_needs_no_signatures_gets_no_placeholder() -> None:
    assert "thoughtSignature" not in contents(user("hi"), CALLS, RESULT, model=OLD)[1]["parts"][1]


def test_thinking_of_another_provider_is_dropped() -> None:
    thinking = Thinking(text="Hm", signature="c2ln", dialect="claude")
    encoded = contents(user("hi"), Message("assistant", (thinking, Text("done"))), user("?"))
    assert encoded[1]["parts"] == [{"text": "done"}]


def test_the_signature_of_thoughts_is_on_the_text_that_follows_them() -> None:
    thinking = Thinking(text="Hm", signature="c2ln", dialect="gemini")
    encoded = contents(user("hi"), Message("assistant", (thinking, Text("done"))), user("?"))
    assert encoded[1]["parts"] == [{"text": "Hm", "thought": True}, {"text": "done", "thoughtSignature": "c2ln"}]
    encoded = contents(user("hi"), Message("assistant", (thinking, thinking)), user("?"))
    assert [len(part) for part in encoded[1]["parts"]] == [2, 2, 2, 2]
    assert encoded[1]["parts"][1] == {"text": "", "thoughtSignature": "c2ln"}


def test_images_in_results_stand_inside_them_for_models_that_read_them_there() -> None:
    result = Message("tool", (ToolResult(call_id="a", content=(Text("see"), PNG)),))
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG.data}}
    (part,) = contents(user("hi"), CALLS, result)[2]["parts"]
    assert part["functionResponse"]["parts"] == [inline]
    response, image = contents(user("hi"), CALLS, result, model=OLD)[2]["parts"]
    assert "parts" not in response["functionResponse"]
    assert image == inline


def test_a_result_that_is_a_json_object_is_the_response_and_any_other_its_output() -> None:
    def response(text: str, **more: Any) -> Any:
        result = ToolResult(call_id="a", content=(Text(text),) if text else (), **more)
        return contents(user("hi"), CALLS, Message("tool", (result,)))[2]["parts"][0]["functionResponse"]["response"]

    assert response('{"t": 20}') == {"t": 20}
    assert response('{"t": 20') == {"output": '{"t": 20'}
    assert response("[1]") == {"output": "[1]"}
    assert response("") == {"output": ""}
    assert response('{"t": 20}', is_error=True) == {"error": '{"t": 20}'}


def test_a_refused_system_instruction_goes_to_the_head_of_the_first_user_turn() -> None:
    encoded = body(ChatRequest(messages=(system("be brief"), user("hi"))), omit=frozenset({"system"}))
    assert encoded == {"contents": [{"role": "user", "parts": [{"text": "be brief"}, {"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (Image(data="/9j/4AAQ"), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AAQ"}}),
        (Image(url="data:image/webp;base64,UklGRg=="), {"inlineData": {"mimeType": "image/webp", "data": "UklGRg=="}}),
        (
            Image(url="data:image/png;charset=utf-8;base64,iVBO"),
            {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        ),
        (
            Image(url="https://a.example/b.PNG?x=.gif"),
            {"fileData": {"fileUri": "https://a.example/b.PNG?x=.gif", "mimeType": "image/png"}},
        ),
        (Image(url="https://a.example/b"), {"fileData": {"fileUri": "https://a.example/b"}}),
    ],
)
def test_an_image_is_sent_as_data_or_by_its_address(image: Image, part: dict[str, Any]) -> None:
    assert contents(Message("user", (image,)))[0]["parts"] == [part]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ((user("hi"), Message("user", (Image(data="AAAA"),))), "messages[1]"),
        ((Message("user", (Image(),)),), "messages[0]"),
    ],
)
def test_what_gemini_cannot_be_sent_is_refused_by_name(messages: tuple[Message, ...], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        body(ChatRequest(messages=messages))
    assert caught.value.param == param


def test_of_too_many_stop_sequences_the_first_are_sent() -> None:
    wire = encode(ChatRequest(messages=(user("hi"),), stop=tuple("abcdef")))
    assert msgspec.json.decode(wire.body)["generationConfig"]["stopSequences"] == list("abcde")
    assert wire.omitted == ("stop[5:]",)


def test_broken_text_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="JSON"):
        contents(user("\ud800"))


def test_what_the_model_does_not_take_is_left_out_and_named() -> None:
    request = ChatRequest(
        messages=(user("hi"),), temperature=0.7, top_p=0.5, top_k=3, frequency_penalty=1.0, max_tokens=9
    )
    wire = encode(request)
    assert msgspec.json.decode(wire.body)["generationConfig"] == {"maxOutputTokens": 9}
    assert wire.omitted == ("temperature", "top_p", "top_k", "frequency_penalty")


def test_what_the_target_refused_before_is_left_out_in_either_spelling() -> None:
    request = ChatRequest(
        messages=(user("hi"),),
        seed=1,
        effort="low",
        thinking_budget=5,
        presence_penalty=1.0,
        extra={"gemini": {"serviceTier": "flex", "generationConfig": {"mediaResolution": "LOW"}}},
    )
    model = ModelInfo(id="m", provider="gemini", dialect="gemini", reasoning=True, reasoning_control="level")
    omit = frozenset({"seed", "effort", "frequency_penalty", "serviceTier", "mediaResolution"})
    wire = encode(request, model=model, omit=omit)
    assert msgspec.json.decode(wire.body).keys() == {"contents", "generationConfig"}
    assert msgspec.json.decode(wire.body)["generationConfig"] == {}
    assert set(wire.omitted) == {"seed", "effort", "thinking_budget", "presence_penalty"}
    assert request.extra["gemini"]["generationConfig"] == {"mediaResolution": "LOW"}


def test_a_limit_beyond_the_models_own_is_lowered_to_it() -> None:
    assert config(max_tokens=1_000_000)["maxOutputTokens"] == find_model("gemini", LITE).max_output


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        (LITE, {"effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        (LITE, {"effort": "none"}, {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        (LITE, {"effort": "max"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (LITE, {"thinking_budget": 2000}, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        (LITE, {"thinking_budget": 0}, {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", {"effort": "minimal"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.99-flash", {"effort": "minimal"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        (OLD, {"effort": "none"}, {"thinkingBudget": 0}),
        (OLD, {"effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        (OLD, {"effort": "max"}, {"thinkingBudget": 24576, "includeThoughts": True}),
        (OLD, {"effort": "low", "thinking_budget": 333}, {"thinkingBudget": 333, "includeThoughts": True}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128, "includeThoughts": True}),
        ("gemini-2.5-pro", {"effort": "max"}, {"thinkingBudget": 32768, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", {"thinking_budget": 1}, {"thinkingBudget": 512, "includeThoughts": True}),
    ],
)
def test_effort_and_budget_are_sent_as_the_model_takes_them(
    model: str, asked: dict[str, Any], thinking: dict[str, Any]
) -> None:
    assert config(model, **asked)["thinkingConfig"] == thinking


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    wire = encode(ChatRequest(messages=(user("hi"),), effort="high"), "gemini-2.0-flash")
    assert "generationConfig" not in msgspec.json.decode(wire.body)
    assert wire.omitted == ("effort",)
    assert encode(ChatRequest(messages=(user("hi"),), effort="none"), "gemini-2.0-flash").omitted == ()


def test_tools_are_left_out_for_a_model_without_them_and_forcing_for_one_that_forbids_it() -> None:
    request = ChatRequest(messages=(user("hi"),), tools=(WEATHER,), tool_choice=ToolChoice(mode="required"))
    plain = ModelInfo(id="m", provider="gemini", dialect="gemini", tools=False)
    assert "tools" not in body(request, model=plain)
    assert encode(request, model=plain).omitted == ("tools",)
    unforced = ModelInfo(id="m", provider="gemini", dialect="gemini", forced_tool_use=False)
    assert "toolConfig" not in body(request, model=unforced)
    assert encode(request, model=unforced).omitted == ("tool_choice",)


def test_calls_one_at_a_time_cannot_be_asked_for_and_that_is_reported() -> None:
    request = ChatRequest(messages=(user("hi"),), tools=(WEATHER,), parallel_tool_calls=False)
    assert encode(request).omitted == ("parallel_tool_calls",)


def test_a_model_without_schemas_is_asked_for_plain_json() -> None:
    request = ChatRequest(messages=(user("hi"),), output=OutputSchema(schema=SCHEMA))
    model = ModelInfo(id="m", provider="gemini", dialect="gemini", json_schema=False)
    assert body(request, model=model)["generationConfig"] == {"responseMimeType": "application/json"}
    assert encode(request, model=model).omitted == ("output",)


def test_schemas_say_const_and_references_as_gemini_reads_them() -> None:
    schema = {
        "type": "object",
        "properties": {
            "const": {"const": "a", "description": "d"},
            "$ref": {"$ref": "#/$defs/Node", "description": "lost"},
            "list": {"type": "array", "items": {"anyOf": [{"const": 1}, {"type": "null"}]}},
        },
        "$defs": {"Node": {"type": "object", "properties": {"kind": {"const": "n"}}}},
    }
    encoded = config(output=OutputSchema(schema=schema))["responseJsonSchema"]
    assert encoded["properties"]["const"] == {"description": "d", "enum": ["a"]}
    assert encoded["properties"]["$ref"] == {"$ref": "#/$defs/Node"}
    assert encoded["properties"]["list"]["items"] == {"anyOf": [{"enum": [1]}, {"type": "null"}]}
    assert encoded["$defs"]["Node"]["properties"]["kind"] == {"enum": ["n"]}
    assert schema["properties"]["const"] == {"const": "a", "description": "d"}
