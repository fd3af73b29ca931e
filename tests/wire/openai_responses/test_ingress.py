"""What the server side makes of bodies that are wrong or unusual, and what the SDK does not look at in its answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.events import Finished, FinishReason, Seam, Started, TextDelta, ThinkingDelta, ToolCalled, UsageReport
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError, LLMServiceUnavailableError, RateLimitError
from segue.wire.codec import IngressRequest
from segue.wire.dialects import ingress
from segue.wire.openai_responses.ingress.codec import Ingress

ASKED = {"model": "m", "input": "?"}
FUNCTION = {"type": "function", "name": "clock"}
CALL = {"type": "function_call", "call_id": "a", "name": "clock", "arguments": "{}"}


def received(body: Any) -> IngressRequest:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Ingress().decode(data, path="/v1/responses", query="", headers={})


def with_items(*items: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(items)}


def with_parts(*parts: Any) -> dict[str, Any]:
    return with_items({"role": "user", "content": list(parts)})


WRONG: dict[str, tuple[Any, str | None, str]] = {
    "no JSON": (b"{oops", None, "not JSON"),
    "no text": (b'"\xff"', None, "not JSON"),
    "no object": (b"[1]", None, "must be a JSON object"),
    "nothing": (b"", None, "not JSON"),
    "too deep": (b'{"a":' * 50_000, None, "not JSON"),
    "no input": ({"model": "m"}, "input", "is missing: add it"),
    "an empty text": ({"input": ""}, "input", "at least one item"),
    "no items": ({"input": []}, "input", "at least one item"),
    "nothing but reasoning without proof": (with_items({"type": "reasoning", "summary": []}), "input", "is empty"),
    "input that is a number": ({"input": 3}, "input", "`int`"),
    "an item that is a text": (with_items("hi"), "input[0]", "`str`"),
    "an item of an odd type": (with_items({"type": 3}), "input[0].type", "must be a string"),
    "an unknown item": (with_items({"type": "dance"}), "input[0].type", "'dance' is not served; use one of message"),
    "a message without a role": (with_items({"content": "a"}), "input[0].role", "is missing"),
    "an unknown role": (with_items({"role": "robot"}), "input[0].role", "'robot'"),
    "a reference": (with_items({"type": "item_reference", "id": "x"}), "input[0].type", "send the item itself"),
    "a compaction": (
        with_items({"type": "compaction", "encrypted_content": "x"}),
        "input[0].type",
        "the items that it",
    ),
    "a part without a type": (with_parts({"text": "a"}), "input[0].content[0].type", "is missing"),
    "a text part without text": (with_parts({"type": "input_text"}), "input[0].content[0].text", "is missing"),
    "a file": (with_parts({"type": "input_file"}), "input[0].content[0]", "send the file as file_data"),
    "a video": (with_parts({"type": "input_video"}), "input[0].content[0].type", "use one of input_text"),
    "a picture by its id": (
        with_parts({"type": "input_image", "file_id": "f"}),
        "input[0].content[0].file_id",
        "send the picture as image_url",
    ),
    "no picture": (with_parts({"type": "input_image"}), "input[0].content[0].image_url", "is missing"),
    "a call without an id": (with_items({"type": "function_call", "name": "f"}), "input[0].call_id", "is missing"),
    "a result for no call": (with_items({"type": "function_call_output"}), "input[0].call_id", "is missing"),
    "too hot": (ASKED | {"temperature": 3}, "temperature", "2.0"),
    "top_p beyond its range": (ASKED | {"top_p": 1.5}, "top_p", "1.0"),
    "no tokens at all": (ASKED | {"max_output_tokens": 0}, "max_output_tokens", "1"),
    "an unknown effort": (ASKED | {"reasoning": {"effort": "extreme"}}, "reasoning.effort", "'extreme'"),
    "instructions as items": (ASKED | {"instructions": []}, "instructions", "`array`"),
    "an earlier answer": (ASKED | {"previous_response_id": "r"}, "previous_response_id", "no answers are kept"),
    "a conversation": (ASKED | {"conversation": {"id": "c"}}, "conversation", "no conversations are kept"),
    "in the background": (ASKED | {"background": True}, "background", "leave it out"),
    "a stored prompt": (ASKED | {"prompt": {"id": "p"}}, "prompt", "send their text"),
    "a tool of an odd type": (ASKED | {"tools": [{"type": ["function"]}]}, "tools[0].type", "must be a string"),
    "a tool without a name": (ASKED | {"tools": [{"type": "function"}]}, "tools[0].name", "is missing"),
    "a function of Chat Completions": (
        ASKED | {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "tools[0].name",
        "is missing",
    ),
    "a namespace in a namespace": (
        ASKED | {"tools": [{"type": "namespace", "name": "a", "tools": [{"type": "namespace"}]}]},
        "tools[0].tools[0].type",
        "'namespace' can't be in a namespace",
    ),
    "a choice of no tool": (
        ASKED | {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "other"}},
        "tool_choice",
        "among the tools",
    ),
    "an unknown choice": (ASKED | {"tool_choice": "maybe"}, "tool_choice", "'maybe'"),
    "a choice without a mode": (ASKED | {"tool_choice": {"type": "allowed_tools"}}, "tool_choice.mode", "is missing"),
    "an unknown format": (ASKED | {"text": {"format": {"type": "xml"}}}, "text.format.type", "'xml'"),
    "a format without a schema": (
        ASKED | {"text": {"format": {"type": "json_schema", "name": "a"}}},
        "text.format.schema",
        "json_object",
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


USER = Message("user", (Text("a"),))
READ: dict[str, tuple[Any, tuple[Message, ...]]] = {
    "a text": ("a", (USER,)),
    "a message without a type": ([{"role": "user", "content": "a"}], (USER,)),
    "a message of parts": (
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}],
        (USER,),
    ),
    "system and developer": (
        [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, {"role": "user", "content": "a"}],
        (Message("system", (Text("s"),)), Message("system", (Text("d"),)), USER),
    ),
    "empty messages are nothing": (
        [{"role": "user", "content": ""}, {"role": "user", "content": []}, {"role": "user", "content": "a"}],
        (USER,),
    ),
    "two users in a row stay apart": ([{"role": "user", "content": "a"}] * 2, (USER, USER)),
    "two answers in a row stay apart": (
        [{"role": "assistant", "content": "x"}, {"role": "assistant", "content": "y"}],
        (Message("assistant", (Text("x"),)), Message("assistant", (Text("y"),))),
    ),
    "text between calls stays in its turn": (
        [CALL, {"role": "assistant", "content": "x"}, CALL | {"call_id": "b"}],
        (Message("assistant", (ToolCall(id="a", name="clock"), Text("x"), ToolCall(id="b", name="clock"))),),
    ),
    "calls one after the other": (
        [CALL, {"type": "function_call_output", "call_id": "a", "output": "1"}] * 2,
        (
            Message("assistant", (ToolCall(id="a", name="clock"),)),
            Message("tool", (ToolResult(call_id="a", name="clock", content=(Text("1"),)),)),
        )
        * 2,
    ),
    "a result with a picture": (
        [
            {
                "type": "function_call_output",
                "call_id": "a",
                "output": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": "https://example.org/a.png"},
                ],
            }
        ],
        (
            Message(
                "tool",
                (ToolResult(call_id="a", content=(Text("see"), Image(url="https://example.org/a.png"))),),
            ),
        ),
    ),
    "an answer's own items": (
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"},
            {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "dropped"}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "x", "annotations": []},
                    {"type": "refusal", "refusal": "no"},
                ],
            },
        ],
        (
            Message(
                "assistant",
                (Thinking(signature="rs_1:xyz", dialect="openai_responses"), Text("x"), Text("no")),
            ),
        ),
    ),
    "a signed call": (
        [CALL | {"arguments": {"a": 1}, "extra_content": {"google": {"thought_signature": "sig"}}}],
        (Message("assistant", (ToolCall(id="a", name="clock", arguments='{"a":1}', signature="sig"),)),),
    ),
}


@pytest.mark.parametrize(("written", "messages"), READ.values(), ids=READ.keys())
def test_input_is_read_as_messages(written: Any, messages: tuple[Message, ...]) -> None:
    assert received(ASKED | {"input": written}).request.messages == messages


def test_what_one_agent_of_codex_sends_another_is_a_users_turn() -> None:
    """github.com/MetaFARS/codex-relay/issues/60, github.com/openai/codex/pull/26210"""

    def task(text: str) -> dict[str, Any]:
        head = {"type": "input_text", "text": "Message Type: NEW_TASK\nPayload:\n"}
        content = [head, {"type": "encrypted_content", "encrypted_content": text}]
        return {"type": "agent_message", "author": "/root", "recipient": "/root/list", "content": content}

    silent = {"type": "agent_message", "author": "/root", "recipient": "/root/list", "content": None}
    reasoning = {"type": "agent_reasoning", "text": "hm"}
    request = received(ASKED | {"input": [task("List the files."), reasoning, silent]}).request
    assert request.messages == (Message("user", (Text("Message Type: NEW_TASK\nPayload:\n"), Text("List the files."))),)
    with pytest.raises(InvalidRequestError, match="encrypted; only the provider"):
        received(ASKED | {"input": [task("gAAAAABo")]})


def test_nulls_are_the_same_as_nothing() -> None:
    names = ("temperature", "tools", "tool_choice", "text", "reasoning", "store", "stream", "user", "conversation")
    asked = received(ASKED | dict.fromkeys(names) | {"background": False})
    assert asked == received(ASKED)
    assert asked.request == ChatRequest(messages=(Message("user", (Text("?"),)),))


def test_the_model_may_be_left_to_us() -> None:
    assert received({"input": "?"}).model == ""


def test_a_search_is_kept_for_targets_that_have_it_and_what_is_searched_for_is_offered_at_once() -> None:
    search = {"type": "web_search", "external_web_access": False}
    request = received(ASKED | {"tools": [FUNCTION | {"defer_loading": True}, search, {"type": "tool_search"}]}).request
    assert request.tools == (Tool(name="clock"),)
    assert request.extra == {"openai_responses": {"tools": [search]}}


def test_tools_declared_on_the_way_are_offered_once() -> None:
    more = {"type": "additional_tools", "role": "developer", "tools": [FUNCTION, {"type": "custom", "name": "patch"}]}
    request = received({"input": [more, {"role": "user", "content": "?"}, more], "tools": [FUNCTION]}).request
    assert [tool.name for tool in request.tools] == ["clock", "patch"]
    assert [message.role for message in request.messages] == ["user"]


@pytest.mark.parametrize(
    ("tool", "choice"),
    [
        (FUNCTION, {"type": "function", "name": "clock"}),
        ({"type": "custom", "name": "clock"}, {"type": "custom", "name": "clock"}),
    ],
)
def test_one_tool_may_be_chosen(tool: Any, choice: Any) -> None:
    request = received(ASKED | {"tools": [tool], "tool_choice": choice}).request
    assert request.tool_choice == ToolChoice(mode="tool", name="clock")


def test_allowed_tools_are_the_only_ones_that_are_offered() -> None:
    tools = [FUNCTION, {"type": "function", "name": "other"}, {"type": "web_search"}]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [FUNCTION]}
    request = received(ASKED | {"tools": tools, "tool_choice": allowed}).request
    assert request.tools == (Tool(name="clock"),)
    assert request.extra == {}
    assert request.tool_choice == ToolChoice(mode="required")


def test_a_long_name_in_a_namespace_is_cut_the_same_every_time_and_returned_whole() -> None:
    name, group = "f" * 60, "mcp__files__"
    tools = [{"type": "namespace", "name": group, "tools": [{"type": "function", "name": name}]}]
    asked = received({"input": [CALL | {"name": name, "namespace": group}], "tools": tools})
    [tool] = asked.request.tools
    assert len(tool.name) == 64
    assert tool.name.startswith("mcp__files__fff")
    assert asked.request.messages[0].tool_calls[0].name == tool.name
    encoder = Ingress().encoder(asked, id="a", created=7)
    encoder.feed(ToolCalled(0, ToolCall(id="x", name=tool.name)))
    [item] = msgspec.json.decode(encoder.feed(Finished(FinishReason.TOOL_CALLS)))["output"]
    assert (item["name"], item["namespace"]) == (name, group)


def test_a_custom_tool_gets_the_arguments_as_they_are_where_they_are_not_what_was_asked_for() -> None:
    for arguments, given in [('{"input": "a"}', "a"), ('{"patch": "a"}', '{"patch": "a"}'), ("oops", "oops")]:
        encoder = Ingress().encoder(received(ASKED | {"tools": [{"type": "custom", "name": "f"}]}), id="a", created=7)
        encoder.feed(ToolCalled(0, ToolCall(id="x", name="f", arguments=arguments)))
        [item] = msgspec.json.decode(encoder.feed(Finished(FinishReason.TOOL_CALLS)))["output"]
        assert item["input"] == given


def test_a_schema_is_read_as_it_is() -> None:
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "name": "pet", "description": "d", "schema": schema, "strict": True}
    asked = received(ASKED | {"text": {"format": form}})
    assert asked.request.output == OutputSchema(schema=schema, name="pet", description="d", strict=True)


def _document(*events: Any) -> Any:
    encoder = Ingress().encoder(received(ASKED), id="a", created=7)
    return msgspec.json.decode(b"".join(encoder.feed(event) for event in events))


def test_a_proof_of_another_dialect_is_not_given_out() -> None:
    foreign = ThinkingDelta("Hm", "sig", dialect="claude")
    answer = _document(Started(), foreign, ThinkingDelta("So"), Finished(FinishReason.STOP))
    assert [item["summary"][0]["text"] for item in answer["output"]] == ["Hm", "So"]
    assert not any("encrypted_content" in item for item in answer["output"])


def test_what_is_thought_after_a_new_beginning_is_an_item_of_its_own() -> None:
    seam = Seam(source="a", target="b", at=0, restarted=True)
    answer = _document(ThinkingDelta("Hm"), seam, ThinkingDelta("Ah"), TextDelta("x"), Finished(FinishReason.STOP))
    assert [item["type"] for item in answer["output"]] == ["reasoning", "reasoning", "message"]


def test_text_goes_on_across_a_seam_in_one_message() -> None:
    seam = Seam(source="a", target="b", at=3)
    answer = _document(TextDelta("Hel"), seam, TextDelta("lo"), Finished(FinishReason.STOP))
    assert [part["text"] for part in answer["output"][0]["content"]] == ["Hello"]


def test_a_signature_of_a_call_and_a_missing_id_are_sent() -> None:
    call = ToolCalled(2, ToolCall(id="", name="f", signature="sig"))
    [item] = _document(call, Finished(FinishReason.TOOL_CALLS))["output"]
    assert item["call_id"] == "call_a_2"
    assert item["extra_content"] == {"google": {"thought_signature": "sig"}}


def test_an_answer_without_words_is_empty_and_names_the_callers_model_if_no_other() -> None:
    answer = _document(Started(), UsageReport(Usage(output_tokens=3)), Finished(FinishReason.PAUSE))
    assert (answer["model"], answer["output"], answer["status"]) == ("m", [], "completed")
    assert answer["usage"]["total_tokens"] == 3


def _events(data: bytes) -> list[Any]:
    pieces = data.decode().split("\n\n")
    assert pieces.pop() == ""
    return [msgspec.json.decode(piece.partition("\ndata: ")[2].encode()) for piece in pieces]


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (LLMServiceUnavailableError(), "server_error", "all_targets_failed"),
        (RateLimitError(), "rate_limit_exceeded", "rate_limit_exceeded"),
        (InvalidRequestError("no", param="p"), "invalid_prompt", "invalid_request"),
    ],
)
def test_a_failure_before_the_first_word_is_sent_twice_in_a_stream_that_was_begun(
    error: Any, code: str, expected: str
) -> None:
    encoder = Ingress().encoder(received(ASKED | {"stream": True}), id="a", created=7)
    assert [event["type"] for event in _events(encoder.ping())] == ["response.created", "response.in_progress"]
    problem, failed = _events(encoder.fail(error))
    assert (problem["type"], problem["code"], problem["sequence_number"]) == ("error", expected, 2)
    assert problem["error"]["message"] == problem["message"] == failed["response"]["error"]["message"]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == code
    assert encoder.ping() + encoder.feed(TextDelta("late")) + encoder.fail(error) == b""


def test_a_whole_answer_that_failed_is_the_error_document() -> None:
    error = LLMServiceUnavailableError()
    encoder = Ingress().encoder(received(ASKED), id="a", created=7)
    assert encoder.ping() == b""
    assert encoder.fail(error) == Ingress().error(error)[2]


def test_the_codec_is_found_by_its_name() -> None:
    assert isinstance(ingress("openai_responses"), Ingress)
