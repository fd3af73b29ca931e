"""The content blocks of a caller's messages as parts.

A block that has no part of its kind becomes text where text holds all of it (text documents, search results), is skipped
where its content is repeated beside it (server tools in the assistant's turns), and is refused where something would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from segue.chat.messages import File, Image, Message, Part, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.claude.upstream.messages import DIALECT
from segue.wire.files import PDF, of_data, of_image_url, of_url

T = TypeVar("T")

Breakpoint: TypeAlias = list[Any]
"""`[message, part, cache_control]`"""
ToolChanges: TypeAlias = dict[str, dict[str, Any] | None]
"""What became of tools in the conversation: by name, the definition that was added, {} if it stands in `tools`; None if it was removed."""


class _Source(msgspec.Struct):
    type: str
    data: str = ""
    media_type: str = ""
    url: str = ""
    content: msgspec.Raw = msgspec.Raw(b"")


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    tool_use_id: str = ""
    tool_name: str = ""
    title: str | None = None
    context: str | None = None
    is_error: bool | None = None
    input: msgspec.Raw = msgspec.Raw(b"")
    content: msgspec.Raw = msgspec.Raw(b"")
    source: msgspec.Raw = msgspec.Raw(b"")
    tool: msgspec.Raw = msgspec.Raw(b"")
    cache_control: dict[str, Any] | None = None


class _ChangedTool(msgspec.Struct):
    type: str = ""
    name: str = ""
    definition: dict[str, Any] = {}


class _Turn(msgspec.Struct):
    role: str
    content: str | list[_Block]


_turns = msgspec.json.Decoder(list[_Turn])
_content = msgspec.json.Decoder(str | list[_Block] | None)
_system = msgspec.json.Decoder(str | list[_Block])
_source = msgspec.json.Decoder(_Source)
_changed_tool = msgspec.json.Decoder(_ChangedTool)

_OF_SERVER_TOOLS: Final = ("_tool_result", "server_tool_use", "mcp_tool_use", "fallback", "mcp_tool_listing")


def read(where: str, raw: msgspec.Raw | bytes, decode: Callable[[msgspec.Raw | bytes], T]) -> T:
    """Decodes the value of the field `where`; errors name the path to what is wrong."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        at = where + path.rstrip("`").replace("[...]", ".*").replace("[", ".").replace("]", "")
        raise refused(at, what[:1].lower() + what[1:]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(where, f"not valid JSON: {error}") from error


def refused(where: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{where}: {what}"[:500], param=where)


def messages_of(
    raw: msgspec.Raw, system: msgspec.Raw | None
) -> tuple[tuple[Message, ...], list[Breakpoint], ToolChanges]:
    """The messages of a request, `system` first, the marks for the prompt cache, and the changes of the tools."""
    reading = _Reading()
    if system is not None:
        reading.system(read("system", system, _system.decode), "system")
    reading.begin()
    for nth, turn in enumerate(read("messages", raw, _turns.decode)):
        reading.turn(turn, f"messages.{nth}")
    if not reading.messages:
        raise refused("messages", "there is none: send at least one")
    return tuple(reading.messages), reading.breakpoints, reading.tool_changes


class _Reading:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.breakpoints: list[Breakpoint] = []
        self.tool_changes: ToolChanges = {}
        self._tools: dict[str, str] = {}
        self._first = 0

    def begin(self) -> None:
        """The conversation begins: what comes before is the system's."""
        self._first = len(self.messages)

    def system(self, content: str | list[_Block], where: str) -> None:
        parts = []
        for nth, block in enumerate(_listed(content)):
            if block.type in ("tool_addition", "tool_removal"):
                self._change_tool(block, f"{where}.{nth}.tool")
            elif block.type == "text":
                parts.append((Text(block.text), block.cache_control))
            else:
                raise refused(f"{where}.{nth}.type", f"{block.type!r} is not taken here: use 'text'")
        self._add("system", parts)

    def _change_tool(self, block: _Block, where: str) -> None:
        """No other dialect changes its tools in the midst of a conversation, so the last state of each is what is offered."""
        tool = read(where, block.tool, _changed_tool.decode)
        name = tool.name or tool.definition.get("name")
        if isinstance(name, str) and name:
            self.tool_changes[name] = tool.definition if block.type == "tool_addition" else None

    def turn(self, turn: _Turn, where: str) -> None:
        match turn.role:
            case "system" | "developer":
                self.system(turn.content, f"{where}.content")
            case "user":
                self._user(_listed(turn.content), f"{where}.content")
            case "assistant":
                self._assistant(_listed(turn.content), f"{where}.content")
            case role:
                raise refused(f"{where}.role", f"{role!r} is unknown: use 'user', 'assistant' or 'system'")

    def _add(self, role: Any, parts: list[tuple[Any, dict[str, Any] | None]]) -> None:
        if not parts:
            return
        at = len(self.messages)
        self.messages.append(Message(role, tuple(part for part, _ in parts)))
        self.breakpoints.extend([at, nth, control] for nth, (_, control) in enumerate(parts) if control is not None)

    def _user(self, blocks: list[_Block], where: str) -> None:
        results: list[tuple[ToolResult, dict[str, Any] | None]] = []
        parts: list[tuple[Text | Image | File, dict[str, Any] | None]] = []
        for nth, block in enumerate(blocks):
            at = f"{where}.{nth}"
            if block.type == "tool_result":
                results.append((self._result(block, at), block.cache_control))
            else:
                *before, part = _shown(block, at)
                parts.extend((text, None) for text in before)
                parts.append((part, block.cache_control))
        self._add("tool", results)
        self._add("user", parts)

    def _result(self, block: _Block, where: str) -> ToolResult:
        if not block.tool_use_id:
            raise refused(f"{where}.tool_use_id", "it is missing: name the tool_use block that this answers")
        inner = read(f"{where}.content", block.content, _content.decode) if block.content else None
        content = []
        for nth, item in enumerate(_listed(inner)):
            content.extend(_shown(item, f"{where}.content.{nth}"))
        name = self._tools.get(block.tool_use_id, "")
        return ToolResult(call_id=block.tool_use_id, name=name, content=tuple(content), is_error=bool(block.is_error))

    def _assistant(self, blocks: list[_Block], where: str) -> None:
        parts: list[tuple[Part, dict[str, Any] | None]] = []
        for nth, block in enumerate(blocks):
            if block.type == "compaction":
                if summary := self._summary(block, f"{where}.{nth}"):
                    parts = []
                    self._begin_again(summary, block.cache_control)
                continue
            part = self._answered(block, f"{where}.{nth}")
            if part is not None:
                parts.append((part, block.cache_control))
        self._add("assistant", parts)

    def _summary(self, block: _Block, where: str) -> str:
        """A compaction's text; "" if it failed."""
        summary = read(f"{where}.content", block.content, _content.decode) if block.content else None
        return summary if isinstance(summary, str) else ""

    def _begin_again(self, summary: str, control: dict[str, Any] | None) -> None:
        """A compaction stands for all that comes before it, which the API passes over."""
        del self.messages[self._first :]
        self.breakpoints = [mark for mark in self.breakpoints if mark[0] < self._first]
        self._add("user", [(Text(summary), control)])

    def _answered(self, block: _Block, where: str) -> Part | None:
        match block.type:
            case "thinking":
                return Thinking(text=block.thinking, signature=block.signature, dialect=DIALECT)
            case "redacted_thinking":
                return Thinking(redacted=block.data, dialect=DIALECT)
            case "tool_use":
                return self._call(block, where)
            case kind if kind.endswith(_OF_SERVER_TOOLS):
                return None
        return _part_of(block, where)

    def _call(self, block: _Block, where: str) -> ToolCall:
        arguments = bytes(block.input).decode("utf-8", "replace").strip() or "{}"
        for field in ("id", "name"):
            if not getattr(block, field):
                raise refused(f"{where}.{field}", "it is missing")
        self._tools[block.id] = block.name
        return ToolCall(id=block.id, name=block.name, arguments=arguments)


def _listed(content: str | list[_Block] | None) -> list[_Block]:
    if content is None:
        return []
    return [_Block(type="text", text=content)] if isinstance(content, str) else content


def _shown(block: _Block, where: str) -> list[Text | Image | File]:
    """The text of a block, preceded by what it states about a file."""
    part = _part_of(block, where)
    return [Text(block.context), part] if block.context and isinstance(part, File) else [part]


def _part_of(block: _Block, where: str) -> Text | Image | File:
    match block.type:
        case "text":
            return Text(block.text)
        case "image":
            return _image(block, where)
        case "document":
            return _document(block, where)
        case "search_result":
            source = read(f"{where}.source", block.source, msgspec.json.Decoder(str).decode) if block.source else ""
            inner = read(f"{where}.content", block.content, _content.decode) if block.content else None
            return Text("\n".join([block.title or "", source, *(item.text for item in _listed(inner))]).strip())
        case "tool_reference":
            return Text(block.tool_name)
    raise refused(
        f"{where}.type", f"{block.type!r} can't be sent on to every provider: use 'text', 'image' or 'document'"
    )


def _image(block: _Block, where: str) -> Text | Image | File:
    source = _source_of(block, where)
    match source.type:
        case "base64" if source.data:
            return of_data(source.data, source.media_type or "image/")
        case "url" if source.url:
            return of_image_url(source.url)
        case "base64" | "url":
            raise refused(f"{where}.source", "incomplete: give the image's url, or its data and media_type")
    raise refused(f"{where}.source.type", f"{source.type!r} can't be sent on to every provider: use 'base64' or 'url'")


def _document(block: _Block, where: str) -> Text | Image | File:
    source = _source_of(block, where)
    if source.type in ("base64", "url"):
        return _file(block, source, where)
    if source.type == "text":
        text = source.data
    elif source.type == "content" and source.content:
        inner = read(f"{where}.source.content", source.content, _content.decode)
        text = "\n".join(item.text for item in _listed(inner) if item.type == "text")
    else:
        raise refused(
            f"{where}.source.type",
            f"a document of type {source.type!r} can't be sent on to every provider: send its text",
        )
    return Text("\n".join(piece for piece in (block.title, block.context, text) if piece))


def _file(block: _Block, source: _Source, where: str) -> Text | Image | File:
    if source.type == "url" and source.url:
        return of_url(source.url, PDF, block.title or "")
    if source.type == "base64" and source.data and source.media_type:
        return of_data(source.data, source.media_type, block.title or "")
    raise refused(f"{where}.source", "incomplete: give the document's url, or its data and media_type")


def _source_of(block: _Block, where: str) -> _Source:
    if not block.source:
        raise refused(f"{where}.source", "it is missing")
    return read(f"{where}.source", block.source, _source.decode)
