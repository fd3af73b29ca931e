"""Documents, recordings and films in the four dialects: read, sent on, refused; and which models are given them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segue.catalog.models import find_model
from segue.catalog.tokens import estimate_request_tokens
from segue.chat.messages import File, Image, Message, Part, Text
from segue.chat.request import ChatRequest
from segue.errors import InvalidRequestError
from segue.routing.dialect import dialect_for
from segue.routing.fitness import need_of, unfit
from segue.routing.target import Target
from segue.secret import Secret
from segue.wire.codec import Call
from segue.wire.dialects import ingress, upstream

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = File(media_type="application/pdf", data="JVBE")
NAMED = File(media_type="application/pdf", data="JVBE", name="a.pdf")
LINKED = File(media_type="application/pdf", url="https://x.org/a.pdf")
WORD = File(media_type=DOCX, data="UEsD", name="a.docx")
WAV = File(media_type="audio/wav", data="UklG")
MP3 = File(media_type="audio/mpeg", data="SUQz")
FILM = File(media_type="video/mp4", url="https://x.org/a.mp4")
MODELS = {
    "openai_chat": ("openai", "gpt-4.1"),
    "openai_responses": ("openai", "gpt-4.1"),
    "claude": ("claude", "claude-sonnet-4-5"),
    "gemini": ("gemini", "gemini-3.5-flash"),
}
PATHS = {"gemini": "/v1beta/models/m:generateContent"}

WIRE: list[tuple[str, dict[str, Any], Part]] = [
    ("openai_chat", {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}, NAMED),
    ("openai_chat", {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, WAV),
    ("openai_chat", {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}, MP3),
    ("openai_responses", {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}, NAMED),
    ("openai_responses", {"type": "input_file", "filename": "a.docx", "file_data": f"data:{DOCX};base64,UEsD"}, WORD),
    ("openai_responses", {"type": "input_file", "file_url": "https://x.org/a.pdf"}, LINKED),
    (
        "openai_responses",
        {"type": "input_file", "detail": "low", "file_url": "https://x.org/a.docx"},
        File(media_type=DOCX, url="https://x.org/a.docx", detail="low"),
    ),
    ("claude", {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}, PDF),
    (
        "claude",
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
        NAMED,
    ),
    ("claude", {"type": "document", "source": {"type": "url", "url": "https://x.org/a.pdf"}}, LINKED),
    ("gemini", {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}}, PDF),
    ("gemini", {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}, WAV),
    ("gemini", {"fileData": {"fileUri": "https://x.org/a.mp4", "mimeType": "video/mp4"}}, FILM),
]  # fmt: skip


def asked(dialect: str, *parts: Any) -> ChatRequest:
    """The request of a body that says these parts."""
    content = list(parts)
    body: dict[str, Any] = {"messages": [{"role": "user", "content": content}], "max_tokens": 9}
    if dialect == "openai_responses":
        body = {"input": [{"role": "user", "content": content}]}
    elif dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": content}]}
    path = PATHS.get(dialect, "/")
    return ingress(dialect).decode(json.dumps(body).encode(), path=path, query="", headers={}).request


def sent(dialect: str, *messages: Message) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What goes out for these messages, and what is left out."""
    call = Call(model=find_model(*MODELS[dialect]), base_url="http://x.test/v1", key=Secret("k"))
    wire = upstream(dialect).encode(ChatRequest(messages=messages), call)
    return json.loads(wire.body), wire.omitted


def encoded(dialect: str, part: Part) -> Any:
    body, _ = sent(dialect, Message("user", (part, Text("What is it?"))))
    if dialect == "gemini":
        return body["contents"][0]["parts"][0]
    return body["input" if dialect == "openai_responses" else "messages"][0]["content"][0]


@pytest.mark.parametrize(("dialect", "wire", "part"), WIRE)
def test_a_file_is_read_and_sent_on_as_it_was(dialect: str, wire: dict[str, Any], part: Part) -> None:
    assert asked(dialect, wire).messages == (Message("user", (part,)),)
    assert encoded(dialect, part) == wire


@pytest.mark.parametrize("to", MODELS)
@pytest.mark.parametrize("dialect", MODELS)
def test_a_pdf_goes_from_each_dialect_to_each(dialect: str, to: str) -> None:
    first = next(wire for known, wire, part in WIRE if known == dialect and part in (PDF, NAMED))
    (message,) = asked(dialect, first).messages
    (part,) = asked(to, encoded(to, message.parts[0])).messages[0].parts
    assert isinstance(part, File)
    assert (part.media_type, part.data) == ("application/pdf", "JVBE")


