"""A conversation that one provider began, how it is put to another, and what has become of each thing in it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import msgspec

from segue.answer import assemble
from segue.catalog.models import ModelInfo, find_model
from segue.chat.events import ChatEvent, ToolCallDelta, ToolCalled, ToolCallEnd
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, system, user
from segue.chat.request import ChatRequest, Tool
from segue.failover.report import Report
from segue.ledger.recorder import UNKNOWN
from segue.secret import Secret
from segue.wire.codec import Call
from segue.wire.dialects import DIALECTS, ingress, upstream

from . import answers

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PHOTO = Image(data=PIXEL, media_type="image/png")
LINKED = Image(url="https://a.example/cat.png", media_type="image/png")
TOOLS = (
    Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}),
    Tool(name="clock", parameters={"type": "object", "properties": {"zone": {"type": "string"}}}),
)
MODELS = {
    "openai_chat": find_model("deepseek", "deepseek-flash"),
    "openai_responses": find_model("openai", "gpt-6-luna"),
    "claude": find_model("claude", "claude-sonnet-5-5"),
    "gemini": find_model("gemini", "gemini-3.5-flash-lite"),
}
"""One of each dialect; each of them thinks."""
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "claude": "/v1/messages",
    "gemini": "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent",
}


def call(dialect: str, model: ModelInfo | None = None) -> Call:
    return Call(model=model or MODELS[dialect], base_url=f"https://{dialect}.test/v1", key=Secret("k"))


@cache
def begun_by(dialect: str) -> Message:
    """The provider's answer, read from its own bytes, as the turn it becomes."""
    decoder = upstream(dialect).decoder("text/event-stream")
    events = decoder.feed(answers.body(dialect)) + decoder.eof()
    return assemble(Report(request_id=""), _whole(events), cost=UNKNOWN, simulated=False).message


def _whole(events: Iterable[Any]) -> Iterable[ChatEvent]:
    calls: dict[int, list[ToolCallDelta]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            calls.setdefault(event.index, []).append(event)
        elif isinstance(event, ToolCallEnd):
            pieces = calls[event.index]
            id, name = pieces[0].id, "".join(piece.name for piece in pieces)
            signature = "".join(piece.signature for piece in pieces)
            arguments = "".join(piece.arguments for piece in pieces)
            yield ToolCalled(event.index, ToolCall(id=id, name=name, arguments=arguments, signature=signature))
        else:
            yield event


def conversation(dialect: str) -> tuple[Message, ...]:
    """What is sent with the next turn after `dialect` gave the first answer."""
    answer = begun_by(dialect)
    first, second = answer.tool_calls
    results = (
        ToolResult(call_id=first.id, name=first.name, content=(Text("21 °C 🌦"), PHOTO)),
        ToolResult(call_id=second.id, name=second.name, content=(Text("no such zone"),), is_error=True),
    )
    return (
        system("Be brief."),
        Message("user", (Text("What is this? 서울"), PHOTO, LINKED)),
        answer,
        Message("tool", results),
        system("From now on in French."),
        user(""),
        user("And tomorrow?"),
    )


class Put(NamedTuple):
    """How a conversation was put to a provider: the body, what was reported as left out, and the messages as read back from it."""

    body: bytes
    omitted: tuple[str, ...]
    messages: tuple[Message, ...]


def put(messages: tuple[Message, ...], dialect: str) -> Put:
    wire = upstream(dialect).encode(ChatRequest(messages=messages, tools=TOOLS), call(dialect))
    return Put(wire.body, wire.omitted, read(wire.body, dialect).messages)


def read(body: bytes, dialect: str) -> ChatRequest:
    """A body of this dialect as our server reads it."""
    return ingress(dialect).decode(body, path=PATHS[dialect], query="", headers={}).request


def parts(messages: Iterable[Message], kind: Any, *roles: str) -> list[Any]:
    return [
        part
        for message in messages
        for part in message.parts
        if isinstance(part, kind) and (not roles or message.role in roles)
    ]


class Fate(NamedTuple):
    """What became of each thing that a conversation can hold."""

    text: str
    calls: str
    images: str
    tool_images: str
    tool_errors: str
    thinking: str
    proofs: str
    system: str


HEADINGS = Fate(
    "text, Unicode",
    "calls, their ids, parallel ones",
    "images",
    "images of tools",
    "failed tools",
    "thinking",
    "signatures",
    "system text in mid-way",
)


def fate(source: str, target: str) -> Fate:
    """Found by comparing what was sent with what the target reads."""
    before = conversation(source)
    after = put(before, target)
    return Fate(
        text=_kept(_texts(before) == _texts(after.messages)),
        calls=_kept(_calls(before) == _calls(after.messages)),
        images=_images(after.messages),
        tool_images=_tool_images(after.messages),
        tool_errors=_errors(after.messages),
        thinking=_kept(any(part.text == answers.THOUGHT for part in parts(after.messages, Thinking))),
        proofs=_proofs(source, after.body),
        system=_system(after.messages),
    )


def _kept(yes: bool) -> str:
    return "kept" if yes else "dropped"


def _texts(messages: Iterable[Message]) -> list[str]:
    texts = [part.text for part in parts(messages, Text, "user", "assistant") if part.text.strip()]
    return sorted(texts)


def _calls(messages: Iterable[Message]) -> list[Any]:
    calls = [[(c.id, c.name, msgspec.json.decode(c.arguments)) for c in m.tool_calls] for m in messages if m.tool_calls]
    answered = [part.call_id for part in parts(messages, ToolResult)]
    return [calls, answered]


def _images(messages: tuple[Message, ...]) -> str:
    shown = parts(messages, Image, "user")
    pictures = any(image.data == PIXEL for image in shown) and any(image.url == LINKED.url for image in shown)
    return _kept(pictures)


def _tool_images(messages: tuple[Message, ...]) -> str:
    within = any(isinstance(part, Image) for result in parts(messages, ToolResult) for part in result.content)
    if within:
        return "kept"
    return "moved behind the results" if len(parts(messages, Image, "user")) > 2 else "dropped"


def _errors(messages: tuple[Message, ...]) -> str:
    result = parts(messages, ToolResult)[1]
    if result.is_error:
        return "kept"
    words = "".join(part.text for part in result.content if isinstance(part, Text))
    return "sent as text" if words == "Error: no such zone" else "dropped"


def _proofs(source: str, body: bytes) -> str:
    proof = answers.SIGNATURES.get(source, "").rpartition(":")[2]
    if proof and proof.encode() in body:
        return "kept"
    if b"skip_thought_signature_validator" in body:
        return "placeholder"
    return "dropped" if proof else "none"


def _system(messages: tuple[Message, ...]) -> str:
    roles = [message.role for message in messages]
    return "in its place" if "system" in roles[roles.index("tool") :] else "moved to the front"


def table() -> str:
    """The matrix as docs/transcripts.md shows it."""
    rows = [f"| begun by | goes on with | {' | '.join(HEADINGS)} |", "|---|---|" + "---|" * len(HEADINGS)]
    for source in DIALECTS:
        rows += [f"| {source} | {target} | {' | '.join(fate(source, target))} |" for target in DIALECTS]
    return "\n".join(rows) + "\n"
