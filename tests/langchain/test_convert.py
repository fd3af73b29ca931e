"""Messages both ways, in every form of content that LangChain and the providers' packages use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from msgspec.structs import replace

from segue.chat.messages import File, Image, Message, Part, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.langchain.messages import CALL_SIGNATURES, THINKING, Transcript, to_chat, to_langchain

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PNG = "iVBORw0KGgo="
DATA = Image(data=PNG, media_type="image/png")
LINK = Image(url="https://x.org/a.png")

CONTENTS: list[tuple[Any, tuple[Any, ...]]] = [
    ("hello", (Text("hello"),)),
    (["a", {"type": "text", "text": "b"}, {"text": "c"}], (Text("a"), Text("b"), Text("c"))),
    ([{"type": "input_text", "text": "a"}], (Text("a"),)),
    ([{"type": "text-plain", "text": "a", "mime_type": "text/plain"}], (Text("a"),)),
    ([{"type": "file", "source_type": "text", "text": "a"}], (Text("a"),)),
    ([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}], (Text("a"),)),
    ([{"type": "non_standard", "value": {"type": "text", "text": "a"}}], (Text("a"),)),
    # Images: OpenAI's Chat and Responses, LangChain 0 and 1, Anthropic, Google, Bedrock.
    ([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}], (DATA,)),
    ([{"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}], (DATA,)),
    (
        [{"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}}],
        (Image(url="https://x.org/a.png", detail="low"),),
    ),
    ([{"type": "input_image", "image_url": "https://x.org/a.png"}], (LINK,)),
    ([{"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"}], (DATA,)),
    ([{"type": "image", "source_type": "url", "url": "https://x.org/a.png"}], (LINK,)),
    ([{"type": "image", "base64": PNG, "mime_type": "image/png"}], (DATA,)),
    ([{"type": "image", "url": "https://x.org/a.png"}], (LINK,)),
    ([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}], (DATA,)),
    ([{"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}}], (LINK,)),
    ([{"type": "media", "mime_type": "image/png", "data": PNG}], (DATA,)),
    ([{"type": "media", "mime_type": "image/png", "data": bytes.fromhex("89504e470d0a1a0a")}], (DATA,)),
    ([{"image": {"format": "png", "source": {"bytes": bytes.fromhex("89504e470d0a1a0a")}}}], (DATA,)),
    ([{"text": "a"}, {"cachePoint": {"type": "default"}}], (Text("a"),)),
    ([], ()),
]


@pytest.mark.parametrize(("content", "parts"), CONTENTS)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage])
def test_content_becomes_text_and_images(kind: Any, content: Any, parts: tuple[Any, ...]) -> None:
    role = "user" if kind is HumanMessage else "system"
    assert to_chat([kind(content)]) == (Message(role, parts),)


@pytest.mark.parametrize(("content", "parts"), CONTENTS)
def test_a_tools_result_has_the_same_forms(content: Any, parts: tuple[Any, ...]) -> None:
    message = ToolMessage(content, tool_call_id="c1", name="look", artifact={"kept": "here"})
    assert to_chat([message]) == (Message("tool", (ToolResult(call_id="c1", name="look", content=parts),)),)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "file_id": "file-1"},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image", "file_id": "file-1"},
        {"type": "image_url", "image_url": {"url": ""}},
        {"type": "image", "base64": 5},
        {"type": "unheard_of"},
    ],
)
def test_what_not_every_provider_takes_is_refused_with_its_place(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]") as raised:
        to_chat([HumanMessage("a"), HumanMessage([block])])
    assert raised.value.param == "messages[1]"


PDF = File(media_type="application/pdf", data="JVBE", name="a.pdf")


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "file", "base64": "JVBE", "mime_type": "application/pdf", "filename": "a.pdf"}, PDF),
        ({"type": "file", "source_type": "base64", "data": "JVBE", "mime_type": "application/pdf"}, replace(PDF, name="")),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}}, PDF),
        ({"type": "input_file", "file_data": "JVBE", "filename": "a.pdf"}, PDF),
        (
            {"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
            PDF,
        ),
        ({"type": "media", "mime_type": "application/pdf", "data": b"%PD"}, replace(PDF, data="JVBE", name="")),
        ({"type": "file", "url": "https://x.org/a.docx"}, File(media_type=DOCX, url="https://x.org/a.docx")),
        ({"type": "media", "mime_type": "video/mp4", "file_uri": "gs://v"}, File(media_type="video/mp4", url="gs://v")),
        ({"type": "video", "url": "https://x.org/v"}, File(media_type="video/mp4", url="https://x.org/v")),
        ({"type": "audio", "base64": "UklG"}, File(media_type="audio/wav", data="UklG")),
        ({"type": "input_audio", "input_audio": {"data": "x", "format": "mp3"}}, File(media_type="audio/mpeg", data="x")),
        ({"type": "file", "base64": "aGk=", "mime_type": "text/plain", "filename": "a.txt"}, Text("a.txt\nhi")),
        ({"type": "file", "base64": "iVBO", "mime_type": "image/png"}, Image(media_type="image/png", data="iVBO")),
    ],
)  # fmt: skip
def test_a_file_is_read_in_every_makers_form_and_given_back_in_langchains_own(
    block: dict[str, Any], part: Part
) -> None:
    (message,) = to_chat([HumanMessage([block])])
    assert message.parts == (part,)
    assert to_chat(to_langchain([message])) == (message,)


def test_a_tools_result_holds_a_file() -> None:
    block: dict[str, Any] = {"type": "file", "base64": "JVBERi0x", "mime_type": "application/pdf"}
    (message,) = to_chat([ToolMessage([block], tool_call_id="a")])
    file = File(media_type="application/pdf", data="JVBERi0x")
    assert message.parts == (ToolResult(call_id="a", content=(file,)),)
    assert to_chat(to_langchain([message])) == (message,)


def test_each_kind_of_message_has_its_role() -> None:
    converted = to_chat(
        [
            SystemMessage("s"),
            HumanMessage("h", name="ann"),
            AIMessage("a"),
            AIMessageChunk("chunk"),
            ChatMessage("d", role="developer"),
            ChatMessage("c", role="assistant"),
            ChatMessage("u", role="stranger"),
            FunctionMessage("f", name="look"),
        ]
    )
    assert [message.role for message in converted] == [
        "system",
        "user",
        "assistant",
        "assistant",
        "system",
        "assistant",
        "user",
        "tool",
    ]
    assert converted[-1].parts == (ToolResult(call_id="", name="look", content=(Text("f"),)),)


def test_a_message_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="RemoveMessage"):
        to_chat([RemoveMessage(id="1")])


def test_a_failed_tool_is_sent_as_failed() -> None:
    (message,) = to_chat([ToolMessage("boom", tool_call_id="c", status="error")])
    assert message.parts[0] == ToolResult(call_id="c", content=(Text("boom"),), is_error=True)


def test_anthropics_tool_results_leave_the_users_turn() -> None:
    content = [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "12"}], "is_error": True},
        {"type": "tool_result", "tool_use_id": "c2", "content": "13"},
        {"type": "text", "text": "and now?"},
    ]
    assert to_chat([HumanMessage(content)]) == (
        Message(
            "tool",
            (
                ToolResult(call_id="c1", content=(Text("12"),), is_error=True),
                ToolResult(call_id="c2", content=(Text("13"),)),
            ),
        ),
        Message("user", (Text("and now?"),)),
    )


def test_tool_calls_are_sent_once_though_the_content_repeats_them() -> None:
    calls = [{"name": "add", "args": {"a": 1, "b": "é"}, "id": "c1"}]
    for block in (
        {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
        {"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1}},
        {"type": "function_call", "id": "fc_9", "call_id": "c1", "name": "add", "arguments": "{}"},
    ):
        message = AIMessage([{"type": "text", "text": "hm"}, block], tool_calls=calls)
        (converted,) = to_chat([message])
        assert converted.parts == (Text("hm"), ToolCall(id="c1", name="add", arguments='{"a": 1, "b": "é"}'))


def test_calls_that_stand_in_the_content_only_are_found() -> None:
    (converted,) = to_chat([AIMessage([{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}])])
    assert converted.tool_calls == (ToolCall(id="c1", name="add", arguments='{"a": 1}'),)


def test_an_invalid_call_stays_a_call_with_arguments_that_every_provider_takes_back() -> None:
    message = AIMessage("", invalid_tool_calls=[{"name": "add", "args": '{"a": ', "id": "c1", "error": "cut"}])
    (converted,) = to_chat([message])
    assert json.loads(converted.tool_calls[0].arguments) == {"invalid_arguments": '{"a": '}


def test_what_ran_at_a_provider_is_passed_over_in_a_models_turn() -> None:
    content = [
        {"type": "server_tool_call", "name": "web_search", "args": {}, "id": "s"},
        {"type": "web_search_call", "id": "w"},
        {"type": "text", "text": "found"},
    ]
    (converted,) = to_chat([AIMessage(content)])
    assert converted.parts == (Text("found"),)


@pytest.mark.parametrize(
    ("block", "provider", "part"),
    [
        (
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            "anthropic",
            Thinking(text="hm", signature="s", dialect="claude"),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            "",
            Thinking(text="hm", signature="s", dialect="claude"),
        ),
        ({"type": "redacted_thinking", "data": "x"}, "anthropic", Thinking(redacted="x", dialect="claude")),
        (
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}},
            "google_genai",
            Thinking(text="hm", signature="s", dialect="gemini"),
        ),
        ({"type": "reasoning", "reasoning": "hm"}, "", Thinking(text="hm")),
        (
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            "openai",
            Thinking(text="hm", dialect="openai_chat"),
        ),
    ],
)
def test_thinking_keeps_its_proof_and_whose_it_is(block: dict[str, Any], provider: str, part: Thinking) -> None:
    message = AIMessage([block, {"type": "text", "text": "so"}], response_metadata={"model_provider": provider})
    (converted,) = to_chat([message])
    assert converted.parts == (part, Text("so"))


def test_our_own_thinking_comes_back_as_it_was_and_only_once() -> None:
    blocks = [
        {"index": 0, "type": "thinking", "text": "given up"},
        {"index": 1, "type": "thinking", "text": "hm", "signature": "s", "dialect": "claude"},
        {"index": 2, "type": "thinking", "redacted": "x", "dialect": "claude"},
    ]
    made = {"model_provider": "segue", "dialect": "claude", "thinking_from": 1}
    message = AIMessage("so", additional_kwargs={THINKING: blocks}, response_metadata=made)
    thoughts = (
        Thinking(text="hm", signature="s", dialect="claude"),
        Thinking(redacted="x", dialect="claude"),
    )
    assert to_chat([message])[0].parts == (*thoughts, Text("so"))
    standard = AIMessage(
        message.content_blocks[1:], additional_kwargs=message.additional_kwargs, response_metadata=made
    )
    assert to_chat([standard])[0].parts == (*thoughts, Text("so"))
    bare = AIMessage(message.content_blocks[1:], response_metadata=made)
    assert to_chat([bare])[0].parts == (*thoughts, Text("so"))


@pytest.mark.parametrize(
    ("content", "made"),
    [
        ("so", {"model_provider": "segue", "phase": "commentary"}),
        ([{"type": "text", "text": "so", "phase": "commentary"}], {"model_provider": "openai"}),
        ([{"type": "text", "text": "so", "extras": {"phase": "commentary"}}], {"model_provider": "openai"}),
    ],
)
def test_the_phase_of_an_answer_of_openais_is_kept(content: Any, made: dict[str, Any]) -> None:
    """The two shapes of langchain-openai, and ours."""
    (converted,) = to_chat([AIMessage(content, response_metadata=made)])
    assert converted.parts == (Text("so", "commentary"),)


def test_geminis_call_signatures_are_found_by_the_calls_id() -> None:
    message = AIMessage(
        "",
        tool_calls=[{"name": "add", "args": {}, "id": "c1"}],
        additional_kwargs={CALL_SIGNATURES: {"c1": "sig"}},
    )
    assert to_chat([message])[0].tool_calls[0].signature == "sig"
    (back,) = to_langchain(to_chat([message]), "gemini")
    assert back.additional_kwargs == {CALL_SIGNATURES: {"c1": "sig"}}
    (other,) = to_langchain(to_chat([message]), "claude")
    assert other.additional_kwargs == {}


def test_marks_for_claudes_cache_point_at_their_part() -> None:
    mark = {"type": "ephemeral"}
    transcript = Transcript(
        [
            SystemMessage([{"type": "text", "text": "long", "cache_control": mark}]),
            HumanMessage(["a", {"type": "text", "text": "b", "cache_control": mark}]),
        ]
    )
    assert transcript.extra == {"claude": {"cache_breakpoints": [[0, 0, mark], [1, 1, mark]]}}
    assert Transcript([HumanMessage("a")]).extra == {}


def test_the_engines_messages_survive_the_way_to_langchain_and_back() -> None:
    messages = (
        Message("system", (Text("s"),)),
        Message("user", (Text("look"), DATA, LINK)),
        Message(
            "assistant",
            (
                Thinking(text="hm", signature="s", dialect="claude"),
                Thinking(redacted="x", dialect="claude"),
                Text("let me"),
                ToolCall(id="c1", name="add", arguments='{"a": 1}'),
            ),
        ),
        Message("tool", (ToolResult(call_id="c1", name="add", content=(Text("2"), DATA), is_error=True),)),
        Message("user", (Text("go on"),)),
    )
    assert to_chat(to_langchain(messages, "claude")) == messages


def test_thinking_of_another_dialect_is_left_out() -> None:
    message = Message("assistant", (Thinking(text="hm", signature="s", dialect="claude"), Text("so")))
    assert to_langchain([message], "gemini")[0].content == "so"
    assert to_langchain([message], "")[0].content == "so"
