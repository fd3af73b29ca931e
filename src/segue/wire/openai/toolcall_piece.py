"""A tool call, or a piece of one, as these dialects send it."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.wire.lenient import Needed


class FunctionPiece(msgspec.Struct, gc=False):
    name: Needed[str | None] = None
    arguments: Needed[str | dict[str, Any] | None] = None


class ToolCallPiece(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | int | None = None
    function: FunctionPiece | None = None
    extra_content: Any = None
    """Where Google's compatible face puts the thought signature."""


def thought_signature(piece: ToolCallPiece) -> str:
    """Gemini's signature of a call, "" if there is none."""
    google = piece.extra_content.get("google") if isinstance(piece.extra_content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""
