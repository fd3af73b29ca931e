"""What the server side makes of bodies that are wrong or unusual, and the exact bytes of its answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.chat.request import ToolChoice
from segue.chat.usage import Usage
from segue.errors import ConfigurationError, InvalidRequestError, LLMServiceUnavailableError, SegueError
from segue.wire.openai_chat.ingress.codec import Ingress

from .harness import received

ASKED = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
FUNCTION = {"type": "function", "function": {"name": "clock"}}


def with_turns(*turns: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(turns)}


CALL = {"id": "a", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
WRONG: dict[str, tuple[Any, str | None, str]] = {
    "no JSON": (b"{oops", None, "not JSON"),
    "no text": (b'"\xff"', None, "not JSON"),
    "no object": (b"[1]", None, "must be a JSON object"),
    "nothing": (b"", None, "not JSON"),
    "too deep": (b'{"a":' * 50_000, None, "not JSON"),
    "no messages": ({"model": "m"}, "messages", "is missing: add it"),
    "empty messages": ({"model": "m", "messages": []}, "messages", "send at least one"),
    "messages as text": ({"messages": "hi"}, "messages", "array"),
    "a turn without a role": (with_turns({"content": "a"}), "messages[0].role", "is missing"),
    "an unknown role": (with_turns({"role": "robot"}), "messages[0].role", "use one of system, developer, user"),
    "content that is a number": (with_turns({"role": "user", "content": 3}), "messages[0].content", "`int`"),
    "a part without a type": (
        with_turns({"role": "user", "content": [{"text": "a"}]}),
        "messages[0].content[0].type",
        "is missing",
    ),
    "a text part without text": (
        with_turns({"role": "user", "content": [{"type": "text"}]}),
        "messages[0].content[0].text",
        "is missing",
    ),
    "audio in": (
        with_turns({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_audio"}]}),
        "messages[0].content[1].input_audio",
        "is missing",
    ),
    "a video": (
        with_turns({"role": "user", "content": [{"type": "video_url"}]}),
        "messages[0].content[0].type",
        "use one of text, image_url",
    ),
    "a file": (
        with_turns({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}),
        "messages[0].content[0].file",
        "no files are kept here",
    ),
    "an image without a url": (
        with_turns({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
        "messages[0].content[0].image_url.url",
        "is missing",
    ),
    "a custom call without its input": (
        with_turns({"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "f"}}]}),
        "messages[0].tool_calls[0].custom.input",
        "is missing",
    ),
    "too hot": (ASKED | {"temperature": 3}, "temperature", "2.0"),
    "temperature as text": (ASKED | {"temperature": "0.7"}, "temperature", "`str`"),
    "top_p beyond its range": (ASKED | {"top_p": 1.5}, "top_p", "1.0"),
    "a penalty beyond its range": (ASKED | {"presence_penalty": -3}, "presence_penalty", "-2.0"),
    "no tokens at all": (ASKED | {"max_tokens": 0}, "max_tokens", "1"),
    "an unknown effort": (ASKED | {"reasoning_effort": "extreme"}, "reasoning_effort", "'extreme'"),
    "several choices": (ASKED | {"n": 2}, "n", "send 2 requests instead"),
    "spoken answers": (ASKED | {"modalities": ["text", "audio"]}, "modalities", "text only"),
    "a voice": (ASKED | {"audio": {"voice": "x"}}, "audio", "text only"),
    "a custom tool without its name": (
        ASKED | {"tools": [FUNCTION, {"type": "custom"}]},
        "tools[1].custom",
        "is missing",
    ),
    "a tool without a name": (ASKED | {"tools": [{"type": "function", "function": {}}]}, None, "is missing"),
    "a choice of no tool": (
        ASKED | {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        "tool_choice",
        "among the tools",
    ),
    "an unknown choice": (ASKED | {"tool_choice": "maybe"}, "tool_choice", "'maybe'"),
    "an unknown format": (ASKED | {"response_format": {"type": "xml"}}, "response_format.type", "'xml'"),
    "a schema left out": (
        ASKED | {"response_format": {"type": "json_schema"}},
        "response_format.json_schema",
        "json_object",
    ),
    "a schema without a schema": (
        ASKED | {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "response_format.json_schema.schema",
        "is missing",
    ),
    "a stream that is a word": (ASKED | {"stream": "yes"}, "stream", "`str`"),
}


@pytest.mark.parametrize(("body", "param", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_body_is_refused_with_the_field_at_fault(body: Any, param: str | None, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        received(body)
    assert message in caught.value.message
    assert caught.value.status == 400
    if param is not None:
        assert caught.value.param == param
        assert param in caught.value.message


def test_a_missing_field_of_a_tool_is_named() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        received(ASKED | {"tools": [FUNCTION, {"type": "function", "function": {}}]})
    assert caught.value.param == "tools[1].function.name"


def test_nulls_are_the_same_as_nothing() -> None:
    names = ("temperature", "stop", "tools", "tool_choice", "response_format", "n", "store", "stream", "user")
    nulls = dict.fromkeys(names)
    asked = received(ASKED | nulls)
    assert asked == received(ASKED)
    assert asked.request.extra == {}


def test_the_model_may_be_left_to_us() -> None:
    assert received({"messages": ASKED["messages"]}).model == ""


def test_results_of_one_turn_become_one_message_and_learn_their_tools_names() -> None:
    other = {"id": "b", "type": "function", "function": {"name": "weather", "arguments": ""}}
    asked = received(
        with_turns(
            {"role": "assistant", "content": "", "tool_calls": [CALL, other]},
            {"role": "tool", "tool_call_id": "b", "content": "rain"},
            {"role": "tool", "tool_call_id": "a", "content": None},
            {"role": "tool", "tool_call_id": "unknown", "content": "x"},
            {"role": "user", "content": "so?"},
        )
    )
    assert asked.request.messages[1] == Message(
        "tool",
        (
            ToolResult(call_id="b", name="weather", content=(Text("rain"),)),
            ToolResult(call_id="a", name="clock"),
            ToolResult(call_id="unknown", content=(Text("x"),)),
        ),
    )
    assert [message.role for message in asked.request.messages] == ["assistant", "tool", "user"]


def test_thinking_and_signatures_come_in_where_clients_send_them_back() -> None:
    signed = CALL | {"extra_content": {"google": {"thought_signature": "sig"}}}
    [message] = received(
        with_turns({"role": "assistant", "reasoning_content": "Hm", "tool_calls": [signed]})
    ).request.messages
    assert message.parts == (
        Thinking(text="Hm", dialect="openai_chat"),
        ToolCall(id="a", name="clock", signature="sig"),
    )


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("https://example.org/a.png", Image(url="https://example.org/a.png")),
        ("data:image/JPEG;base64,aGk=", Image(data="aGk=", media_type="image/jpeg")),
        ("data:image/png;charset=utf-8;base64,aGk=", Image(data="aGk=", media_type="image/png")),
        ("data:;base64,aGk=", Image(data="aGk=")),
        ("data:image/bmp,BM", Image(data="Qk0=", media_type="image/bmp")),
    ],
)
def test_pictures_come_in_as_data_or_as_addresses(url: str, image: Image) -> None:
    for value in (url, {"url": url}):
        [message] = received(
            with_turns({"role": "user", "content": [{"type": "image_url", "image_url": value}]})
        ).request.messages
        assert message.parts == (image,)


def test_a_subset_of_tools_is_the_only_one_that_is_offered() -> None:
    tools = [FUNCTION, {"type": "function", "function": {"name": "other"}}]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}}
    request = received(ASKED | {"tools": tools, "tool_choice": allowed}).request
    assert [tool.name for tool in request.tools] == ["clock"]
    assert request.tool_choice == ToolChoice(mode="auto")


def _events(data: bytes) -> list[Any]:
    lines = data.decode().split("\n\n")
    assert lines.pop() == ""
    return [
        line if line == "data: [DONE]" else msgspec.json.decode(line.removeprefix("data: ").encode()) for line in lines
    ]


def test_a_stream_is_what_openai_sends() -> None:
    asked = received(ASKED | {"stream": True, "stream_options": {"include_usage": True}})
    encoder = Ingress().encoder(asked, id="abc", created=7)
    assert encoder.content_type == "text/event-stream; charset=utf-8"
    events: list[ChatEvent] = [
        Started("x", "gpt-6-luna"),
        TextDelta("Hi"),
        TextDelta(""),
        ThinkingDelta(signature="s"),
        ToolCalled(0, ToolCall(id="", name="f", arguments='{"a":1}')),
        UsageReport(Usage(input_tokens=1, cache_write_tokens=2, cache_write_1h_tokens=4, output_tokens=3)),
        Finished(FinishReason.TOOL_CALLS),
    ]
    sent = _events(b"".join(encoder.feed(event) for event in events))

    def about(delta: Any, reason: str | None = None) -> Any:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return frame | {"choices": [choice], "usage": None}

    frame = {"id": "chatcmpl-abc", "object": "chat.completion.chunk", "created": 7, "model": "gpt-6-luna"}
    announced = {"index": 0, "id": "call_abc_0", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert sent[:-2] == [
        about({"role": "assistant", "content": "", "refusal": None}),
        about({"content": "Hi"}),
        about({"tool_calls": [announced]}),
        about({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}),
        about({}, "tool_calls"),
    ]
    assert sent[-2]["choices"] == []
    assert sent[-2]["usage"]["prompt_tokens"] == 7
    assert sent[-2]["usage"]["prompt_tokens_details"]["cache_write_tokens"] == 6
    assert sent[-1] == "data: [DONE]"
    assert encoder.feed(TextDelta("late")) == b""


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.TOOL_CALLS, "tool_calls"),
        (FinishReason.CONTENT_FILTER, "content_filter"),
        (FinishReason.PAUSE, "stop"),
    ],
)
def test_every_reason_has_a_word_of_the_dialect(reason: FinishReason, word: str) -> None:
    whole = Ingress().encoder(received(ASKED), id="a", created=7)
    assert msgspec.json.decode(whole.feed(Finished(reason)))["choices"][0]["finish_reason"] == word
    stream = Ingress().encoder(received(ASKED | {"stream": True}), id="a", created=7)
    assert _events(stream.feed(Finished(reason)))[0]["choices"][0]["finish_reason"] == word


def test_a_whole_answer_is_silent_until_its_end_and_names_the_callers_model_if_no_other() -> None:
    encoder = Ingress().encoder(received(ASKED), id="a", created=7)
    assert encoder.content_type == "application/json"
    assert encoder.ping() == b""
    assert encoder.feed(Started()) + encoder.feed(TextDelta("Hi")) == b""
    document = msgspec.json.decode(encoder.feed(Finished(FinishReason.STOP)))
    assert (document["model"], document["object"]) == ("m", "chat.completion")
    assert "usage" not in document


def test_pings_carry_data_and_stop_with_the_answer() -> None:
    encoder = Ingress().encoder(received(ASKED | {"stream": True}), id="a", created=7)
    assert _events(encoder.ping())[0]["choices"][0]["delta"] == {}
    encoder.feed(Started())
    encoder.feed(Finished(FinishReason.STOP))
    assert encoder.ping() == b""


def test_a_failure_ends_a_stream_and_a_whole_answer_with_the_same_document() -> None:
    error = LLMServiceUnavailableError()
    stream = Ingress().encoder(received(ASKED | {"stream": True}), id="a", created=7)
    whole = Ingress().encoder(received(ASKED), id="a", created=7)
    _, _, body = Ingress().error(error)
    assert whole.fail(error) == body
    assert stream.fail(error) == b"data: " + body + b"\n\n"
    assert stream.feed(TextDelta("late")) + stream.ping() == b""


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigurationError("x"), "configuration_error"), (SegueError("x"), "server_error")]
)
def test_our_own_trouble_is_a_500(error: SegueError, code: str) -> None:
    status, headers, body = Ingress().error(error)
    assert (status, headers) == (500, {"content-type": "application/json", "x-should-retry": "false"})
    assert msgspec.json.decode(body) == {
        "error": {"message": "x", "type": "server_error", "param": None, "code": code},
    }
