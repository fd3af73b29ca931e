"""LangChain's content blocks as parts, in every form that is about.

A block may be a plain text, a standard block of LangChain 1 or of LangChain 0 (`source_type`), or a provider's own: OpenAI's (Chat and
Responses), Anthropic's, Google's, Bedrock's. What can't be sent to every provider is refused in a user's message, and skipped
in a model's own turn, where it is the trace of a tool that ran at the provider.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from segue.chat.media import of_data_url
from segue.chat.messages import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.files import named_type, of_data, of_image_url, of_url

Block = Mapping[str, Any]

_IMAGES: Final = frozenset({"image", "image_url", "input_image", "media"})
_FILES: Final = frozenset({"file", "audio", "video", "document", "input_audio", "input_file"})
_KINDS: Final = {"audio": "audio/wav", "video": "video/mp4"}
"""What a block is taken for whose type is all that it says."""
_FORMATS: Final = {"mp3": "audio/mpeg"}
_NOTHING: Final = frozenset({"cachePoint", "cache_point", "input_json_delta"})
"""Marks and half-finished pieces that say nothing by themselves."""


def listed(content: Any) -> list[Any]:
    """A message's content as a list of blocks."""
    if isinstance(content, str):
        return [content]
    return list(content)


def parts_of(content: Any, where: str) -> tuple[Text | Image | File, ...]:
    """What a person, the system or a tool says: texts, images and files. Raises `InvalidRequestError` for anything else."""
    return tuple(part for block in listed(content) if (part := _part_of(block, where)) is not None)


def is_tool_result(block: Any) -> bool:
    """Whether this is Anthropic's form of a tool's result, which stands in the user's turn."""
    return isinstance(block, Mapping) and block.get("type") == "tool_result"


def tool_result(block: Block, where: str) -> ToolResult:
    return ToolResult(
        call_id=str(block.get("tool_use_id") or ""),
        content=parts_of(block.get("content") or (), where),
        is_error=bool(block.get("is_error")),
    )


def answered(content: Any, dialect: str, calls: set[str], where: str) -> list[Part]:
    """A model's message: texts, thinking, and calls whose id is not among `calls`. `dialect` is its maker's, "" if unknown."""
    parts: list[Part] = []
    for block in listed(content):
        if isinstance(block, Mapping):
            parts.extend(_answered(_unwrapped(block), dialect, calls, where))
        elif block:
            parts.append(Text(str(block)))
    return parts


def arguments(value: Any) -> str:
    """A tool call's arguments as the JSON text of an object. Text that is none is wrapped, so that any provider takes it back."""
    if not isinstance(value, str):
        return json.dumps(value or {}, ensure_ascii=False, default=str)
    try:
        if isinstance(json.loads(value or "{}"), dict):
            return value or "{}"
    except ValueError:
        pass
    return json.dumps({"invalid_arguments": value}, ensure_ascii=False)


def _unwrapped(block: Block) -> Block:
    inner = block.get("value")
    return inner if block.get("type") == "non_standard" and isinstance(inner, Mapping) else block


def _part_of(block: Any, where: str) -> Text | Image | File | None:
    if not isinstance(block, Mapping):
        return Text(str(block))
    block = _unwrapped(block)
    kind = block.get("type")
    if kind in _NOTHING or not _NOTHING.isdisjoint(block):
        return None
    if (text := _text(block)) is not None:
        return Text(text)
    media_type = str(block.get("mime_type") or block.get("media_type") or "").lower()
    if kind in _FILES or (kind == "media" and not media_type.startswith("image/")):
        return _file(block, media_type, where)
    if kind in _IMAGES or (kind is None and "image" in block):
        return _image(block, where)
    raise InvalidRequestError(
        f"{where}: a content block of type {kind or sorted(block)!r} can't be sent: use text, images and files",
        param=where,
    )


def _file(block: Block, media_type: str, where: str) -> Text | Image | File:
    """LangChain's own block, or that of OpenAI, Anthropic or Google."""
    inner = next(
        (block[key] for key in ("file", "source", "input_audio") if isinstance(block.get(key), Mapping)), block
    )
    name = str(inner.get("filename") or block.get("filename") or block.get("title") or "")
    media_type = media_type or str(inner.get("media_type") or "").lower()
    if isinstance(form := inner.get("format"), str):
        media_type = media_type or _FORMATS.get(form, f"audio/{form}")
    data = next((inner[key] for key in ("base64", "data", "file_data") if inner.get(key)), None)
    if isinstance(data, bytes | bytearray):
        data = base64.b64encode(data).decode("ascii")
    if isinstance(data, str):
        if found := of_data_url(data):
            media_type, data = media_type or found[0], found[1]
        return of_data(data, media_type or _KINDS.get(block["type"]) or named_type(name), name)
    if isinstance(url := inner.get("url") or inner.get("file_url") or inner.get("file_uri"), str):
        return of_url(url, media_type or _KINDS.get(block["type"]) or named_type(name or url), name)
    raise InvalidRequestError(
        f"{where}: a file needs its data or a url; a provider's file id can't fail over", param=where
    )


