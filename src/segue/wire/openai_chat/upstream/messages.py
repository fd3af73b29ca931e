"""Our messages as Chat Completions messages.

What the dialect has no field for is sent in the nearest form that every provider accepts: a failed tool result begins
with "Error: ", and images and files that a tool returned follow in a user message after all results of the turn. Thinking
is left out, unless the provider expects its own back (the quirks `reasoning_field` and `reasoning_details`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from segue.chat.messages import File, Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.codec import Call
from segue.wire.files import PDF
from segue.wire.openai.tool_ids import tool_id
from segue.wire.openai_chat import reasoning

DIALECT = "openai_chat"

AUDIO = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The formats of recordings by their names here."""
_FORMATS = {media_type: name for name, media_type in AUDIO.items()}

# Google's documented stand-in for the signature of a call that another model made.
_NO_SIGNATURE = "skip_thought_signature_validator"


def wire_messages(messages: Sequence[Message], call: Call, omitted: list[str]) -> list[dict[str, Any]]:
    """The `messages` field. Adds to `omitted` what could not be sent; raises `InvalidRequestError` if nothing is left to send."""
    turns: list[dict[str, Any]] = []
    beside: list[Image | File] = []
    for number, message in enumerate(messages):
        if message.role == "tool":
            turns.extend(_results(message, call, beside))
            continue
        _show(beside, turns)
        if message.role == "assistant":
            turn = _assistant(message, call, f"messages[{number}]", omitted)
        else:
            turn = _speech(message, call, f"messages[{number}]", omitted)
        if turn is not None:
            turns.append(turn)
    _show(beside, turns)
    if not turns:
        raise InvalidRequestError("messages is empty: send at least one message with content", param="messages")
    if call.quirks.get("alternate"):
        turns = _alternating(turns)
    if call.quirks.get("assistant_after_tools"):
        turns = _bridged(turns)
    begun = turns[-1]["role"] == "assistant" and "tool_calls" not in turns[-1]
    if begun and call.quirks.get("prefix") and (call.prefill or not call.quirks.get("prefix_path")):
        # A transcript that ends with the model's turn is to be continued, and Mistral refuses one without the mark.
        turns[-1]["prefix"] = True
    return turns


def _speech(message: Message, call: Call, where: str, omitted: list[str]) -> dict[str, Any] | None:
    role = message.role
    parts: Sequence[Text | Image | File] = [part for part in message.parts if isinstance(part, Text | Image | File)]
    if role == "system":
        role = call.quirks.get("system_role", role)
        parts = _only_text(parts, where, omitted)
    content = _content(parts, call, where)
    return {"role": role, "content": content} if content else None


def _assistant(message: Message, call: Call, where: str, omitted: list[str]) -> dict[str, Any] | None:
    parts = [part for part in message.parts if isinstance(part, Text | Image | File)]
    text = "".join(part.text for part in _only_text(parts, where, omitted))
    calls = message.tool_calls
    if not text and not calls:
        return None
    turn: dict[str, Any] = {"role": "assistant", "content": text or None}
    if field := call.quirks.get("reasoning_field"):
        thoughts = (p.text for p in message.parts if isinstance(p, Thinking) and p.dialect in ("", DIALECT))
        # DeepSeek refuses a transcript whose turns lack their reasoning; a blank one is accepted for a turn of another model.
        turn[field] = "".join(thoughts) or " "
    if call.quirks.get("reasoning_details"):
        proofs = (p.signature for p in message.parts if isinstance(p, Thinking) and p.dialect == DIALECT)
        if details := [detail for proof in proofs for detail in reasoning.of_signature(proof)]:
            turn["reasoning_details"] = details
    if calls:
        turn["tool_calls"] = _calls(calls, call)
    return turn


def _calls(calls: Sequence[ToolCall], call: Call) -> list[dict[str, Any]]:
    length = call.quirks.get("tool_id_length")
    wires: list[dict[str, Any]] = [
        {
            "id": tool_id(one.id, length),
            "type": "function",
            "function": {"name": one.name, "arguments": one.arguments},
        }
        for one in calls
    ]
    if call.model.signatures:
        for one, wire in zip(calls, wires, strict=True):
            if one.signature:
                wire["extra_content"] = {"google": {"thought_signature": one.signature}}
        wires[0].setdefault("extra_content", {"google": {"thought_signature": _NO_SIGNATURE}})
    return wires


