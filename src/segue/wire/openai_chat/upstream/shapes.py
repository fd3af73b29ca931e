"""The shapes of an answer: a chunk of a stream, or the whole document, which is read as one big chunk.

Only what is used is named; other fields are skipped without being built. Types are as wide as providers are known to be. What was read
from bytes has no cycles, so the garbage collector need not track it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.wire.lenient import Needed
from segue.wire.openai.logprobs import WireLogprobs
from segue.wire.openai.toolcall_piece import FunctionPiece, ToolCallPiece
from segue.wire.openai.usage import WireUsage


class Piece(msgspec.Struct, gc=False):
    """A `delta`, or the `message` of a whole answer."""

    content: Needed[str | list[Any] | None] = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None
    refusal: str | None = None
    annotations: Any = None
    tool_calls: Needed[list[ToolCallPiece] | None] = None
    function_call: FunctionPiece | None = None


class Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Needed[Piece | None] = None
    message: Needed[Piece | None] = None
    logprobs: WireLogprobs | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's name for the stop sequence that was met, or a token's number; `matched_stop` is SGLang's."""
    matched_stop: Any = None
    usage: WireUsage | None = None
    error: Any = None


class Groq(msgspec.Struct, gc=False):
    usage: WireUsage | None = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    id: str | int | None = None
    model: str | None = None
    choices: Needed[list[Choice] | None] = None
    usage: WireUsage | None = None
    error: Any = None
    citations: Any = None
    search_results: Any = None
    x_groq: Groq | None = None


read_chunk = msgspec.json.Decoder(Chunk).decode