def _phase(block: Block) -> str:
    """The phase that OpenAI's Responses API gave a text, where langchain-openai or a standard block keeps it."""
    extras = block.get("extras")
    phase = block.get("phase") or (extras.get("phase") if isinstance(extras, Mapping) else None)
    return phase if isinstance(phase, str) else ""


def _text(block: Block) -> str | None:
    kind = block.get("type")
    text = block.get("text")
    if isinstance(text, str) and kind in (None, "text", "input_text", "output_text", "text-plain"):
        return text
    if kind == "refusal":
        return str(block.get("refusal") or "")
    if kind == "json":
        return json.dumps(block.get("json"), ensure_ascii=False, default=str)
    if kind == "file" and block.get("source_type") == "text":
        return str(block.get("text") or block.get("data") or "")
    source = block.get("source")
    if kind == "document" and isinstance(source, Mapping) and source.get("type") == "text":
        return str(source.get("data") or "")
    return None


def _image(block: Block, where: str) -> Text | Image | File:
    detail = block.get("detail")
    if isinstance(wrapped := block.get("image_url"), Mapping):
        return _from_url(str(wrapped.get("url") or ""), wrapped.get("detail") or detail, where)
    if isinstance(wrapped, str):
        return _from_url(wrapped, detail, where)
    if isinstance(converse := block.get("image"), Mapping):
        source = converse.get("source") or {}
        return _from_data(source.get("bytes"), f"image/{converse.get('format') or 'png'}", where)
    if isinstance(source := block.get("source"), Mapping):
        if source.get("type") == "url":
            return _from_url(str(source.get("url") or ""), None, where)
        return _from_data(source.get("data"), source.get("media_type"), where)
    media_type = block.get("mime_type") or block.get("media_type")
    if (data := block.get("base64") or block.get("data")) is not None:
        return _from_data(data, media_type, where)
    if url := block.get("url") or block.get("file_uri"):
        return _from_url(str(url), detail, where, media_type)
    raise InvalidRequestError(
        f"{where}: an image needs its data or a url; a provider's file id can't fail over", param=where
    )


def _from_url(url: str, detail: Any, where: str, media_type: Any = None) -> Text | Image | File:
    if not url:
        raise InvalidRequestError(f"{where}: an image's url is empty", param=where)
    if url[:5].lower() == "data:":
        return of_image_url(url, detail)
    return Image(url=url, media_type=media_type, detail=detail)


def _from_data(data: Any, media_type: Any, where: str) -> Text | Image | File:
    if isinstance(data, bytes | bytearray):
        data = base64.b64encode(data).decode("ascii")
    if not isinstance(data, str) or not data:
        raise InvalidRequestError(f"{where}: an image's data must be base64 text or bytes", param=where)
    return of_data(data, str(media_type or "image/"))


def _answered(block: Block, dialect: str, calls: set[str], where: str) -> Iterable[Part]:
    if (text := _text(block)) is not None:
        return (Text(text, _phase(block)),) if text else ()
    match block.get("type"):
        case "reasoning" | "thinking" | "redacted_thinking":
            return _thought(block, dialect)
        case "tool_call" | "tool_use" | "function_call" | "invalid_tool_call":
            id = str(block.get("call_id") or block.get("id") or "")
            if id in calls:
                return ()
            return (ToolCall(id=id, name=str(block.get("name") or ""), arguments=arguments(_args(block))),)
        case "image" | "image_url":
            return (_image(block, where),)
    return ()


def _args(block: Block) -> Any:
    return next((block[name] for name in ("args", "input", "arguments") if block.get(name) is not None), {})


def _thought(block: Block, dialect: str) -> Iterable[Part]:
    """Anthropic signs `thinking`, Google `thinking` and `reasoning`; a block's own kind tells Anthropic's where nothing else does."""
    extras = block.get("extras") or {}
    kind = block.get("type")
    if kind == "redacted_thinking":
        return (Thinking(redacted=str(block.get("data") or ""), dialect=dialect or "claude"),)
    dialect = str(extras.get("dialect") or dialect)
    if redacted := extras.get("redacted"):
        return (Thinking(redacted=str(redacted), dialect=dialect or "claude"),)
    signature = str(block.get("signature") or extras.get("signature") or "")
    text = block.get("thinking") if kind == "thinking" else block.get("reasoning")
    if text is None and isinstance(summary := block.get("summary"), list):
        text = "\n\n".join(str(piece.get("text") or "") for piece in summary if isinstance(piece, Mapping))
    if not text and not signature:
        return ()
    maker = dialect or ("claude" if kind == "thinking" and signature else "")
    return (Thinking(text=str(text or ""), signature=signature, dialect=maker),)