@pytest.mark.parametrize(
    ("dialect", "wire", "part"),
    [
        ("openai_chat", {"type": "file", "file": {"file_data": "JVBE"}}, PDF),
        ("openai_chat", {"type": "file", "file": {"file_data": "data:image/png;base64,iVBO"}}, Image(data="iVBO", media_type="image/png")),
        ("openai_responses", {"type": "input_file", "filename": "a.docx", "file_data": "UEsD"}, WORD),
        ("openai_responses", {"type": "input_file", "filename": "a.txt", "file_data": "aGk="}, Text("a.txt\nhi")),
        ("openai_responses", {"type": "input_file", "filename": "a.txt", "file_data": "/w=="}, File(media_type="text/plain", data="/w==", name="a.txt")),
        ("openai_responses", {"type": "input_file", "file_url": "data:application/pdf;base64,JVBE"}, PDF),
        ("claude", {"type": "document", "source": {"type": "url", "url": "data:application/pdf;base64,JVBE"}}, PDF),
        ("gemini", {"inline_data": {"mime_type": "text/plain; charset=utf-8", "data": "aGk="}}, Text("hi")),
        ("gemini", {"fileData": {"fileUri": "https://x.org/a"}}, Image(url="https://x.org/a")),
    ],
)  # fmt: skip
def test_what_is_no_file_to_others_is_what_it_is(dialect: str, wire: dict[str, Any], part: Part) -> None:
    assert asked(dialect, wire).messages[0].parts == (part,)


@pytest.mark.parametrize(
    ("dialect", "wire", "words"),
    [
        ("openai_chat", {"type": "file", "file": {"file_id": "f"}}, r"messages\[0\].content\[0\].file.file_data is missing"),
        ("openai_responses", {"type": "input_file", "file_id": "f"}, r"input\[0\].content\[0\]: no files are kept here"),
        ("claude", {"type": "document", "source": {"type": "file", "file_id": "f"}}, "messages.0.content.0.source.type"),
        ("claude", {"type": "document", "source": {"type": "base64", "data": "JVBE"}}, "incomplete: give"),
        ("gemini", {"inlineData": {"data": "JVBE"}}, r"contents\[0\].parts\[0\].inlineData.mimeType"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_here_is_refused_with_what_to_send(dialect: str, wire: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        asked(dialect, wire)


@pytest.mark.parametrize("dialect", MODELS)
def test_files_of_the_system_or_the_model_are_left_out_and_reported(dialect: str) -> None:
    system, turn = Message("system", (Text("Be kind."), PDF)), Message("assistant", (Text("Here."), PDF))
    body, omitted = sent(dialect, system, turn, Message("user", (Text("Thanks."),)))
    assert "messages[0].files" in omitted
    assert ("JVBE" in json.dumps(body)) is (dialect == "gemini"), "only a Gemini model may have sent a file itself"


@pytest.mark.parametrize("part", [LINKED, WORD, FILM])
def test_chat_completions_refuses_what_it_does_not_take(part: File) -> None:
    with pytest.raises(InvalidRequestError, match="Chat Completions takes no file"):
        encoded("openai_chat", part)


def request(*parts: Part) -> ChatRequest:
    return ChatRequest(messages=(Message("user", parts),))


@pytest.mark.parametrize(
    ("provider", "model", "takes"),
    [
        ("openai", "gpt-4.1", {PDF, WORD}),
        ("openai", "some-new-model", {PDF, WORD}),
        ("openai", "o3-mini", set()),
        ("openai", "gpt-audio-2", {WAV, MP3}),
        ("claude", "claude-sonnet-4-5", {PDF}),
        ("gemini", "gemini-3.5-flash-lite", {PDF, WAV, MP3, FILM}),
        ("gemini", "gemma-4-31b-it", set()),
        ("groq", "openai/gpt-oss-120b", set()),
        ("vllm", "some-model", set()),
    ],
)
def test_a_model_that_does_not_read_a_file_is_passed_over(provider: str, model: str, takes: set[Part]) -> None:
    known = find_model(provider, model)
    target = Target(name="t", provider=provider, dialect="openai_chat", model=known, base_url="http://x.test/v1")
    reasons = {part: unfit(target, need_of(request(Text("?"), part), 1, ())) for part in (PDF, WORD, WAV, MP3, FILM)}
    assert {part for part, reason in reasons.items() if reason is None} == takes
    assert all(reason is None or reason == f"{model} takes no {part.media_type}" for part, reason in reasons.items())


@pytest.mark.parametrize(("part", "dialect"), [(PDF, "openai_chat"), (WAV, "openai_chat"), (LINKED, "openai_responses"), (WORD, "openai_responses")])  # fmt: skip
def test_openai_is_asked_in_the_dialect_that_takes_the_file(part: File, dialect: str) -> None:
    target = Target(
        name="openai",
        provider="openai",
        dialect="openai_chat",
        model=find_model("openai", "gpt-4.1"),
        base_url="http://x.test/v1",
        key=Secret("k"),
        responses=True,
    )
    assert dialect_for(target, request(part)) == dialect


def test_a_file_counts_by_its_size() -> None:
    small, large = (
        estimate_request_tokens(request(File(media_type="application/pdf", data="A" * n))) for n in (100, 10**6)
    )
    assert 258 < small < 300
    assert large == pytest.approx(10**6 / 130, rel=0.1)


def test_what_claudes_callers_say_about_a_document_stands_before_it() -> None:
    block = {"type": "document", "context": "the lease", "source": {"type": "url", "url": "https://x.org/a.pdf"}}
    assert asked("claude", block).messages == (Message("user", (Text("the lease"), LINKED)),)
