"""Token counts as Chat Completions says them, read and written.

OpenAI counts cache reads and writes inside `prompt_tokens`, and reasoning inside `completion_tokens`. Others differ: DeepSeek and
Moonshot name the cache hits elsewhere; xAI and Google's compatible face leave reasoning out of `completion_tokens` but not out of
`total_tokens`, so whatever the total holds beyond prompt and completion is output that was billed.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from segue.chat.usage import Usage

# Some providers count in floats.
_Count = int | float | None


class PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: _Count = None
    cache_write_tokens: _Count = None


class CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Count = None


class WireUsage(msgspec.Struct, gc=False):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: _Count = None
    """DeepSeek's cache hits."""
    cached_tokens: _Count = None
    """Moonshot's cache hits."""
    reasoning_tokens: _Count = None
    """Perplexity's."""


def read(wire: WireUsage) -> Usage:
    """The counts in our classes, which do not overlap; never negative, whatever the wire says."""
    inside = wire.prompt_tokens_details
    prompt = _count(wire.prompt_tokens)
    cached = (inside and inside.cached_tokens) or wire.prompt_cache_hit_tokens or wire.cached_tokens
    read_tokens = min(_count(cached), prompt)
    written = min(_count(inside.cache_write_tokens if inside else 0), prompt - read_tokens)
    completion = _count(wire.completion_tokens)
    output = max(completion, _count(wire.total_tokens) - prompt)
    details = wire.completion_tokens_details
    reasoning = _count((details and details.reasoning_tokens) or wire.reasoning_tokens) or output - completion
    return Usage(
        input_tokens=prompt - read_tokens - written,
        cache_read_tokens=read_tokens,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


def write(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _count(value: int | float | None) -> int:
    return max(0, int(value)) if value and math.isfinite(value) else 0
