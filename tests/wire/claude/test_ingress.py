"""What callers send that is odd or wrong, and the answers to it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.catalog.tokens import estimate_request_tokens
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
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema
from segue.chat.usage import Usage
from segue.errors import (
    AttemptSummary,
    AuthenticationError,
    ConfigurationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    SegueError,
    StreamInterruptedError,
)
from segue.wire.claude.ingress.codec import Ingress

from .harness import body_of, decoded, encoded, events_of

HI = {"role": "user", "content": "hi"}


def messages(*turns: dict[str, Any], **fields: Any) -> tuple[Message, ...]:
    return decoded({"messages": list(turns), **fields}).request.messages


def parts_of(*blocks: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    (message,) = messages({"role": role, "content": list(blocks)})
    return message.parts


# --- what is taken


def test_the_least_there_is_makes_a_request() -> None:
    read = decoded({"messages": [HI]})
    assert read.request == ChatRequest(messages=(user("hi"),))
    assert (read.model, read.stream, read.options) == ("", False, {})


def test_a_count_of_tokens_is_read_by_the_same_rules() -> None:
    body = msgspec.json.encode({"model": "m", "messages": [HI], "system": "s"})
    read = Ingress().decode(body, path="/v1/messages/count_tokens", query="beta=true", headers={})
    assert read.request.messages == (system("s"), user("hi"))


def test_nulls_say_nothing() -> None:
    fields = (
        "temperature",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "thread",
        "metadata",
        "model",
    )
    read = decoded({"messages": [HI], "system": None, "stream": None, **dict.fromkeys(fields)})
    assert read.request == ChatRequest(messages=(user("hi"),))


def test_system_messages_among_the_turns_keep_their_place() -> None:
    assert messages(HI, {"role": "assistant", "content": "yes"}, {"role": "system", "content": "be brief"}) == (
        user("hi"),
        assistant("yes"),
        system("be brief"),
    )


def test_tools_that_change_on_the_way_are_offered_as_they_are_in_the_end() -> None:
    """Claude Code sends such blocks to gateways: github.com/anthropics/claude-code/issues/95087."""

    def change(kind: str, **tool: Any) -> dict[str, Any]:
        return {"type": f"tool_{kind}", "tool": {"type": "tool_reference", **tool}}

    def tool(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "input_schema": {"type": "object"}, **more}

    inline = {"type": "tool_definition", "definition": tool("inline", description="new")}
    changes = [{"type": "text", "text": "More tools."}, change("addition", name="late"), change("removal", name="gone")]
    request = decoded(
        {
            "model": "m",
            "max_tokens": 9,
            "tools": [
                tool("late", defer_loading=True),
                tool("gone"),
                tool("inline", description="old"),
                tool("inline", description="new"),
                tool("back"),
            ],
            "messages": [
                HI,
                {"role": "system", "content": changes},
                {"role": "assistant", "content": "yes"},
                {
                    "role": "system",
                    "content": [change("removal", name="back"), {"type": "tool_addition", "tool": inline}],
                },
                {"role": "system", "content": [change("addition", name="back")]},
                {"role": "user", "content": "and?"},
            ],
        }
    ).request
    assert request.messages == (user("hi"), system("More tools."), assistant("yes"), user("and?"))
    assert [(one.name, one.description) for one in request.tools] == [("late", ""), ("back", ""), ("inline", "new")]
    assert "defer_loading" not in str(request.extra)


def test_results_and_words_of_one_turn_are_told_apart_and_results_know_their_tool() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}]}
    turns = messages(
        HI,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result, {"type": "text", "text": "so?"}]},
    )
    assert turns[2:] == (Message("tool", (ToolResult(call_id="t1", name="look", content=(Text("x"),)),)), user("so?"))


def test_a_result_without_content_is_empty() -> None:
    (message,) = messages({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]})
    assert message.parts == (ToolResult(call_id="t1"),)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {
                "type": "document",
                "title": "T",
                "context": None,
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            },
            Text("T\nwords"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "words"}]}},
            Text("words"),
        ),
        ({"type": "document", "source": {"type": "content", "content": "words"}}, Text("words")),
        (
            {
                "type": "search_result",
                "title": "T",
                "source": "https://a",
                "content": [{"type": "text", "text": "words"}],
            },
            Text("T\nhttps://a\nwords"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a/b"}, "transformations": {}},
            Image(url="https://a/b"),
        ),
        ({"type": "tool_reference", "tool_name": "look"}, Text("look")),
    ],
)
def test_a_block_that_text_can_express_becomes_text(block: dict[str, Any], part: Any) -> None:
    assert parts_of(block) == (part,)


def test_the_output_of_a_servers_tools_is_passed_over_beside_the_models_own_words() -> None:
    parts = parts_of(
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": {"type": "error", "error_code": "x"}},
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "found", "citations": [{"type": "page_location"}]},
        role="assistant",
    )
    assert parts == (Thinking(text="hm", signature="c2ln", dialect="claude"), Text("found"))


def test_a_compaction_stands_for_all_that_comes_before_it_and_one_that_failed_for_nothing() -> None:
    cached = {"type": "text", "text": "old", "cache_control": {"type": "ephemeral"}}
    failed, made = ({"type": "compaction", "content": content} for content in (None, "what went before"))
    turns = [
        {"role": "user", "content": [cached]},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "older"}, made, failed, {"type": "text", "text": "so"}],
        },
        {"role": "user", "content": [{**cached, "text": "new"}]},
    ]
    asked = decoded({"model": "m", "max_tokens": 9, "system": "be kind", "messages": turns}).request
    shown = [(message.role, message.text) for message in asked.messages]
    assert shown == [("system", "be kind"), ("user", "what went before"), ("assistant", "so"), ("user", "new")]
    assert [mark[:2] for mark in asked.extra["claude"]["cache_breakpoints"]] == [[3, 0]]


@pytest.mark.parametrize(
    ("thinking", "effort", "budget"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, None, 2048),
        ({"type": "adaptive"}, None, None),
        ({"type": "disabled"}, "none", None),
        ({"type": "between_tools"}, "none", None),
    ],
)
def test_the_wish_to_think_is_understood(thinking: dict[str, Any], effort: str | None, budget: int | None) -> None:
    request = decoded({"messages": [HI], "thinking": thinking}).request
    assert (request.effort, request.thinking_budget) == (effort, budget)


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "between_tools"}])
def test_a_wish_not_to_think_reaches_each_model_in_its_own_words(thinking: dict[str, Any]) -> None:
    request = decoded({"messages": [HI], "thinking": thinking, "max_tokens": 9}).request
    assert body_of(request, "claude-sonnet-5")["thinking"] == {"type": "disabled"}
    assert body_of(request, "claude-sonnet-5-5")["thinking"] == {"type": "between_tools"}
    assert "thinking" not in body_of(request, "claude-haiku-4-5")


def test_the_highest_efforts_keep_their_names_in_this_dialect() -> None:
    request = decoded({"messages": [HI], "output_config": {"effort": "xhigh"}}).request
    assert request.effort == "high"
    assert body_of(request, "claude-sonnet-5-5")["output_config"] == {"effort": "xhigh"}


def test_the_older_name_of_the_output_format_is_understood() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    request = decoded({"messages": [HI], "output_format": {"type": "json_schema", "schema": schema}}).request
    assert request.output == OutputSchema(schema=schema)


def test_betas_come_from_their_header_but_for_those_not_kept_here() -> None:
    header = "interleaved-thinking-2025-05-14, message-threads-2026-08-12,context-1m-2025-08-07,"
    request = decoded({"messages": [HI]}, {"anthropic-beta": header}).request
    assert request.extra == {"claude": {"betas": ["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"]}}


def test_metadata_with_more_than_a_user_is_kept_whole() -> None:
    request = decoded({"messages": [HI], "metadata": {"user_id": "u", "team": "t"}, "max_tokens": 9}).request
    assert request.user == "u"
    assert body_of(request)["metadata"] == {"user_id": "u", "team": "t"}


# --- what is refused, and by which name


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (b'{"messages": "\xff"}', "messages"),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages.0.role"),
        ({"messages": [HI, {"role": "user", "content": 5}]}, "messages.1.content"),
        ({"messages": [HI, {"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages.1.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages.0.content.0.type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
            "messages.0.content.0.type",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
            "messages.0.content.0.source",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}
                ]
            },
            "messages.0.content.0.source.type",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "document", "source": {"type": "base64", "data": "JVBE"}}]}
                ]
            },
            "messages.0.content.0.source",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages.0.content.0.tool_use_id"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "x"}]}],
                    }
                ]
            },
            "messages.0.content.0.content.0.type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "input": {}}]}]},
            "messages.0.content.0.name",
        ),
        ({"messages": [HI], "system": 5}, "system"),
        ({"messages": [HI], "system": [{"type": "image"}]}, "system.0.type"),
        ({"messages": [HI], "model": 5}, "model"),
        ({"messages": [HI], "stream": "yes"}, "stream"),
        ({"messages": [HI], "max_tokens": "many"}, "max_tokens"),
        ({"messages": [HI], "max_tokens": -1}, "max_tokens"),
        ({"messages": [HI], "temperature": 1.5}, "temperature"),
        ({"messages": [HI], "top_p": -0.1}, "top_p"),
        ({"messages": [HI], "stop_sequences": "END"}, "stop_sequences"),
        ({"messages": [HI], "tools": {}}, "tools"),
        ({"messages": [HI], "tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"messages": [HI], "tools": [{"name": ""}]}, "tools.0.name"),
        ({"messages": [HI], "tools": [{"name": "a", "input_schema": []}]}, "tools.0.input_schema"),
        ({"messages": [HI], "tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"messages": [HI], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"messages": [HI], "thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"messages": [HI], "thinking": {"type": "hard"}}, "thinking.type"),
        ({"messages": [HI], "output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"messages": [HI], "output_config": {"format": {"type": "xml", "schema": {}}}}, "output_config.format.type"),
        ({"messages": [HI], "metadata": {"user_id": 5}}, "metadata.user_id"),
    ],
)
def test_the_field_at_fault_is_named(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decoded(body)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")
    assert caught.value.status == 400


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_a_thread_is_refused_with_the_code_on_which_the_sdk_sends_the_whole_history(thread: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decoded({"messages": [HI], "thread": thread})
    status, _, body = Ingress().error(caught.value)
    error = msgspec.json.decode(body)["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert error["details"] == {"error_code": "thread_unsupported_request"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "content", "role", "source", "input", "name", "id", "data", "tool_use_id", "x"]
            ),
            inner
            | st.sampled_from(["text", "image", "tool_use", "tool_result", "user", "assistant", "document", "base64"]),
            max_size=4,
        )
    ),
    max_leaves=15,
)
bodies = st.dictionaries(
    st.sampled_from(
        [
            "messages",
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "metadata",
            "max_tokens",
            "stream",
            "thread",
            "zz",
        ]
    ),
    json_values | st.just([HI]),
    max_size=5,
)


@settings(max_examples=250, deadline=None)
@given(bodies.map(msgspec.json.encode) | st.binary(max_size=60))
def test_any_body_is_a_request_or_refused_and_a_request_can_be_sent_on(body: bytes) -> None:
    try:
        request = decoded(body).request
    except InvalidRequestError:
        return
    if any(part.text.strip() for message in request.messages for part in message.parts if isinstance(part, Text)):
        assert body_of(request)["messages"]


@pytest.mark.parametrize("field", ["messages", "tools", "zz"])
def test_a_body_without_a_bottom_is_refused(field: str) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    with pytest.raises(InvalidRequestError):
        decoded(b'{"messages": [{"role": "user", "content": "hi"}], "%b": %b}' % (field.encode(), deep))


# --- what is answered


ATTEMPTS = (
    AttemptSummary(target="gemini", model="g-1", outcome="rate", status=429, reason="slow down", recovers_in=12.0),
    AttemptSummary(target="openai", model="o-1", outcome="overload", status=503, reason="busy"),
)


@pytest.mark.parametrize(
    ("error", "status", "type"),
    [
        (InvalidRequestError("no"), 400, "invalid_request_error"),
        (InvalidRequestError("no", status=422), 422, "invalid_request_error"),
        (InvalidRequestError("no", status=401), 401, "authentication_error"),
        (InvalidRequestError("no", status=402), 402, "billing_error"),
        (InvalidRequestError("no", status=403), 403, "permission_error"),
        (InvalidRequestError("no", status=404), 404, "not_found_error"),
        (InvalidRequestError("no", status=413), 413, "request_too_large"),
        (InvalidRequestError("no", status=429), 429, "rate_limit_error"),
        (ContentRefusedError("no"), 400, "invalid_request_error"),
        (LLMServiceUnavailableError(attempts=ATTEMPTS), 500, "api_error"),
        (RateLimitError(attempts=ATTEMPTS), 500, "rate_limit_error"),
        (AuthenticationError(), 500, "api_error"),
        (DeadlineExceededError(), 500, "timeout_error"),
        (StreamInterruptedError("broke off", delivered="a"), 500, "api_error"),
        (ConfigurationError("no key"), 500, "api_error"),
        (SegueError("oops"), 500, "api_error"),
    ],
)
def test_every_error_has_its_status_and_its_type(error: SegueError, status: int, type: str) -> None:
    answered, headers, body = Ingress().error(error)
    document = msgspec.json.decode(body)
    assert (answered, document["type"], document["error"]["type"]) == (status, "error", type)
    assert document["error"]["message"] == str(error)
    assert headers.get("x-should-retry") == ("false" if status >= 500 else None)


def test_when_all_failed_each_target_is_named_with_its_reason_and_the_time_to_come_back() -> None:
    _, headers, body = Ingress().error(LLMServiceUnavailableError(attempts=ATTEMPTS, retry_after=11.2))
    message = msgspec.json.decode(body)["error"]["message"]
    assert "gemini [g-1]: rate (HTTP 429): slow down; may recover in 12 s" in message
    assert "openai [o-1]: overload (HTTP 503): busy" in message
    assert headers["retry-after"] == "12"


def encoder(*, stream: bool, **options: Any) -> Any:
    body = {"messages": [HI], "stream": stream, "model": "asked-for", **options}
    return Ingress().encoder(decoded(body), id="abc", created=0)


def test_an_error_in_the_stream_is_an_event() -> None:
    fail = encoder(stream=True).fail(StreamInterruptedError("broke off"))
    assert fail.startswith(b"event: error\ndata: {")
    assert events_of([fail])[-1].failure.message == "broke off"  # type: ignore[union-attr]


def test_an_error_instead_of_a_whole_answer_is_a_document() -> None:
    assert msgspec.json.decode(encoder(stream=False).fail(SegueError("oops")))["error"]["message"] == "oops"


def test_a_ping_bears_data_in_a_stream_and_nothing_before_a_document() -> None:
    assert encoder(stream=True).ping() == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert encoder(stream=False).ping() == b""


def test_the_content_type_tells_the_form() -> None:
    assert encoder(stream=True).content_type.startswith("text/event-stream")
    assert encoder(stream=False).content_type == "application/json"


def test_an_answer_has_our_id_and_its_models_name_or_else_the_callers() -> None:
    made = encoder(stream=False)
    assert made.feed(Started("msg_theirs", "")) + made.feed(TextDelta("a")) == b""
    document = msgspec.json.decode(made.feed(Finished(FinishReason.STOP)))
    assert (document["id"], document["model"], document["role"]) == ("msg_abc", "asked-for", "assistant")
    assert document["usage"]["output_tokens"] == 0


def test_ids_of_tool_calls_are_in_the_characters_of_this_dialect_and_never_empty() -> None:
    events: tuple[ChatEvent, ...] = (
        Started(),
        ToolCalled(0, ToolCall(id="call|1.x", name="a")),
        ToolCalled(1, ToolCall(id="", name="b")),
        Finished(FinishReason.TOOL_CALLS),
    )
    document = msgspec.json.decode(encoded(events, stream=False))
    assert [block["id"] for block in document["content"]] == ["call_1_x_e3083483", "toolu_1_1"]


THOUGHT: tuple[ChatEvent, ...] = (
    Started(),
    ThinkingDelta("hm"),
    ThinkingDelta(signature="c2ln", dialect="claude"),
    TextDelta("yes"),
    Finished(FinishReason.STOP),
)


@pytest.mark.parametrize(
    ("options", "blocks"),
    [
        (
            {},
            [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "text", "text": "yes", "citations": None},
            ],
        ),
        ({"thinking": "disabled"}, [{"type": "text", "text": "yes", "citations": None}]),
        (
            {"thinking": "adaptive", "display": "omitted"},
            [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "text", "text": "yes", "citations": None},
            ],
        ),
    ],
)
def test_thinking_is_shown_as_the_caller_wanted_it(options: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    assert msgspec.json.decode(encoded(THOUGHT, stream=False, options=options))["content"] == blocks
    streamed = events_of([encoded(THOUGHT, stream=True, options=options)])
    shown = "".join(event.text for event in streamed if isinstance(event, ThinkingDelta))
    assert shown == "".join(block.get("thinking", "") for block in blocks)


def test_two_signed_thoughts_are_two_blocks() -> None:
    events = (
        Started(),
        ThinkingDelta("a"),
        ThinkingDelta(signature="1", dialect="claude"),
        ThinkingDelta("b"),
        ThinkingDelta(signature="2", dialect="claude"),
        Finished(FinishReason.STOP),
    )
    content = msgspec.json.decode(encoded(events, stream=False))["content"]
    assert [(block["thinking"], block["signature"]) for block in content] == [("a", "1"), ("b", "2")]


def test_blocks_are_numbered_and_closed_in_order() -> None:
    events = (
        Started(),
        ThinkingDelta("unsigned"),
        TextDelta("a"),
        ToolCalled(0, ToolCall(id="t", name="n")),
        TextDelta("b"),
        Finished(FinishReason.TOOL_CALLS),
    )
    lines = encoded(events, stream=True).split(b"\n")
    sent = [msgspec.json.decode(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]
    order = [(event["type"].removeprefix("content_block_"), event["index"]) for event in sent if "index" in event]
    assert order == [(what, index) for index in range(4) for what in ("start", "delta", "stop")]
    assert [event["type"] for event in sent[-2:]] == ["message_delta", "message_stop"]


def first_usage(*events: ChatEvent) -> dict[str, Any]:
    codec = Ingress()
    asked = codec.decode(msgspec.json.encode(ASKED), path="/v1/messages", query="", headers={})
    encoder = codec.encoder(asked, id="01abc", created=1)
    data = b"".join(encoder.feed(event) for event in events)
    start = msgspec.json.decode(data.splitlines()[1].removeprefix(b"data: "))
    assert start["type"] == "message_start"
    usage: dict[str, Any] = start["message"]["usage"]
    return usage


ASKED = {"max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "How long is the river? " * 40}]}


def test_a_stream_begins_with_the_providers_count_of_the_prompt_where_it_came_with_the_beginning() -> None:
    usage = first_usage(
        Started("m", "m"), UsageReport(Usage(input_tokens=7, cache_read_tokens=5, output_tokens=1)), TextDelta("a")
    )
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (7, 5, 1)


def test_a_stream_begins_with_our_estimate_of_the_prompt_where_the_provider_tells_its_count_at_the_end() -> None:
    asked = Ingress().decode(msgspec.json.encode(ASKED), path="/v1/messages", query="", headers={})
    usage = first_usage(Started("m", "m"), TextDelta("a"), UsageReport(Usage(input_tokens=7)))
    assert usage["input_tokens"] == estimate_request_tokens(asked.request) > 100
