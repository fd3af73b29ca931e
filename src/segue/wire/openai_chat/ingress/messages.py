"""The messages of a request body of this dialect as messages.

Participants' names and cache breakpoints are hints and are passed over. What cannot be sent to other providers is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from segue.chat.media import of_data_url
from segue.chat.messages import File, Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.files import named_type, of_data, of_image_url
from segue.wire.openai.custom_tools import arguments_of
from segue.wire.openai.toolcall_piece import ToolCallPiece, thought_signature
from segue.wire.openai_chat import reasoning
from segue.wire.openai_chat.ingress.shapes import ImageUrl, WireCall, WireFile, WireMessage, WirePart
from segue.wire.openai_chat.upstream.messages import AUDIO, DIALECT

_SUPPORTED_PARTS = "text, image_url, file, input_audio"


def read_messages(wires: list[WireMessage]) -> tuple[Message, ...]:
    """Results of one turn, each a message on the wire, become one message; they learn their tools' names from the calls.

    A `function_call` of 2023 and its result, in the role `function`, have no id: they become a call and a result without one.
    """
    if not wires:
        raise InvalidRequestError("messages is empty: send at least one message", param="messages")
    messages: list[Message] = []
    results: list[Part] = []
    names: dict[str, str] = {}
    for number, wire in enumerate(wires):
        where = f"messages[{number}]"
        if wire.role in ("tool", "function"):
            results.append(_result(wire, names, where))
            continue
        if results:
            messages.append(Message("tool", tuple(results)))
            results = []
        if wire.role == "assistant":
            message = _assistant(wire, where)
            names |= {call.id: call.name for call in message.tool_calls if call.id}
        else:
            role: Role = "user" if wire.role == "user" else "system"
            message = Message(role, tuple(_parts(wire.content, where)))
        messages.append(message)
    if results:
        messages.append(Message("tool", tuple(results)))
    return tuple(messages)


def _assistant(wire: WireMessage, where: str) -> Message:
    parts: list[Part] = []
    proof = reasoning.signature(reasoning.of(wire.reasoning_details))
    if (thought := (wire.reasoning_content or wire.reasoning or "").strip()) or proof:
        parts.append(Thinking(text=thought, signature=proof, dialect=DIALECT))
    parts.extend(_parts(wire.content, where))
    if wire.refusal and not wire.content:
        parts.append(Text(wire.refusal))
    parts.extend(_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(wire.tool_calls or ()))
    if wire.function_call is not None:
        parts.append(_call(WireCall(function=wire.function_call), f"{where}.function_call"))
    return Message("assistant", tuple(parts))


def _call(wire: WireCall, where: str) -> ToolCall:
    if wire.custom is not None and wire.function is None:
        return ToolCall(id=wire.id, name=wire.custom.name, arguments=arguments_of(wire.custom.input))
    if wire.function is None:
        raise InvalidRequestError(f"{where}.function is missing: add it", param=f"{where}.function")
    arguments = wire.function.arguments or "{}"
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    signature = thought_signature(ToolCallPiece(extra_content=wire.extra_content))
    return ToolCall(id=wire.id, name=wire.function.name, arguments=arguments, signature=signature)


def _result(wire: WireMessage, names: dict[str, str], where: str) -> ToolResult:
    id = wire.tool_call_id or ""
    return ToolResult(call_id=id, name=names.get(id, wire.name or ""), content=tuple(_parts(wire.content, where)))


def _parts(content: str | list[WirePart] | None, where: str) -> Sequence[Text | Image | File]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts = [_part(part, f"{where}.content[{n}]") for n, part in enumerate(content)]
    return [part for part in parts if not isinstance(part, Text) or part.text]


def _part(wire: WirePart, where: str) -> Text | Image | File:
    if wire.type == "text" and wire.text is not None:
        return Text(wire.text)
    if wire.type == "refusal" and wire.refusal is not None:
        return Text(wire.refusal)
    if wire.type == "image_url" and wire.image_url is not None:
        image = wire.image_url if isinstance(wire.image_url, ImageUrl) else ImageUrl(wire.image_url)
        return of_image_url(image.url, image.detail)
    if wire.type == "file" and wire.file is not None:
        return _file(wire.file, f"{where}.file")
    if wire.type == "input_audio" and (audio := wire.input_audio) is not None:
        return File(data=audio.data, media_type=AUDIO.get(audio.format.lower(), f"audio/{audio.format.lower()}"))
    if wire.type in ("text", "refusal", "image_url", "file", "input_audio"):
        raise InvalidRequestError(f"{where}.{wire.type} is missing: add it", param=f"{where}.{wire.type}")
    raise InvalidRequestError(
        f"{where}.type: {wire.type[:40]!r} is not served; use one of {_SUPPORTED_PARTS}", param=f"{where}.type"
    )


def _file(wire: WireFile, where: str) -> Text | Image | File:
    if wire.file_data is None:
        raise InvalidRequestError(f"{where}.file_data is missing: no files are kept here, so send it", param=where)
    media_type, data = of_data_url(wire.file_data) or ("", wire.file_data)
    name = wire.filename or ""
    return of_data(data, media_type or named_type(name), name)
