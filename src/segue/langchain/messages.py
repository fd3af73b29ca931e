"""LangChain's messages and the engine's, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from segue.catalog.providers import PROVIDERS, from_langchain
from segue.chat.messages import File, Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.langchain import content_blocks

THINKING: Final = "thinking_blocks"
"""Where our answers keep their thinking, among `additional_kwargs`: content stays a plain text for every provider."""

CALL_SIGNATURES: Final = "__gemini_function_call_thought_signatures__"
"""Where the signatures of Gemini's tool calls are kept, by call id: the place where langchain-google-genai keeps them too."""

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
}


class Transcript:
    """The messages as the engine takes them, and `extra`, fields of one dialect only (Claude's cache marks)."""

    def __init__(self, messages: Iterable[BaseMessage]) -> None:
        self.messages: list[Message] = []
        self._marks: list[list[Any]] = []
        for number, message in enumerate(messages):
            self._add(message, f"messages[{number}]")

    @property
    def extra(self) -> dict[str, dict[str, Any]]:
        return {"claude": {"cache_breakpoints": self._marks}} if self._marks else {}

    def _add(self, message: BaseMessage, where: str) -> None:
        match message:
            case AIMessage():
                self._say("assistant", _answer_parts(message, where))
            case ToolMessage():
                self._say("tool", (_tool_message(message, where),))
            case FunctionMessage():
                content = content_blocks.parts_of(message.content, where)
                self._say("tool", (ToolResult(call_id="", name=message.name, content=content),))
            case SystemMessage():
                self._speech("system", message.content, where)
            case HumanMessage():
                self._user(message, where)
            case ChatMessage():
                self._speech(_ROLES.get(message.role.lower(), "user"), message.content, where)
            case _:
                raise InvalidRequestError(f"{where}: a {type(message).__name__} can't be sent to a model", param=where)

    def _user(self, message: HumanMessage, where: str) -> None:
        content = content_blocks.listed(message.content)
        results = tuple(
            content_blocks.tool_result(block, where) for block in content if content_blocks.is_tool_result(block)
        )
        rest = [block for block in content if not content_blocks.is_tool_result(block)]
        if results:
            self._say("tool", results)
        if rest or not results:
            self._speech("user", rest, where)

    def _speech(self, role: Role, content: Any, where: str) -> None:
        parts: list[Part] = []
        for block in content_blocks.listed(content):
            if (control := _cache_control(block)) is not None:
                self._marks.append([len(self.messages), len(parts), control])
            parts.extend(content_blocks.parts_of([block], where))
        self._say(role, parts)

    def _say(self, role: Role, parts: Iterable[Part]) -> None:
        self.messages.append(Message(role, tuple(parts)))


def to_chat(messages: Iterable[BaseMessage]) -> tuple[Message, ...]:
    """LangChain's messages as the engine's. Raises `InvalidRequestError` for content that can't be sent to every provider."""
    return tuple(Transcript(messages).messages)


def _cache_control(block: Any) -> Any:
    return block.get("cache_control") if isinstance(block, dict) else None


def _answer_parts(message: AIMessage, where: str) -> list[Part]:
    signatures = message.additional_kwargs.get(CALL_SIGNATURES) or {}
    calls = [_tool_call(call, signatures) for call in message.tool_calls]
    calls += [
        ToolCall(id=call["id"] or "", name=call["name"] or "", arguments=content_blocks.arguments(call["args"] or ""))
        for call in message.invalid_tool_calls
    ]
    calls = calls or list(_older_calls(message.additional_kwargs))
    made = message.response_metadata
    phase = str(made.get("phase") or "")
    maker = made.get("dialect") or _dialect_of(str(made.get("model_provider") or ""))
    parts = content_blocks.answered(message.content, maker, {call.id for call in calls}, where)
    if isinstance(own := message.additional_kwargs.get(THINKING), list):
        value = own[made.get("thinking_from", 0) :]
        thoughts: list[Part] = [_own_thought(block, maker) for block in value if isinstance(block, dict)]
        parts = thoughts + [part for part in parts if not isinstance(part, Thinking)]
    if phase:
        parts = [Text(part.text, phase) if isinstance(part, Text) else part for part in parts]
    return [*parts, *calls]


