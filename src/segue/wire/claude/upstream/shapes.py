"""The shapes of an answer's events, and of a whole message.

Only what is used is named; other fields are skipped without being built.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.usage import Usage, token_count
from segue.wire.claude.upstream.errors import ErrorBody
from segue.wire.lenient import Needed


class CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: Any = None
    ephemeral_1h_input_tokens: Any = None


class OutputDetails(msgspec.Struct):
    thinking_tokens: Any = None


class WireUsage(msgspec.Struct):
    input_tokens: Any = None
    output_tokens: Any = None
    cache_read_input_tokens: Any = None
    cache_creation_input_tokens: Any = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    iterations: Any = None
    """What was asked of the model within one answer, in order."""

    def over(self, old: Usage) -> Usage:
        """The counts so far, with these in place of the ones that they report. Raises `ImpossibleCount`."""
        made = self.cache_creation or CacheCreation()
        long = _newer(made.ephemeral_1h_input_tokens, old.cache_write_1h_tokens)
        written = token_count(self.cache_creation_input_tokens)
        if not written and (short := token_count(made.ephemeral_5m_input_tokens)):
            written = short + long
        written = written or old.cache_write_tokens + old.cache_write_1h_tokens
        reasoning = self.output_tokens_details.thinking_tokens if self.output_tokens_details is not None else None
        return Usage(
            input_tokens=_newer(self.input_tokens, old.input_tokens),
            cache_read_tokens=_newer(self.cache_read_input_tokens, old.cache_read_tokens),
            cache_write_tokens=max(0, written - long),
            cache_write_1h_tokens=long,
            output_tokens=_newer(self.output_tokens, old.output_tokens),
            reasoning_tokens=_newer(reasoning, old.reasoning_tokens),
        )

    def compactions(self) -> Usage | None:
        """What summaries of the conversation took, which is billed and in none of the other counts; None where that is not reported. Raises
        `ImpossibleCount`."""
        if not isinstance(self.iterations, list):
            return None
        found = [one for one in self.iterations if isinstance(one, dict) and one.get("type") == "compaction"]
        counts = (msgspec.convert(one, WireUsage, strict=False).over(Usage()) for one in found)
        return sum(counts, Usage())


class StopDetails(msgspec.Struct):
    explanation: str | None = None
    category: str | None = None


class Block(msgspec.Struct):
    type: str = ""
    text: Needed[str | None] = None
    citations: Any = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: Needed[str | None] = None
    input: msgspec.Raw = msgspec.Raw(b"")


class WireMessage(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: WireUsage | None = None
    content: Needed[list[Block] | str] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Delta(msgspec.Struct):
    type: str = ""
    text: Needed[str | None] = None
    partial_json: Needed[str | dict[str, Any] | None] = None
    citation: Any = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: Needed[Delta | None] = None
    content_block: Needed[Block | None] = None
    message: WireMessage | None = None
    usage: WireUsage | None = None
    error: ErrorBody | None = None


class Kind(msgspec.Struct, frozen=True):
    type: str = ""


class Inner(msgspec.Struct):
    """Enough of an event to tell whether its inside matters."""

    index: int = 0
    delta: Kind = Kind()
    content_block: Kind = Kind()


class Document(WireMessage):
    type: str = ""
    error: ErrorBody | None = None


read_event = msgspec.json.Decoder(Event).decode
read_kind = msgspec.json.Decoder(Kind).decode
read_inner = msgspec.json.Decoder(Inner).decode
read_document = msgspec.json.Decoder(Document).decode


def _newer(new: Any, old: int) -> int:
    """A count that is absent, or left at zero by some servers, does not replace an earlier one."""
    return token_count(new) or old
