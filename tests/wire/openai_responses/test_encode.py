"""What a request becomes on the wire, and that the official SDK would have sent the same kind of thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from segue.catalog.models import ModelInfo
from segue.chat.messages import Image, Message, Part, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.secret import Secret
from segue.wire.openai_responses.upstream.codec import Upstream
from segue.wire.openai_responses.upstream.messages import signature

from .upstream_harness import KEY, PLAIN, body_of, call, omitted

ASKED = (user("?"),)
CLOCK = Tool(name="clock")
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PHOTO = Image(data="aGk=", media_type="image/jpeg", detail="high")
CALL = ToolCall(id="call_1", name="clock", arguments='{"zone":"KST"}')
THOUGHT = Thinking(text="Hm.", signature="rs_1:gAAA==", dialect="openai_responses")


def asking(**fields: Any) -> ChatRequest:
    return ChatRequest(messages=ASKED, **fields)


def items_of(*messages: Message, model: str | ModelInfo = PLAIN, **changes: Any) -> Any:
    return body_of(ChatRequest(messages=messages), model, **changes)["input"]


def turn(*parts: Part) -> Message:
    return Message("assistant", parts)


def results(*content: Text | Image, is_error: bool = False) -> Message:
    return Message("tool", (ToolResult(call_id="call_1", content=content, is_error=is_error),))


def spoken(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def input_text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def output_of(output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": "call_1", "output": output}


CALL_ITEM = {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": '{"zone":"KST"}'}
PHOTO_ITEM = {"type": "input_image", "image_url": "data:image/jpeg;base64,aGk=", "detail": "high"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "gAAA==",
}
HI = {"type": "message", "role": "assistant", "content": "Hi"}

MESSAGES: dict[str, tuple[list[Message], list[dict[str, Any]]]] = {
    "system and user": (
        [system("Be brief."), user("Hello")],
        [spoken("system", input_text("Be brief.")), spoken("user", input_text("Hello"))],
    ),
    "a system message amid the conversation": (
        [user("Hello"), system("Now rhyme."), user("Go on")],
        [
            spoken("user", input_text("Hello")),
            spoken("system", input_text("Now rhyme.")),
            spoken("user", input_text("Go on")),
        ],
    ),
    "pictures": (
        [Message("user", (Text("Look:"), PHOTO, Image(url="https://example.com/a.png")))],
        [
            spoken(
                "user",
                input_text("Look:"),
                PHOTO_ITEM,
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
            )
        ],
    ),
    "an answer": (
        [user("Hello"), turn(Text("Hi"), Text(" you"))],
        [
            spoken("user", input_text("Hello")),
            HI | {"content": "Hi you"},
        ],
    ),
    "a call and its result": (
        [user("When?"), turn(Text("Hi"), CALL), results(Text("12:00"))],
        [spoken("user", input_text("When?")), HI, CALL_ITEM, output_of("12:00")],
    ),
    "text on both sides of a call": (
        [user("?"), turn(Text("Hi"), CALL, Text("Hi")), results()],
        [spoken("user", input_text("?")), HI, CALL_ITEM, HI, output_of("")],
    ),
    "a call without arguments": (
        [user("?"), turn(ToolCall(id="call_1", name="clock", arguments="")), results(Text("12:00"))],
        [spoken("user", input_text("?")), CALL_ITEM | {"arguments": "{}"}, output_of("12:00")],
    ),
    "a result with a picture": (
        [user("?"), turn(CALL), results(Text("Here:"), PHOTO)],
        [spoken("user", input_text("?")), CALL_ITEM, output_of([input_text("Here:"), PHOTO_ITEM])],
    ),
    "a result that is a picture": (
        [user("?"), turn(CALL), results(PHOTO)],
        [spoken("user", input_text("?")), CALL_ITEM, output_of([PHOTO_ITEM])],
    ),
    "a failed result": (
        [user("?"), turn(CALL), results(Text("no clock"), is_error=True)],
        [spoken("user", input_text("?")), CALL_ITEM, output_of("Error: no clock")],
    ),
    "reasoning before a call": (
        [user("?"), turn(THOUGHT, CALL), results(Text("12:00"))],
        [spoken("user", input_text("?")), REASONING, CALL_ITEM, output_of("12:00")],
    ),
    "reasoning of which nothing was shown": (
        [user("?"), turn(Thinking(signature="rs_1:gAAA==", dialect="openai_responses"), Text("Hi")), user("!")],
        [
            spoken("user", input_text("?")),
            REASONING | {"summary": []},
            HI,
            spoken("user", input_text("!")),
        ],
    ),
    "what is empty": (
        [system(""), user("Hello"), turn(Text("")), Message("user", ())],
        [spoken("user", input_text("Hello"))],
    ),
}


@pytest.mark.parametrize(("messages", "items"), MESSAGES.values(), ids=MESSAGES.keys())
def test_messages_become_input_items(messages: list[Message], items: list[dict[str, Any]]) -> None:
    assert items_of(*messages) == items


def test_reasoning_of_another_dialect_or_without_proof_is_left_out() -> None:
    foreign = (Thinking(text="Hm.", signature="x", dialect="claude"), Thinking(text="Hm."), Text("Hi"))
    assert items_of(user("?"), turn(*foreign)) == [spoken("user", input_text("?")), HI]


def test_reasoning_without_what_it_led_to_is_left_out() -> None:
    assert items_of(user("?"), turn(THOUGHT), user("?")) == [spoken("user", input_text("?"))] * 2


def test_reasoning_whose_id_is_not_known_goes_without_one() -> None:
    bare = Thinking(text="Hm.", signature=signature("", "gAAA=="), dialect="openai_responses")
    assert items_of(user("?"), turn(bare, CALL))[1] == {key: REASONING[key] for key in REASONING if key != "id"}


def test_reasoning_goes_back_only_to_a_model_that_reasons_and_has_not_refused_it() -> None:
    dialogue = (user("?"), turn(THOUGHT, CALL), results(Text("12:00")))
    assert REASONING in items_of(*dialogue, model="gpt-6-luna")
    assert REASONING not in items_of(*dialogue, model="gpt-4.1")
    assert REASONING not in items_of(*dialogue, model="gpt-6-luna", omit=frozenset({"thinking"}))


def test_an_id_that_is_too_long_is_replaced_alike_in_the_call_and_in_its_result() -> None:
    long = "call_" + "x" * 70
    items = items_of(
        user("?"), turn(ToolCall(id=long, name="f")), Message("tool", (ToolResult(call_id=long, content=(Text("r"),)),))
    )
    assert items[1]["call_id"] == items[2]["call_id"] != long


def test_pictures_by_those_who_show_none_are_left_out_and_named() -> None:
    request = ChatRequest(messages=(Message("system", (Text("S"), PHOTO)), user("?"), turn(Text("Hi"), PHOTO)))
    assert omitted(request) == ("messages[0].images", "messages[2].images")
    assert body_of(request)["input"] == [
        spoken("system", input_text("S")),
        spoken("user", input_text("?")),
        HI,
    ]


@pytest.mark.parametrize("messages", [(), (user(""),)])
def test_a_request_that_says_nothing_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="messages is empty"):
        items_of(*messages)


def test_an_image_without_content_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]: an image needs its data or a url"):
        items_of(user("?"), Message("user", (Image(),)))


def test_the_request_goes_to_the_right_place_with_the_key_in_a_header_alone() -> None:
    wire = Upstream().encode(asking(), call(headers={"x-extra": "1"}))
    assert (wire.method, wire.url) == ("POST", "https://api.openai.com/v1/responses")
    assert wire.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "authorization": f"Bearer {KEY}",
        "x-extra": "1",
    }
    assert KEY.encode() not in wire.body
    assert "authorization" not in Upstream().encode(asking(), call(key=Secret(""))).headers
    probe = Upstream().list_models(call())
    assert (probe.method, probe.url, probe.headers["authorization"]) == (
        "GET",
        "https://api.openai.com/v1/models",
        f"Bearer {KEY}",
    )


def test_nothing_is_stored_and_the_answer_is_a_stream_where_it_can_be() -> None:
    body = body_of(asking())
    assert (body["store"], body["stream"]) == (False, True)
    assert "stream" not in body_of(asking(), stream=False)


def test_the_output_limit_keeps_to_what_the_api_and_the_model_take() -> None:
    assert body_of(asking(max_tokens=50))["max_output_tokens"] == 50
    assert body_of(asking(max_tokens=1))["max_output_tokens"] == 16
    assert body_of(asking(max_tokens=10**6), "gpt-4o")["max_output_tokens"] == 16384
    assert omitted(asking(max_tokens=50), omit=frozenset({"max_tokens"})) == ("max_tokens",)


def test_what_the_dialect_has_no_word_for_is_left_out_and_named() -> None:
    wordless: dict[str, Any] = {"stop": ("END",), "seed": 1, "top_k": 5, "frequency_penalty": 0.5}
    request = asking(temperature=0.7, top_p=0.9, presence_penalty=0.5, **wordless)
    body = body_of(request)
    assert (body["temperature"], body["top_p"]) == (0.7, 0.9)
    assert not {*wordless, "presence_penalty"} & set(body)
    assert set(omitted(request)) == {*wordless, "presence_penalty"}
    assert omitted(asking(frequency_penalty=0.0, presence_penalty=0.0)) == ()


def test_what_a_reasoning_model_does_not_take_is_left_out_and_named() -> None:
    request = asking(temperature=0.7, top_p=0.9)
    assert set(omitted(request, "gpt-6-luna")) == {"temperature", "top_p"}
    assert omitted(asking(temperature=1.0), "gpt-6-luna") == ()
    assert body_of(asking(temperature=0.7, effort="none"), "gpt-6-luna")["temperature"] == 0.7


EFFORTS = [
    ("gpt-6-luna", {"effort": "high"}, "high", ()),
    ("gpt-6-luna", {"effort": "high", "tools": (CLOCK,)}, "high", ()),
    ("gpt-6-luna", {"effort": "minimal"}, "low", ()),
    ("gpt-6-luna", {"effort": "none"}, "none", ()),
    ("gpt-6-astra", {"effort": "none"}, "low", ()),
    ("gpt-6-luna", {"thinking_budget": 8192}, "medium", ()),
    ("gpt-6-luna", {"effort": "max", "extra": {"openai_responses": {"reasoning": {"effort": "xhigh"}}}}, "xhigh", ()),
    ("gpt-6-luna", {"effort": "max", "extra": {"openai_chat": {"reasoning_effort": "xhigh"}}}, "xhigh", ()),
    ("gpt-6-luna", {}, None, ()),
    ("gpt-4.1", {"effort": "high"}, None, ("effort",)),
    (PLAIN, {"effort": "high"}, "high", ()),
]


@pytest.mark.parametrize(("name", "fields", "word", "left_out"), EFFORTS)
def test_the_effort_is_one_that_the_model_takes_with_tools_or_without(
    name: str | ModelInfo, fields: dict[str, Any], word: str | None, left_out: tuple[str, ...]
) -> None:
    request = asking(**fields)
    assert body_of(request, name).get("reasoning", {}).get("effort") == word
    assert omitted(request, name) == left_out


def test_a_reasoning_model_is_asked_for_its_reasoning_encrypted() -> None:
    assert body_of(asking(), "gpt-6-luna")["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body_of(asking(), "gpt-4.1")
    more = asking(extra={"openai_responses": {"include": ["message.output_text.logprobs"]}})
    assert body_of(more, "gpt-6-luna")["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]


def test_tools_are_flat_and_say_whether_they_are_strict() -> None:
    tools = (CLOCK, Tool(name="city", description="A city.", parameters=CITY, strict=True))
    assert body_of(asking(tools=tools, parallel_tool_calls=False)) | {"input": None} == {
        "model": "any-model",
        "input": None,
        "store": False,
        "stream": True,
        "parallel_tool_calls": False,
        "tools": [
            {
                "type": "function",
                "name": "clock",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
            {"type": "function", "name": "city", "description": "A city.", "parameters": CITY, "strict": True},
        ],
    }
    assert "parallel_tool_calls" not in body_of(asking(parallel_tool_calls=False))


CHOICES: list[tuple[ToolChoice, Any]] = [
    (ToolChoice(mode="auto"), "auto"),
    (ToolChoice(mode="none"), "none"),
    (ToolChoice(mode="required"), "required"),
    (ToolChoice(mode="tool", name="clock"), {"type": "function", "name": "clock"}),
]


@pytest.mark.parametrize(("choice", "word"), CHOICES)
def test_the_choice_of_a_tool(choice: ToolChoice, word: Any) -> None:
    assert body_of(asking(tools=(CLOCK,), tool_choice=choice))["tool_choice"] == word


def test_a_choice_that_the_model_can_not_be_forced_to_is_left_out_and_named() -> None:
    free = msgspec.structs.replace(PLAIN, forced_tool_use=False)
    request = asking(tools=(CLOCK,), tool_choice=ToolChoice(mode="required"))
    assert "tool_choice" not in body_of(request, free)
    assert omitted(request, free) == ("tool_choice",)


def test_tools_that_are_no_functions_follow_as_the_caller_wrote_them() -> None:
    search = {"type": "web_search"}
    request = asking(tools=(CLOCK,), extra={"openai_responses": {"tools": [search]}})
    assert [tool["type"] for tool in body_of(request)["tools"]] == ["function", "web_search"]


def test_a_schema_is_the_format_of_the_text() -> None:
    output = OutputSchema(schema=CITY, name="the city", description="A city.", strict=True)
    request = asking(output=output, extra={"openai_responses": {"text": {"verbosity": "low"}}})
    assert body_of(request)["text"] == {
        "verbosity": "low",
        "format": {
            "type": "json_schema",
            "name": "the_city",
            "description": "A city.",
            "schema": CITY,
            "strict": True,
        },
    }


def test_json_without_a_schema_is_asked_for_in_words_too() -> None:
    body = body_of(ChatRequest(messages=(system("Be brief."), user("?")), output=OutputSchema()))
    assert body["text"] == {"format": {"type": "json_object"}}
    assert [item["role"] for item in body["input"]] == ["system", "system", "user"]
    assert body["input"][1]["content"][0]["text"] == "Answer with one JSON object and with nothing else."
    assert len(body_of(ChatRequest(messages=(user("As JSON"),), output=OutputSchema()))["input"]) == 1


def test_a_schema_that_the_model_takes_only_in_words_is_sent_in_words() -> None:
    wordy = msgspec.structs.replace(PLAIN, json_schema=False)
    request = asking(output=OutputSchema(schema=CITY))
    assert body_of(request, wordy)["text"] == {"format": {"type": "json_object"}}
    assert '"city"' in body_of(request, wordy)["input"][0]["content"][0]["text"]
    assert omitted(request, wordy) == ("output.schema",)


def test_the_callers_own_fields_of_the_dialect_are_copied_and_ours_stay_ours() -> None:
    own = {"service_tier": "flex", "truncation": "auto", "store": True, "model": "x", "stream": False, "input": "x"}
    body = body_of(asking(user="me", extra={"openai_responses": own, "claude": {"top_k": 1}}))
    assert (body["service_tier"], body["truncation"], body["store"], body["user"]) == ("flex", "auto", True, "me")
    assert (body["model"], body["stream"], len(body["input"])) == ("any-model", True, 1)
    assert "top_k" not in body


def test_a_request_of_the_other_dialect_keeps_the_fields_that_both_name_alike() -> None:
    chat = {"service_tier": "flex", "metadata": {"a": "b"}, "verbosity": "low", "logit_bias": {"1": 2}}
    body = body_of(asking(extra={"openai_chat": chat}))
    assert (body["service_tier"], body["metadata"], body["text"]) == ("flex", {"a": "b"}, {"verbosity": "low"})
    assert "logit_bias" not in body
    both = asking(extra={"openai_chat": chat, "openai_responses": {"service_tier": "default"}})
    assert body_of(both)["service_tier"] == "default"


REFUSED = [
    ({"temperature": 0.5}, "temperature", "temperature"),
    ({"effort": "high"}, "effort", "effort"),
    ({"effort": "high"}, "reasoning.effort", "effort"),
    ({"thinking_budget": 8192}, "thinking_budget", "effort"),
    ({"max_tokens": 50}, "max_output_tokens", "max_tokens"),
    ({"user": "me"}, "user", "user"),
    ({"extra": {"openai_responses": {"text": {"verbosity": "low"}}}}, "text.verbosity", "text.verbosity"),
]


@pytest.mark.parametrize(("fields", "refused", "named"), REFUSED)
def test_what_a_target_has_refused_is_left_out_and_named(fields: dict[str, Any], refused: str, named: str) -> None:
    request, omit = asking(**fields), frozenset({refused})
    assert body_of(request, omit=omit) == body_of(asking())
    assert omitted(request, omit=omit) == (named,)


def test_what_no_request_can_do_without_is_never_left_out() -> None:
    omit = frozenset({"model", "input", "stream", "tools", "include.x", "store.x"})
    assert body_of(asking(tools=(CLOCK,)), omit=omit) == body_of(asking(tools=(CLOCK,)))


_REQUEST: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
WHOLE = ChatRequest(
    messages=(
        system("Be brief."),
        Message("user", (Text("Look:"), PHOTO)),
        turn(THOUGHT, Text("Hi"), CALL),
        results(Text("Here:"), PHOTO),
        assistant("Done."),
        user("Thanks"),
    ),
    tools=(CLOCK, Tool(name="city", parameters=CITY, strict=True)),
    tool_choice=ToolChoice(mode="tool", name="clock"),
    parallel_tool_calls=True,
    output=OutputSchema(schema=CITY),
    effort="high",
    max_tokens=100,
    user="me",
)


@pytest.mark.parametrize("messages", [pair[0] for pair in MESSAGES.values()], ids=MESSAGES.keys())
def test_the_official_sdk_would_send_these_items(messages: list[Message]) -> None:
    _check(body_of(ChatRequest(messages=tuple(messages)), "gpt-6-luna"))


def test_the_official_sdk_would_send_the_whole_request() -> None:
    body = body_of(WHOLE, "gpt-6-luna")
    assert {"tools", "tool_choice", "text", "reasoning", "include", "max_output_tokens", "user"} <= set(body)
    _check(body)


def _check(body: Mapping[str, Any]) -> None:
    """What the SDK types as an iterable is checked only while it is read."""
    checked = _REQUEST.validate_python(body)
    for item in checked["input"]:
        list(item.get("summary") or ())
    list(checked.get("tools") or ())
