"""Token counts of Chat Completions, read and written.

OpenAI counts cache reads and writes inside `prompt_tokens`, and reasoning inside `completion_tokens`. Others differ:

- DeepSeek and Moonshot name the cache hits elsewhere; gateways before Claude use its names, in which nothing overlaps;
- some gateways count what the cache held beside `prompt_tokens`: then it exceeds the prompt, or is the rest of `total_tokens`;
- xAI and Google's compatible face count reasoning beside `completion_tokens`, and only `total_tokens` holds it.

So the part of the total beyond prompt and completion is the cache's if it is exactly that much, else output that was billed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.usage import ImpossibleCount, Usage, token_count

_Count = Any
"""As it was sent: `token_count` reads it."""


class PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: _Count = None
    cache_write_tokens: _Count = None
    cache_creation_tokens: _Count = None
    """LiteLLM's name."""


class CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Count = None


class WireUsage(msgspec.Struct, gc=False):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: _Count = None
    """DeepSeek's cache hits, with the misses beside them."""
    prompt_cache_miss_tokens: _Count = None
    cached_tokens: _Count = None
    """Moonshot's cache hits."""
    reasoning_tokens: _Count = None
    """Perplexity's."""
    input_tokens: _Count = None
    """From here on Claude's names, which some gateways use here."""
    output_tokens: _Count = None
    cache_read_input_tokens: _Count = None
    cache_creation_input_tokens: _Count = None


_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def read(wire: WireUsage) -> Usage | None:
    """The counts in our classes, which do not overlap; None if one of them is impossible."""
    try:
        return _read(wire)
    except ImpossibleCount:
        return None


def _read(wire: WireUsage) -> Usage:
    inside = wire.prompt_tokens_details or _NO_PROMPT_DETAILS
    cached = _first(
        inside.cached_tokens, wire.prompt_cache_hit_tokens, wire.cached_tokens, wire.cache_read_input_tokens
    )
    written = _first(inside.cache_write_tokens, inside.cache_creation_tokens, wire.cache_creation_input_tokens)
    details = wire.completion_tokens_details or _NO_COMPLETION_DETAILS
    reasoning = _first(details.reasoning_tokens, wire.reasoning_tokens)
    prompt, completion = (
        _first(wire.prompt_tokens, wire.input_tokens),
        _first(wire.completion_tokens, wire.output_tokens),
    )
    total = token_count(wire.total_tokens)
    if not prompt:
        prompt = cached + token_count(wire.prompt_cache_miss_tokens) or max(0, total - completion)
    beyond = max(0, total - prompt - completion)
    if wire.prompt_tokens is None and wire.cache_read_input_tokens is not None:
        beside = cached + written
    else:
        beside = _beside(prompt, cached, written, beyond, reasoning)
    prompt += beside
    output = completion + max(0, beyond - beside)
    if reasoning > output and not total:
        output += reasoning
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    return Usage(
        input_tokens=prompt - cached - written,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning or output - completion, output),
    )


def _beside(prompt: int, cached: int, written: int, beyond: int, reasoning: int) -> int:
    """How many of the cache's tokens are not counted in the prompt. `beyond` is what the total holds beside prompt and completion."""
    cache = cached + written
    if beyond and beyond != reasoning:
        for part in (cache, cached, written):
            if part and beyond in (part, part + reasoning):
                return part
    return cache if cache > prompt else 0


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


def _first(*values: Any) -> int:
    """The first that is present."""
    for value in values:
        if value and (count := token_count(value)):
            return count
    return 0
