"""Messages: roles and parts. Frozen values, the same for every dialect."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from segue.chat.media import named, settled

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """A piece of text. `phase` is the one that OpenAI's Responses API gave it: `commentary`, `final_answer`, or none."""

    text: str
    phase: str = ""


class Image(msgspec.Struct, frozen=True, tag="image", kw_only=True, omit_defaults=True):
    """A picture: either `data` (base64 text, with its `media_type`, e.g. `image/png`) or a `url`.

    A `data:` URL becomes its data. The data is plain base64, and `media_type` is what its first bytes show, else the declared type.
    """

    data: str | None = None
    media_type: str | None = None
    url: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        _settle(self)


class File(msgspec.Struct, frozen=True, tag="file", kw_only=True, omit_defaults=True):
    """A document, a recording or a film: either `data` (base64 text) or a `url`, with its `media_type`, e.g. `application/pdf`.

    Data and type are settled as an `Image`'s are. Raises `ValueError` for one that has neither data nor url.
    """

    media_type: str
    data: str | None = None
    url: str | None = None
    name: str = ""
    detail: str | None = None

    def __post_init__(self) -> None:
        if self.data is None and not self.url:
            raise ValueError("a file needs its data or a url")
        _settle(self)


class Thinking(msgspec.Struct, frozen=True, tag="thinking", kw_only=True, omit_defaults=True):
    """A model's reasoning. `signature` proves it to the dialect that made it and to no other: codecs of other dialects drop the part.

    `redacted` holds the opaque text of a block that the provider encrypted; `text` is then empty.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    dialect: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call", kw_only=True, omit_defaults=True):
    """A call the model asks for. `arguments` is JSON text of an object. `signature` is Gemini's thought signature, if any."""

    id: str
    name: str
    arguments: str = "{}"
    signature: str = ""


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result", kw_only=True, omit_defaults=True):
    """What a tool gave back for the call with id `call_id`. `name` is the tool's name (Gemini needs it; may be empty)."""

    call_id: str
    name: str = ""
    content: tuple[Text | Image | File, ...] = ()
    is_error: bool = False


Part: TypeAlias = Text | Image | File | Thinking | ToolCall | ToolResult


def _settle(part: Image | File) -> None:
    """Puts a part's data, or what its URL holds, and its type into the form that providers take."""
    data, media_type = part.data, part.media_type
    if data is None:
        url = part.url or ""
        if url[:5].lower() != "data:":
            if media_type and media_type != (name := named(media_type)):
                msgspec.structs.force_setattr(part, "media_type", name)
            return
        data = url
        msgspec.structs.force_setattr(part, "url", None)
    plain, kind = settled(data, media_type)
    if kind is None and isinstance(part, File):
        kind = "application/octet-stream"
    msgspec.structs.force_setattr(part, "data", plain)
    msgspec.structs.force_setattr(part, "media_type", kind)


class Message(msgspec.Struct, frozen=True):
    """One turn. Tool results live in messages of role `tool` and nowhere else."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The message's text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that this turn asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def system(text: str) -> Message:
    """A system message: what holds for the whole conversation."""
    return Message("system", (Text(text),))


def user(text: str) -> Message:
    """A turn of the user."""
    return Message("user", (Text(text),))


def assistant(text: str) -> Message:
    """A turn of the model."""
    return Message("assistant", (Text(text),))


def tool_result(call: ToolCall, text: str, *, is_error: bool = False) -> Message:
    """What the tool gave back for a call. Calls that the model made together are answered by as many messages in a row."""
    return Message("tool", (ToolResult(call_id=call.id, name=call.name, content=(Text(text),), is_error=is_error),))
