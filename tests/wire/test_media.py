"""Pictures and files as callers write them, and as each provider takes them. Each case was a reported 400.

Anthropic checks the declared type against the bytes and takes four types of pictures by one name each (BerriAI/litellm#24900,
1jehuang/jcode#465, NousResearch/hermes-agent#55432, anthropics/claude-code#8184); Google's SDK writes URL-safe base64; Claude Code puts PDFs into tool results (BerriAI/litellm#38251).
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage

from segue.catalog.models import find_model
from segue.chat.media import of_data_url, plain_base64
from segue.chat.messages import File, Image, Message, Part, Text, ToolCall, ToolResult, user
from segue.chat.request import ChatRequest
from segue.langchain.messages import to_chat
from segue.routing.fitness import need_of
from segue.secret import Secret
from segue.wire.codec import Call
from segue.wire.dialects import DIALECTS, ingress, upstream


def encoded(head: bytes) -> str:
    return base64.b64encode(head + bytes(30)).decode()


JPEG = encoded(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
PNG = encoded(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
GIF = encoded(b"GIF89a\x01\x00\x01\x00")
WEBP = encoded(b"RIFF\x24\x00\x00\x00WEBPVP8 ")
WAV = encoded(b"RIFF\x24\x00\x00\x00WAVEfmt ")
HEIC = encoded(b"\x00\x00\x00\x18ftypheic")
PDF = encoded(b"%PDF-1.4\n")
MP3 = encoded(b"ID3\x04\x00")
NEITHER = encoded(b"????")

MODELS = {
    "openai_chat": ("openai", "gpt-4.1"),
    "openai_responses": ("openai", "gpt-4.1"),
    "claude": ("claude", "claude-sonnet-4-5"),
    "gemini": ("gemini", "gemini-3.5-flash"),
}

TYPES: list[tuple[str, str, str]] = [
    ("image/jpg", JPEG, "image/jpeg"),
    ("image/JPG", JPEG, "image/jpeg"),
    ("IMAGE/JPEG", JPEG, "image/jpeg"),
    ("image/pjpeg", JPEG, "image/jpeg"),
    ("image/jpeg; charset=utf-8", JPEG, "image/jpeg"),
    ("image/jpeg;name=a.jpg", JPEG, "image/jpeg"),
    (" image/jpeg ", JPEG, "image/jpeg"),
    ("image/png", JPEG, "image/jpeg"),
    ("image/jpeg", PNG, "image/png"),
    ("image/x-png", PNG, "image/png"),
    ("image/webp", PNG, "image/png"),
    ("image/png", WEBP, "image/webp"),
    ("image/png", GIF, "image/gif"),
    ("image/*", PNG, "image/png"),
    ("application/octet-stream", PNG, "image/png"),
    ("binary/octet-stream", GIF, "image/gif"),
    ("", WEBP, "image/webp"),
    ("image/jpeg", HEIC, "image/heic"),
    ("image/jpg", NEITHER, "image/jpeg"),
]


@pytest.mark.parametrize(("stated", "data", "type"), TYPES)
def test_a_pictures_type_is_what_its_bytes_show_by_its_registered_name(stated: str, data: str, type: str) -> None:
    assert Image(data=data, media_type=stated) == Image(data=data, media_type=type)


@pytest.mark.parametrize(
    ("stated", "data", "type"),
    [
        ("application/x-pdf", PDF, "application/pdf"),
        ("Application/PDF; version=1.4", PDF, "application/pdf"),
        ("application/octet-stream", PDF, "application/pdf"),
        ("audio/mp3", MP3, "audio/mpeg"),
        ("audio/x-wav", WAV, "audio/wav"),
        ("audio/vnd.wave", WAV, "audio/wav"),
        ("audio/mpeg", WAV, "audio/wav"),
        ("audio/x-m4a", NEITHER, "audio/mp4"),
    ],
)
def test_so_is_a_files(stated: str, data: str, type: str) -> None:
    assert File(data=data, media_type=stated) == File(data=data, media_type=type)


def picture(dialect: str, stated: str, data: str) -> dict[str, Any]:
    """A picture as callers of the dialect send it."""
    match dialect:
        case "openai_chat":
            return {"type": "image_url", "image_url": {"url": f"data:{stated};base64,{data}"}}
        case "openai_responses":
            return {"type": "input_image", "image_url": f"data:{stated};base64,{data}"}
        case "claude":
            return {"type": "image", "source": {"type": "base64", "media_type": stated, "data": data}}
    return {"inlineData": {"mimeType": stated, "data": data}}


def asked(dialect: str, *content: Any) -> ChatRequest:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": list(content)}], "max_tokens": 9}
    if dialect == "openai_responses":
        body = {"input": [{"role": "user", "content": list(content)}]}
    elif dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": list(content)}]}
    path = "/v1beta/models/m:generateContent"
    return ingress(dialect).decode(json.dumps(body).encode(), path=path, query="", headers={}).request


def sent(dialect: str, *messages: Message, model: tuple[str, str] | None = None) -> str:
    call = Call(model=find_model(*(model or MODELS[dialect])), base_url="http://x.test/v1", key=Secret("k"))
    return upstream(dialect).encode(ChatRequest(messages=messages), call).body.decode()


PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize(("stated", "data"), [("image/jpg", JPEG), ("image/PNG", JPEG), ("image/png;a=b", JPEG)])
def test_a_wrongly_named_picture_goes_from_each_dialect_to_each(
    source: str, target: str, stated: str, data: str
) -> None:
    body = sent(target, *asked(source, picture(source, stated, data)).messages)
    assert "image/jpeg" in body
    assert not any(wrong in body for wrong in ("jpg", "PNG", "png", "a=b"))


@pytest.mark.parametrize("source", DIALECTS)
def test_a_document_that_is_sent_as_a_picture_is_a_document(source: str) -> None:
    (part,) = asked(source, picture(source, "image/png", PDF)).messages[0].parts
    assert part == File(data=PDF, media_type="application/pdf")


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize(
    "written",
    [
        base64.urlsafe_b64encode(b"\x89PNG\xfb\xff\xfe\xfb\xef\xbe").decode(),
        base64.urlsafe_b64encode(b"\x89PNG\xfb\xff\xfe\xfb\xef\xbe").decode().rstrip("="),
        base64.encodebytes(b"\x89PNG\xfb\xff\xfe\xfb\xef\xbe").decode(),
        " " + base64.b64encode(b"\x89PNG\xfb\xff\xfe\xfb\xef\xbe").decode() + "\r\n",
    ],
)
def test_base64_in_any_form_is_sent_in_the_one_that_all_take(source: str, written: str) -> None:
    (part,) = asked(source, picture(source, "image/png", written)).messages[0].parts
    assert part == Image(data=base64.b64encode(b"\x89PNG\xfb\xff\xfe\xfb\xef\xbe").decode(), media_type="image/png")
    assert plain_base64(plain_base64(written)) == plain_base64(written)


@pytest.mark.parametrize(
    ("url", "type", "data"),
    [
        ("data:image/png;base64,iVBO", "image/png", "iVBO"),
        ("DATA:image/png;BASE64,iVBO", "image/png", "iVBO"),
        ("data:;base64,iVBO", "", "iVBO"),
        ("data:text/plain;charset=utf-8;base64,aGk=", "text/plain;charset=utf-8", "aGk="),
        ("data:image/svg+xml,%3Csvg/%3E", "image/svg+xml", base64.b64encode(b"<svg/>").decode()),
        ("data:image/svg+xml;utf8,<svg/>", "image/svg+xml;utf8", base64.b64encode(b"<svg/>").decode()),
        ("data:,hi", "", "aGk="),
    ],
)
def test_a_data_url_is_read_in_every_form(url: str, type: str, data: str) -> None:
    assert of_data_url(url) == (type, data)


@pytest.mark.parametrize("url", ["https://a.test/data:image/png;base64,", "data:image/png", "", "datum:,x"])
def test_what_is_no_data_url_is_none(url: str) -> None:
    assert of_data_url(url) is None


TEXTS: list[tuple[str, bytes, str]] = [
    ("text/plain; charset=utf-8", "é".encode(), "é"),
    ("text/plain;charset=ISO-8859-1", b"\xe9", "é"),
    ('text/plain; charset="utf-16"', "é".encode("utf-16"), "é"),
    ("TEXT/PLAIN", b"hi", "hi"),
    ("text/plain", b"\xef\xbb\xbfhi", "hi"),
    ("text/csv", b"a,b", "a,b"),
    ("application/csv", b"a,b", "a,b"),
    ("text/markdown", b"# a", "# a"),
    ("text/html; charset=utf-8", b"<p>", "<p>"),
    ("application/json", b"{}", "{}"),
    ("application/json; charset=utf-8", b"{}", "{}"),
    ("image/svg+xml", b"<svg/>", "<svg/>"),
]


@pytest.mark.parametrize(("stated", "raw", "text"), TEXTS)
def test_a_text_file_is_given_to_every_provider_as_text(stated: str, raw: bytes, text: str) -> None:
    data = base64.b64encode(raw).decode()
    assert asked("gemini", {"inlineData": {"mimeType": stated, "data": data}}).messages == (user(text),)
    block: dict[str, Any] = {"type": "file", "base64": data, "mime_type": stated}
    assert to_chat([HumanMessage([block])]) == (user(text),)
    assert to_chat([ToolMessage([block], tool_call_id="a")])[0].parts == (
        ToolResult(call_id="a", content=(Text(text),)),
    )


@pytest.mark.parametrize(
    ("stated", "raw"),
    [("text/plain; charset=nonsense", b"hi"), ("text/plain", b"\xff"), ("text/csv;charset=rot13", b"a")],
)
def test_a_text_that_can_not_be_read_stays_a_file(stated: str, raw: bytes) -> None:
    data = base64.b64encode(raw).decode()
    (part,) = asked("gemini", {"inlineData": {"mimeType": stated, "data": data}}).messages[0].parts
    assert part == File(data=data, media_type=stated)


CALL = ToolCall(id="a", name="Read")
INLINE = File(data=PDF, media_type="application/pdf")
LINKED = File(url="https://x.org/a.pdf", media_type="application/pdf")


def of_results(*content: Text | Image | File) -> tuple[Message, ...]:
    return user("read it"), Message("assistant", (CALL,)), Message("tool", (ToolResult(call_id="a", content=content),))


RESULTS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "messages": [
            {"role": "user", "content": "read it"},
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "Read"}}]},
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}],
            },
        ]
    },
    "openai_responses": {
        "input": [
            {"role": "user", "content": "read it"},
            {"type": "function_call", "call_id": "a", "name": "Read", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": "a",
                "output": [{"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}],
            },
        ]
    },
    "claude": {
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "read it"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Read", "input": {}}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                            }
                        ],
                    }
                ],
            },
        ],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "read it"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "Read", "id": "a"}}]},
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "a",
                            "name": "Read",
                            "response": {},
                            "parts": [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}],
                        }
                    }
                ],
            },
        ]
    },
}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_document_in_a_tools_result_goes_from_each_dialect_to_each(source: str, target: str) -> None:
    body = json.dumps(RESULTS[source]).encode()
    request = ingress(source).decode(body, path="/v1beta/models/m:generateContent", query="", headers={}).request
    assert request.files == (INLINE,)
    assert PDF in sent(target, *request.messages)


def test_claude_and_the_responses_api_and_gemini_3_hold_a_document_within_the_result() -> None:
    stated = of_results(Text("One page."), INLINE)
    (result,) = json.loads(sent("claude", *stated))["messages"][2]["content"]
    assert [block["type"] for block in result["content"]] == ["text", "document"]
    assert [part["type"] for part in json.loads(sent("openai_responses", *stated))["input"][2]["output"]] == [
        "input_text",
        "input_file",
    ]
    response = json.loads(sent("gemini", *stated))["contents"][2]["parts"][0]["functionResponse"]
    assert response["parts"] == [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}]


def test_elsewhere_it_stands_beside_the_result() -> None:
    stated = of_results(Text("One page."), INLINE)
    _, _, result, beside = json.loads(sent("openai_chat", *stated))["messages"]
    assert result == {"role": "tool", "tool_call_id": "a", "content": "One page."}
    assert (beside["role"], [part["type"] for part in beside["content"]]) == ("user", ["file"])
    older = json.loads(sent("gemini", *stated, model=("gemini", "gemini-2.5-flash")))["contents"][2]["parts"]
    assert [list(part) for part in older] == [["functionResponse"], ["inlineData"]]


def test_a_result_that_is_only_a_document_says_so() -> None:
    result = json.loads(sent("openai_chat", *of_results(INLINE)))["messages"][2]
    assert result["content"] == "The result is the file that follows."


def test_a_linked_document_stands_in_a_result_too() -> None:
    (result,) = json.loads(sent("claude", *of_results(LINKED)))["messages"][2]["content"]
    assert result["content"] == [{"type": "document", "source": {"type": "url", "url": LINKED.url}}]


@pytest.mark.parametrize("part", [INLINE, Image(data=PNG)])
def test_what_a_tool_gave_back_counts_when_targets_are_chosen(part: Image | File) -> None:
    need = need_of(ChatRequest(messages=of_results(part)), 1, ())
    assert need.images is isinstance(part, Image)
    assert list(need.files) == ([part.media_type] if isinstance(part, File) else [])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{JPEG}"}},
        {"type": "image", "source_type": "base64", "data": JPEG, "mime_type": "image/jpg"},
        {"type": "image", "base64": JPEG, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/JPG", "data": JPEG}},
        {"type": "media", "data": JPEG, "mime_type": "image/jpg"},
        {"image": {"format": "jpg", "source": {"bytes": base64.b64decode(JPEG)}}},
    ],
)
def test_langchains_pictures_are_named_by_their_bytes_too(part: dict[str, Any]) -> None:
    expected: Part = Image(data=JPEG, media_type="image/jpeg")
    assert to_chat([HumanMessage([part])])[0].parts == (expected,)


def test_bytes_of_no_type_are_what_their_name_says() -> None:
    block: dict[str, Any] = {
        "type": "file",
        "base64": "YSxi",
        "mime_type": "application/octet-stream",
        "filename": "a.csv",
    }
    assert to_chat([HumanMessage([block])]) == (user("a.csv\na,b"),)
    assert File(data="YSxi", media_type="") == File(data="YSxi", media_type="application/octet-stream")
