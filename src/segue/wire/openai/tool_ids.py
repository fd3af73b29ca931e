"""Ids of tool calls that every provider of these dialects accepts."""

from __future__ import annotations

import hashlib
import re

# OpenAI refuses longer ids with `string_above_max_length`; what other providers issue can be longer or hold odd characters.
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def tool_id(original: str, length: int | None = None) -> str:
    """The id a provider accepts for a tool call: the original where it fits, else one derived from it, the same every time.

    `length` is set if a provider requires exactly that many letters and digits (Mistral: 9).
    """
    if length is not None:
        if len(original) == length and original.isascii() and original.isalnum():
            return original
        return _digest(original)[:length]
    return original if _ID.fullmatch(original) else f"call_{_digest(original)[:24]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
