"""Our messages as input items of the Responses API.

Text and images are messages of parts; tool calls and their results are separate items, in their order in the turn.
A failed tool result begins with "Error: ". Reasoning goes back only to the dialect that made it, and only where something
follows it in its turn: an item of reasoning without the item it led to is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from segue.chat.messages import File, Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.codec import Call
from segue.wire.openai.tool_ids import tool_id

DIALECT = "openai_responses"

_PHASES = frozenset({"commentary", "final_answer"})
_SIGNED = re.compile(r"(?P<id>[\w-]{1,100}):(?P<encrypted>.+)", re.DOTALL)


def input_items(messages: Sequence[Message], call: Call, omitted: list[str]) -> list[dict[str, Any]]:
    """The `input` field. Adds to `omitted` what could not be sent; raises `InvalidRequestError` if nothing is left to send."""
    thinks = (call.model.reasoning or not call.model.known) and "thinking" not in call.omit
    items: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.role == "tool":
            items.extend(_result(part, where) for part in message.parts if isinstance(part, ToolResult))
        elif message.role == "assistant":
            items.extend(_turn(message, where, thinks, omitted))
        else:
            items.extend(_speech(message, call, where, omitted))
    if not items:
        raise InvalidRequestError("messages is empty: send at least one message with content", param="messages")
    return items


def text_item(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def signature(id: str, encrypted: str) -> str:
    """The signature of a reasoning item: its encrypted content, which holds no colon, after its id if it has one."""
    return f"{id}:{encrypted}" if id else encrypted


def _speech(message: Message, call: Call, where: str, omitted: list[str]) -> Iterable[dict[str, Any]]:
    role: str = message.role
    parts = [part for part in message.parts if isinstance(part, Text | Image | File)]
    if role == "system":
        role = call.quirks.get("system_role", role)
        parts = _only_text(parts, where, omitted)
    if content := _content(parts, where):
        yield {"type": "message", "role": role, "content": content}


def _turn(message: Message, where: str, thinks: bool, omitted: list[str]) -> list[dict[str, Any]]:
    """An assistant's turn: text on both sides of a call stays on its side.

    Text is one string, the only form that needs no id from the provider.
    """
    items: list[dict[str, Any]] = []
    _only_text([part for part in message.parts if isinstance(part, Text | Image | File)], where, omitted)
    for part in message.parts:
        if isinstance(part, Text) and part.text:
            phase = {"phase": part.phase} if part.phase in _PHASES else {}
            if items and items[-1]["type"] == "message" and items[-1].get("phase") == phase.get("phase"):
                items[-1]["content"] += part.text
            else:
                items.append({"type": "message", "role": "assistant", **phase, "content": part.text})
        elif isinstance(part, ToolCall):
            items.append(_call(part))
        elif isinstance(part, Thinking) and thinks and part.dialect == DIALECT and part.signature:
            items.append(_reasoning(part))
    while items and items[-1]["type"] == "reasoning":
        items.pop()
    return items


def _reasoning(part: Thinking) -> dict[str, Any]:
    signed = _SIGNED.fullmatch(part.signature)
    item: dict[str, Any] = {"type": "reasoning"}
    if signed:
        item["id"] = signed["id"]
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    item["encrypted_content"] = signed["encrypted"] if signed else part.signature
    return item


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": tool_id(call.id),
        "name": call.name,
        "arguments": call.arguments,
    }


def _result(result: ToolResult, where: str) -> dict[str, Any]:
    parts = list(result.content)
    if result.is_error:
        first = parts[0] if parts and isinstance(parts[0], Text) else None
        parts = [Text(f"Error: {first.text if first else ''}"), *parts[1 if first else 0 :]]
    content = _content(parts, where)
    output: Any = content
    if not content:
        output = ""
    elif len(content) == 1 and "text" in content[0]:
        output = content[0]["text"]
    return {"type": "function_call_output", "call_id": tool_id(result.call_id), "output": output}


def _only_text(parts: Sequence[Text | Image | File], where: str, omitted: list[str]) -> list[Text | Image | File]:
    texts: list[Text | Image | File] = [part for part in parts if isinstance(part, Text)]
    for kind, name in ((Image, "images"), (File, "files")):
        if any(isinstance(part, kind) for part in parts):
            omitted.append(f"{where}.{name}")
    return texts


def _content(parts: Iterable[Text | Image | File], where: str) -> list[dict[str, Any]]:
    return [_piece(part, where) for part in parts if not isinstance(part, Text) or part.text]


def _piece(part: Text | Image | File, where: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    return _image(part, where) if isinstance(part, Image) else _file(part)


def _file(file: File) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "input_file"} | ({"detail": file.detail} if file.detail else {})
    if file.data is None:
        return item | {"file_url": file.url}
    return item | {"filename": file.name or "document.pdf", "file_data": f"data:{file.media_type};base64,{file.data}"}


def _image(image: Image, where: str) -> dict[str, Any]:
    url = f"data:{image.media_type or 'image/png'};base64,{image.data}" if image.data is not None else image.url
    if not url:
        raise InvalidRequestError(f"{where}: an image needs its data or a url", param=where)
    return {"type": "input_image", "image_url": url, "detail": image.detail or "auto"}
