"""What an answer repeats of its request. The published schema requires all of it, in every answer and every event with a response."""

from __future__ import annotations

from typing import Any, Final

import msgspec

Table = dict[str, Any]

_ALWAYS: Final[Table] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "truncation": "disabled",
    "user": None,
}
"""What stands there by default: OpenAI's defaults."""
_TIERS: Final = frozenset({"default", "flex", "priority", "scale"})
"""Tiers that an answer can have; only requests can have `auto`."""
_FUNCTION: Final[Table] = {"description": None, "parameters": None, "strict": True}
_SCHEMA: Final[Table] = {"description": None, "strict": False}


def about(document: Table) -> bytes:
    """The request's fields, each as an answer has it, as JSON."""
    echoed = {name: document[name] for name in _ALWAYS if document.get(name) is not None}
    for name in ("reasoning", "text"):
        echoed[name] = _ALWAYS[name] | {key: value for key, value in echoed.get(name, {}).items() if value is not None}
    if (form := echoed["text"]["format"]).get("type") == "json_schema":
        echoed["text"] = echoed["text"] | {"format": _SCHEMA | form}
    if "tools" in echoed:
        echoed["tools"] = [_FUNCTION | tool if tool.get("type") == "function" else tool for tool in echoed["tools"]]
    if echoed.get("service_tier") not in _TIERS:
        echoed.pop("service_tier", None)
    return msgspec.json.encode(_ALWAYS | echoed)
