"""The lists of models, in the shapes that the official SDKs expect of `GET …/models` and `GET …/models/{model}`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

Document: TypeAlias = dict[str, Any]

METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")
_STAGES: Final = {"current": "active", "deprecated": "deprecated", "retired": "retired"}
_EPOCH: Final = date(1970, 1, 1)
"""Stands for an unknown release date, as in Anthropic's documentation."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list. `window` and `max_output` are in tokens. None: unknown, or for the last two: not announced."""

    id: str
    title: str
    owner: str
    released: date | None = None
    window: int | None = None
    max_output: int | None = None
    stage: Literal["current", "deprecated", "retired"] = "current"
    deprecated: date | None = None
    shutdown: date | None = None


def many(dialect: str, models: Sequence[Listed]) -> Document:
    """The whole list, on one page."""
    listed = [one(dialect, model) for model in models]
    if dialect == "gemini":
        return {"models": listed}
    if dialect == "claude":
        ends = {"first_id": models[0].id if models else None, "last_id": models[-1].id if models else None}
        return {"data": listed, "has_more": False, **ends}
    return {"object": "list", "data": listed}


def one(dialect: str, model: Listed) -> Document:
    """A single model; in OpenAI's shape for all dialects except Gemini's and Claude's."""
    if dialect == "gemini":
        return _gemini(model)
    return _claude(model) if dialect == "claude" else _openai(model)


def _openai(model: Listed) -> Document:
    return {
        "id": model.id,
        "object": "model",
        "created": int(_moment(model.released or _EPOCH).timestamp()),
        "owned_by": model.owner,
        "shutdown_date": model.shutdown.isoformat() if model.shutdown else None,
    }


def _claude(model: Listed) -> Document:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title,
        "created_at": _stamp(model.released or _EPOCH),
        "lifecycle": _STAGES[model.stage],
        "deprecated_at": _stamp(model.deprecated) if model.deprecated else None,
        "retires_at": _stamp(model.shutdown) if model.shutdown else None,
        "max_input_tokens": model.window,
        "max_tokens": model.max_output,
    }


def _gemini(model: Listed) -> Document:
    limits = {"inputTokenLimit": model.window, "outputTokenLimit": model.max_output}
    return {
        "name": f"models/{model.id}",
        "displayName": model.title,
        **{name: limit for name, limit in limits.items() if limit is not None},
        "supportedGenerationMethods": METHODS,
    }


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
