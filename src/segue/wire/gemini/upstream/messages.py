"""Messages as Gemini's `contents` and `systemInstruction`.

What Gemini insists on: a call stands directly after a user turn or a turn of results, so consecutive model turns are one and a
transcript never begins with the model; the results of one turn of calls stand in one turn; each result names its function; and from
Gemini 3 on the first call of each model turn has a thought signature, if only the documented placeholder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.messages import File, Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.codec import Call
from segue.wire.fitting.fit import Fitted
from segue.wire.wording import GO_ON

DIALECT = "gemini"
PLACEHOLDER_SIGNATURE = "skip_thought_signature_validator"
"""Documented for calls that come from another model: ai.google.dev/gemini-api/docs/thought-signatures, "FAQs" (November 2026)."""
FILLER = "…"
"""Stands for the user where a transcript begins with the model or has nothing but a system message."""

_IN_RESULTS = frozenset({"application/pdf", "text/plain"})
"""Files that a function's response may hold, from Gemini 3 on: ai.google.dev/gemini-api/docs/function-calling, November 2026."""
_EXTENSIONS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
}
_ARGUMENTS = msgspec.json.Decoder(dict[str, msgspec.Raw])

Json = dict[str, Any]


class Transcript(NamedTuple):
    system: list[Json]
    contents: list[Json]


def transcript(messages: Sequence[Message], call: Call, fitted: Fitted) -> Transcript:
    """Adds to `fitted` what has no place and what was inserted; raises `InvalidRequestError` for what can't be expressed for Gemini."""
    info, omitted = call.model, fitted.omitted
    system: list[Json] = []
    contents: list[Json] = []
    names: dict[str, str] = {}
    previous = ""
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.role == "system":
            system += [{"text": part.text} for part in message.parts if isinstance(part, Text) and part.text]
            for kind, name in ((Image, "images"), (File, "files")):
                if any(isinstance(part, kind) for part in message.parts):
                    omitted.append(f"{where}.{name}")
            continue
        names |= {call.id: call.name for call in message.tool_calls}
        parts = _parts(message, names, info, where)
        if not parts:
            continue
        if message.role == previous and previous != "user":
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        previous = message.role
    if not contents and not system:
        raise InvalidRequestError("the request says nothing: give at least one message with content", param="messages")
    if not contents or contents[0]["role"] == "model":
        if contents:
            fitted.heal("begins-with-assistant")
        contents.insert(0, {"role": "user", "parts": [{"text": FILLER}]})
    if contents[-1]["role"] == "model" and not (call.prefill or info.prefill == "partial"):
        contents.append({"role": "user", "parts": [{"text": GO_ON}]})
        fitted.heal("ends-with-assistant")
    if info.signatures:
        for content in contents:
            _sign_first_call(content["parts"])
    return Transcript(system, contents)


def _parts(message: Message, names: dict[str, str], info: ModelInfo, where: str) -> list[Json]:
    parts: list[Json] = []
    signature = ""
    for part in message.parts:
        if isinstance(part, Thinking):
            signature = _take_thinking(part, signature, parts)
        elif isinstance(part, Text):
            if part.text:
                parts.append({"text": part.text, "thoughtSignature": signature} if signature else {"text": part.text})
                signature = ""
        elif isinstance(part, Image):
            parts.append(image(part, where))
        elif isinstance(part, File):
            parts.append(_file(part))
        elif isinstance(part, ToolCall):
            parts.append(_call(part))
        else:
            parts += _result(part, names, info, where)
    if signature:
        parts.append(_signed_nothing(signature))
    return parts


def _take_thinking(part: Thinking, pending: str, parts: list[Json]) -> str:
    """Gemini signs the text after its thoughts, not the thoughts. Gives the signature that waits for that text."""
    if part.dialect != DIALECT:
        return pending
    if pending:
        parts.append(_signed_nothing(pending))
    if part.text:
        parts.append({"text": part.text, "thought": True})
        return part.signature
    if part.signature:
        parts.append(_signed_nothing(part.signature))
    return ""


def _signed_nothing(signature: str) -> Json:
    """How Gemini itself sends the signature of a text that it has streamed already."""
    return {"text": "", "thoughtSignature": signature}


def _sign_first_call(parts: list[Json]) -> None:
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", PLACEHOLDER_SIGNATURE)


def image(part: Image, where: str) -> Json:
    """An image as a part. Raises `InvalidRequestError` if it is none that can be sent."""
    if part.data is not None:
        if not part.media_type:
            raise InvalidRequestError("say the image's media_type, e.g. image/png", param=where)
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    if not part.url:
        raise InvalidRequestError("an image needs data or a url", param=where)
    extension = part.url.partition("?")[0].rpartition(".")[2].lower()
    media_type = part.media_type or _EXTENSIONS.get(extension)
    return {"fileData": {"fileUri": part.url} | ({"mimeType": media_type} if media_type else {})}


def _file(file: File) -> Json:
    if file.data is None:
        return {"fileData": {"fileUri": file.url, "mimeType": file.media_type}}
    return {"inlineData": {"mimeType": file.media_type, "data": file.data}}


def _call(call: ToolCall) -> Json:
    part: Json = {"functionCall": {"name": call.name, "args": msgspec.Raw(call.arguments.encode())}}
    if call.id:
        part["functionCall"]["id"] = call.id
    if call.signature:
        part["thoughtSignature"] = call.signature
    return part


def _result(result: ToolResult, names: dict[str, str], info: ModelInfo, where: str) -> list[Json]:
    name = names.get(result.call_id) or result.name
    if not name:
        raise InvalidRequestError(
            f"no tool call with the id {result.call_id!r} stands before its result: give the result its tool's name",
            param=where,
        )
    text = "".join(part.text for part in result.content if isinstance(part, Text))
    response: Json = {"name": name, "response": _response(text, result.is_error)}
    if result.call_id:
        response["id"] = result.call_id
    beside: list[Json] = []
    for part in result.content:
        if isinstance(part, Image | File):
            written = image(part, where) if isinstance(part, Image) else _file(part)
            inside = info.signatures and (isinstance(part, Image) or part.media_type in _IN_RESULTS)
            (response.setdefault("parts", []) if inside else beside).append(written)
    return [{"functionResponse": response}, *beside]


def _response(text: str, is_error: bool) -> Json | msgspec.Raw:
    """A JSON object is the response itself, anything else its `output`; Gemini reads both alike.

    But it takes a `$ref` in an object for the name of a part of the response, and refuses the request where there is none.
    """
    if is_error:
        return {"error": text}
    if text.startswith("{") and '"$ref"' not in text:
        try:
            _ARGUMENTS.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return {"output": text}
        return msgspec.Raw(text.encode())
    return {"output": text}
