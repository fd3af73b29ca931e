"""Fields that only one dialect has, in a request for a target of another: the names of those that are not sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from segue.chat.request import ChatRequest
from segue.errors import InvalidRequestError
from segue.wire.fitting.likelihoods import INCLUDED

_HINTS: Final = frozenset(
    {
        *(
            "betas",
            "cache_breakpoints",
            "cache_control",
            "client_metadata",
            "context_management",
            "include",
            "labels",
            "metadata",
        ),
        *("output_config", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning"),
        *(
            "reasoning_effort",
            "safety_identifier",
            "service_tier",
            "store",
            "stream_options",
            "thinking",
            "thinkingConfig",
        ),
        *("truncation",),
    }
)
"""Fields that change no answer if they are missing, or that a field of `ChatRequest` holds too."""

_SHARED: Final = {("openai_chat", "openai_responses"): frozenset({"verbosity"})}
"""Fields of the first dialect that the second has too, if under another name."""

_PARTS: Final = frozenset({"generationConfig", "toolConfig"})
"""Fields of Gemini's that hold others."""


def unsaid(request: ChatRequest, dialect: str) -> list[str]:
    """Names of fields that are not sent to a target of this dialect. Raises `InvalidRequestError` if a part of the prompt is among them."""
    names: list[str] = []
    for source, extra in request.extra.items():
        if source == dialect:
            continue
        if extra.get("cachedContent"):
            raise InvalidRequestError(
                "cachedContent: a part of the prompt is stored at Gemini, and no other provider has it",
                param="cachedContent",
            )
        shared = _SHARED.get((source, dialect), frozenset())
        names += [name for name in _names(extra) if name not in _HINTS and name not in shared]
    return names


def _names(extra: dict[str, Any]) -> Iterator[str]:
    for name, value in extra.items():
        if value is False:
            continue  # that it is not wanted
        if name == "tools":
            yield from (f"tools.{kind}" for tool in value for kind in _kinds(tool))
        elif name in _PARTS and isinstance(value, dict):
            yield from value
        elif name == "text" and isinstance(value, dict):
            yield from (f"text.{inner}" for inner in value)
        elif name == "include" and isinstance(value, list) and INCLUDED in value:
            yield "logprobs"
        else:
            yield name


def _kinds(tool: Any) -> Iterator[str]:
    """The kind of a tool of another dialect; "" for a function of the caller's, which is offered everywhere."""
    if not isinstance(tool, dict):
        return
    kind = tool.get("type")
    if isinstance(kind, str):
        if kind not in ("custom", "function"):
            yield kind
    elif "name" not in tool:
        yield from tool
