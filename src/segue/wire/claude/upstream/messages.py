"""Messages as Claude's turns.

What the API requires, and this file provides: system texts stand outside the turns; images are the user's or a tool's; user and assistant
take turns and the user begins; tool results come first in the user turn that follows their calls; no text is blank; the last assistant text
has no trailing whitespace; a tool call's id is of letters, digits, `_` and `-`. (`wire.fitting.history` sees to the order of calls and
results.) The same messages always become the same turns, because newer models bind their thinking to the exact text before it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from segue.chat.messages import File, Image, Message, Part, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.wording import GO_ON

DIALECT: Final = "claude"

Block = dict[str, Any]

OPENING: Final = "(The conversation begins with your message.)"
"""Stands in for the user where the transcript begins with the assistant."""

_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_-]")
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""The types that the API takes; any other is a 400."""


def tool_id(id: str) -> str:
    """The id in the characters that the API takes; an id with other characters gets a digest, so that no two become the same."""
    clean = _FOREIGN.sub("_", id)
    return (
        clean if clean == id else f"{clean[:40]}_{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    )


class Transcript:
    """Is fed messages in order; then `system` and `turns` are the body's fields, and `omitted` names what has no place

    in them. Adds to `healed` the turns that had to be inserted.
    """

    def __init__(self, breakpoints: dict[tuple[int, int], Block], healed: list[str], *, thinking: bool) -> None:
        self._breakpoints = breakpoints
        self._healed = healed
        self.omitted: list[str] = []
        self._thinking = thinking
        self.system: list[Block] = []
        self.turns: list[Block] = []

    def add(self, at: int, message: Message) -> None:
        blocks = []
        for nth, part in enumerate(message.parts):
            if isinstance(part, Image | File) and message.role in ("assistant", "system"):
                self.omitted.append(f"messages[{at}].{'images' if isinstance(part, Image) else 'files'}")
                continue
            block = self._block(part, f"messages.{at}")
            if block is not None:
                if (control := self._breakpoints.get((at, nth))) is not None and block["type"] != "thinking":
                    block["cache_control"] = control
                blocks.append(block)
        if message.role == "system":
            self.system.extend(blocks)
            return
        role = "assistant" if message.role == "assistant" else "user"
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"].extend(blocks)
        elif blocks:
            self.turns.append({"role": role, "content": blocks})

    def close(self, *, answer_begun: bool) -> None:
        """Call after the last message. `answer_begun`: a last assistant turn is the start of the model's answer."""
        for turn in self.turns:
            if turn["role"] == "user":
                turn["content"].sort(key=lambda block: block["type"] != "tool_result")
        if not self.turns and self.system:
            self.turns, self.system = [{"role": "user", "content": self.system}], []
        if not self.turns:
            raise InvalidRequestError("messages: the conversation is empty: add a message with text", param="messages")
        if self.turns[0]["role"] == "assistant":
            self.turns.insert(0, {"role": "user", "content": [{"type": "text", "text": OPENING}]})
            self._healed.append("begins-with-assistant")
        if self.turns[-1]["role"] == "assistant" and not answer_begun:
            self.turns.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
            self._healed.append("ends-with-assistant")
        if self.turns[-1]["role"] == "assistant" and (last := self.turns[-1]["content"][-1])["type"] == "text":
            last["text"] = last["text"].rstrip()

    def blocks(self) -> list[Block]:
        """The turns; a turn of one text is written as a string."""
        return [{"role": turn["role"], "content": _short(turn["content"])} for turn in self.turns]

    def calls_without_thinking(self) -> bool:
        """Whether the results at the end answer a turn that does not open with thinking, as a model with a budget demands."""
        if len(self.turns) < 2 or self.turns[-1]["content"][0]["type"] != "tool_result":
            return False
        return self.turns[-2]["content"][0]["type"] not in ("thinking", "redacted_thinking")

    def _block(self, part: Part, where: str) -> Block | None:
        match part:
            case Text(text):
                return {"type": "text", "text": text} if text.strip() else None
            case Image():
                return {"type": "image", "source": _source(part, where)}
            case File():
                return _document(part)
            case Thinking():
                return self._thought(part)
            case ToolCall():
                return {
                    "type": "tool_use",
                    "id": tool_id(part.id),
                    "name": part.name,
                    "input": msgspec.Raw(part.arguments.encode()),
                }
            case ToolResult():
                return self._result(part, where)

    def _thought(self, part: Thinking) -> Block | None:
        if part.dialect != DIALECT or not self._thinking:
            return None
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted}
        if part.signature:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return None

    def _result(self, part: ToolResult, where: str) -> Block:
        result: Block = {"type": "tool_result", "tool_use_id": tool_id(part.call_id)}
        content = [block for item in part.content if (block := self._block(item, where)) is not None]
        if content:
            result["content"] = _short(content)
        if part.is_error:
            result["is_error"] = True
        return result


def _short(blocks: list[Block]) -> list[Block] | str:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _document(file: File) -> Block:
    source = {"type": "url", "url": file.url}
    if file.data is not None:
        source = {"type": "base64", "media_type": file.media_type, "data": file.data}
    return {"type": "document", "source": source} | ({"title": file.name} if file.name else {})


def _source(image: Image, where: str) -> Block:
    if image.data is not None:
        if image.media_type not in _IMAGES:
            what = f"is {image.media_type}" if image.media_type else "has no media_type"
            raise InvalidRequestError(f"{where}: an image {what}: use {', '.join(_IMAGES)}", param=where)
        return {"type": "base64", "media_type": image.media_type, "data": image.data}
    if image.url:
        return {"type": "url", "url": image.url}
    raise InvalidRequestError(f"{where}: an image has neither data nor url", param=where)