def _results(message: Message, call: Call, beside: list[Image | File]) -> Iterable[dict[str, Any]]:
    length = call.quirks.get("tool_id_length")
    for result in message.parts:
        if not isinstance(result, ToolResult):
            continue
        parts = list(result.content)
        inside = Text | Image if call.quirks.get("tool_images") else Text
        beside.extend(part for part in parts if isinstance(part, Image | File) and not isinstance(part, inside))
        parts = [part for part in parts if isinstance(part, inside)]
        if not parts and result.content:
            parts = [
                Text(f"The result is the {'file' if isinstance(result.content[0], File) else 'image'} that follows.")
            ]
        if result.is_error:
            first = parts[0] if parts and isinstance(parts[0], Text) else None
            parts = [Text(f"Error: {first.text if first else ''}"), *parts[1 if first else 0 :]]
        content = _content(parts, call, "messages")
        yield {"role": "tool", "tool_call_id": tool_id(result.call_id, length), "content": content}


def _show(beside: list[Image | File], turns: list[dict[str, Any]]) -> None:
    """Sends the images and files of the tool results before."""
    if beside:
        turns.append({"role": "user", "content": [_piece(part, "messages") for part in beside]})
        beside.clear()


def _only_text(parts: Sequence[Text | Image | File], where: str, omitted: list[str]) -> list[Text]:
    texts = [part for part in parts if isinstance(part, Text)]
    for kind, name in ((Image, "images"), (File, "files")):
        if any(isinstance(part, kind) for part in parts):
            omitted.append(f"{where}.{name}")
    return texts


def _content(parts: Sequence[Text | Image | File], call: Call, where: str) -> str | list[dict[str, Any]]:
    """A string where that is enough: some providers accept nothing else."""
    kept = [part for part in parts if not isinstance(part, Text) or part.text]
    texts = [part.text for part in kept if isinstance(part, Text)]
    if len(texts) == len(kept) and (len(texts) < 2 or call.quirks.get("plain_content")):
        return "\n\n".join(texts)
    return [_piece(part, where) for part in kept]


def _piece(part: Text | Image | File, where: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return _image(part, where) if isinstance(part, Image) else _file(part, where)


def _file(file: File, where: str) -> dict[str, Any]:
    if file.data is None:
        raise InvalidRequestError(f"{where}: Chat Completions takes no file by its address: send its data", param=where)
    if audio := _FORMATS.get(file.media_type):
        return {"type": "input_audio", "input_audio": {"data": file.data, "format": audio}}
    if file.media_type != PDF:
        raise InvalidRequestError(f"{where}: Chat Completions takes no file of type {file.media_type}", param=where)
    data = f"data:{file.media_type};base64,{file.data}"
    return {"type": "file", "file": {"filename": file.name or "document.pdf", "file_data": data}}


def _image(image: Image, where: str) -> dict[str, Any]:
    url = f"data:{image.media_type or 'image/png'};base64,{image.data}" if image.data is not None else image.url
    if not url:
        raise InvalidRequestError(f"{where}: an image needs its data or a url", param=where)
    return {"type": "image_url", "image_url": {"url": url, "detail": image.detail} if image.detail else {"url": url}}


def _alternating(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """System text first, then turns of alternating roles, for chat templates that raise on anything else."""
    merged: list[dict[str, Any]] = []
    for turn in sorted(turns, key=lambda turn: turn["role"] not in ("system", "developer")):
        last = merged[-1] if merged else None
        if last is None or last["role"] != turn["role"] or turn["role"] == "tool" or "tool_calls" in last:
            merged.append(dict(turn))
            continue
        last["content"] = _joined(last["content"], turn["content"])
        last |= {field: value for field, value in turn.items() if field not in ("role", "content")}
    return merged


def _bridged(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns with a model's turn inserted where a user's follows results, for servers that refuse that order."""
    bridged: list[dict[str, Any]] = []
    for turn in turns:
        if turn["role"] == "user" and bridged and bridged[-1]["role"] == "tool":
            bridged.append({"role": "assistant", "content": "…"})
        bridged.append(turn)
    return bridged


def _joined(first: Any, second: Any) -> Any:
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