def _older_calls(kwargs: dict[str, Any]) -> Iterator[ToolCall]:
    """Calls as messages held them before they had `tool_calls`: OpenAI's own, of today and of 2023."""
    for raw in kwargs.get("tool_calls") or ():
        if isinstance(raw, dict) and isinstance(function := raw.get("function"), dict):
            yield _older_call(str(raw.get("id") or ""), function)
    if isinstance(function := kwargs.get("function_call"), dict):
        yield _older_call("", function)


def _older_call(id: str, function: dict[str, Any]) -> ToolCall:
    arguments = content_blocks.arguments(function.get("arguments") or "")
    return ToolCall(id=id, name=str(function.get("name") or ""), arguments=arguments)


def _own_thought(block: dict[str, Any], maker: str) -> Thinking:
    fields = {name: str(block.get(name) or "") for name in ("text", "signature", "redacted")}
    return Thinking(dialect=str(block.get("dialect") or maker), **fields)


def _tool_call(call: Any, signatures: dict[str, Any]) -> ToolCall:
    id = call["id"] or ""
    signature = signatures.get(id)
    return ToolCall(
        id=id,
        name=call["name"],
        arguments=content_blocks.arguments(call["args"]),
        signature=signature if isinstance(signature, str) else "",
    )


def _tool_message(message: ToolMessage, where: str) -> ToolResult:
    return ToolResult(
        call_id=message.tool_call_id,
        name=message.name or "",
        content=content_blocks.parts_of(message.content, where),
        is_error=message.status == "error",
    )


def to_langchain(messages: Sequence[Message], dialect: str = "") -> list[BaseMessage]:
    """The engine's messages as LangChain's, for a model that speaks `dialect`: thinking of others is left out."""
    items: list[BaseMessage] = []
    for message in messages:
        match message.role:
            case "system":
                items.append(SystemMessage(_content(message.parts)))
            case "user":
                items.append(HumanMessage(_content(message.parts)))
            case "assistant":
                items.append(_assistant(message, dialect))
            case "tool":
                items.extend(_result(part) for part in message.parts if isinstance(part, ToolResult))
    return items


def _content(parts: Iterable[Part]) -> str | list[str | dict[Any, Any]]:
    """A plain text where that says it all."""
    kept = [part for part in parts if isinstance(part, Text | Image | File)]
    if not kept or (len(kept) == 1 and isinstance(kept[0], Text)):
        return "".join(part.text for part in kept if isinstance(part, Text))
    return [{"type": "text", "text": part.text} if isinstance(part, Text) else _media(part) for part in kept]


def _media(part: Image | File) -> dict[Any, Any]:
    kind = "image" if isinstance(part, Image) else part.media_type.partition("/")[0]
    block: dict[Any, Any] = {"type": kind if kind in ("image", "audio", "video") else "file"}
    if part.data is not None:
        block |= {"base64": part.data, "mime_type": part.media_type or "image/png"}
    else:
        block["url"] = part.url
        if part.media_type:
            block["mime_type"] = part.media_type
    if isinstance(part, File) and part.name:
        block["filename"] = part.name
    return block


def _assistant(message: Message, dialect: str) -> AIMessage:
    calls = message.tool_calls
    thoughts = [part for part in message.parts if isinstance(part, Thinking) and part.dialect == dialect]
    content = _content(message.parts)
    if thoughts and dialect in ("claude", "gemini"):
        text = [{"type": "text", "text": content}] if content and isinstance(content, str) else content or []
        content = [*(_thinking(part) for part in thoughts), *text]
    signed = {call.id: call.signature for call in calls if call.signature and call.id}
    return AIMessage(
        content,
        tool_calls=[{"name": call.name, "args": _loads(call.arguments), "id": call.id} for call in calls],
        additional_kwargs={CALL_SIGNATURES: signed} if signed and dialect == "gemini" else {},
    )


def _thinking(part: Thinking) -> dict[Any, Any]:
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _loads(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"invalid_arguments": text}


def _result(part: ToolResult) -> ToolMessage:
    return ToolMessage(
        _content(part.content),
        tool_call_id=part.call_id,
        name=part.name or None,
        status="error" if part.is_error else "success",
    )


def _dialect_of(provider: str) -> str:
    """The dialect of a maker by LangChain's name of it, "" for others."""
    preset = PROVIDERS.get(from_langchain(provider))
    return preset.dialect if preset is not None and provider in preset.names.langchain else ""
