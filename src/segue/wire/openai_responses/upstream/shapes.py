"""The shapes of a stream's events and of a response.

Only what is used is named; other fields are skipped without being built. Items of kinds that we pass over have fields of the same
names in other shapes, so an item's fields are looked at one by one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.usage import Usage
from segue.wire.openai import usage
from segue.wire.openai.usage import CompletionDetails, PromptDetails


class AnyEvent(msgspec.Struct, gc=False):
    type: str = ""


class DeltaEvent(msgspec.Struct, gc=False):
    """A piece of text, reasoning, refusal or arguments."""

    delta: str = ""
    output_index: int | None = None
    item_id: str | None = None
    summary_index: int | None = None


class Item(msgspec.Struct):
    type: str = ""
    id: Any = None
    status: Any = None
    content: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    summary: Any = None
    encrypted_content: Any = None


class ItemEvent(msgspec.Struct):
    item: Item
    output_index: int | None = None


class ResponsesUsage(msgspec.Struct, gc=False):
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    total_tokens: int | float | None = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: CompletionDetails | None = None

    def read(self) -> Usage:
        """The counts of Chat Completions under other names."""
        return usage.read(
            usage.WireUsage(
                prompt_tokens=self.input_tokens,
                completion_tokens=self.output_tokens,
                total_tokens=self.total_tokens,
                prompt_tokens_details=self.input_tokens_details,
                completion_tokens_details=self.output_tokens_details,
            )
        )


class WireResponse(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: Any = None
    output: list[Item] | None = None
    usage: ResponsesUsage | None = None


class ResponseEvent(msgspec.Struct):
    response: WireResponse


read_any = msgspec.json.Decoder(AnyEvent).decode
read_delta = msgspec.json.Decoder(DeltaEvent).decode
read_item = msgspec.json.Decoder(ItemEvent).decode
read_response = msgspec.json.Decoder(ResponseEvent).decode
