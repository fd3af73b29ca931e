"""The shapes of a stream's events and of a response.

Only what is used is named; other fields are skipped without being built. Items of kinds that are skipped have fields of the same
names in other shapes, so an item's fields are decoded one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from segue.chat.events import TokenLogprob
from segue.chat.usage import Usage
from segue.wire.lenient import Leniency, Needed
from segue.wire.openai import usage
from segue.wire.openai.usage import CompletionDetails, PromptDetails


class AnyEvent(msgspec.Struct, gc=False):
    type: str = ""


class DeltaEvent(msgspec.Struct, gc=False):
    """A piece of text, reasoning, refusal or arguments, or all of it."""

    delta: Needed[str] = ""
    text: Any = None
    refusal: Any = None
    part: Any = None
    arguments: Any = None
    annotation: Any = None
    logprobs: list[TokenLogprob] | None = None
    output_index: int | None = None
    item_id: str | None = None
    content_index: int | None = None
    summary_index: int | None = None


class Item(msgspec.Struct):
    type: str = ""
    id: Any = None
    status: Any = None
    content: Any = None
    call_id: Any = None
    name: Any = None
    phase: Any = None
    arguments: Any = None
    summary: Any = None
    encrypted_content: Any = None


class ItemEvent(msgspec.Struct):
    item: Needed[Item]
    output_index: int | None = None


class ResponsesUsage(msgspec.Struct, gc=False):
    input_tokens: Any = None
    output_tokens: Any = None
    total_tokens: Any = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: CompletionDetails | None = None

    def read(self) -> Usage | None:
        """The counts of Chat Completions under other names; None if one of them is impossible."""
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
    response: WireResponse | None = None


class Readers(NamedTuple):
    """How each kind of event is read."""

    any: Callable[[bytes], AnyEvent]
    delta: Callable[[bytes], DeltaEvent]
    item: Callable[[bytes], ItemEvent]
    response: Callable[[bytes], ResponseEvent]
    document: Callable[[bytes], WireResponse]


_SHAPES = (AnyEvent, DeltaEvent, ItemEvent, ResponseEvent, WireResponse)
TYPED = Readers(*(msgspec.json.Decoder(shape).decode for shape in _SHAPES))  # type: ignore[arg-type]


def lenient(leniency: Leniency) -> Readers:
    """The readers for an event that the typed ones refuse."""
    return Readers(*(partial(leniency.read, shape=shape) for shape in _SHAPES))  # type: ignore[arg-type]
