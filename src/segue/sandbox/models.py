"""The models lists of the three dialects."""

from __future__ import annotations

from typing import Any

_RELEASED = 1_767_225_600
_RELEASED_AT = "2026-01-01T00:00:00Z"


def models_document(dialect: str, models: tuple[str, ...]) -> dict[str, Any]:
    """What `GET …/models` answers."""
    listed = [model_document(dialect, model) for model in models]
    if dialect == "gemini":
        return {"models": listed}
    if dialect == "claude":
        ends = {"first_id": models[0] if models else None, "last_id": models[-1] if models else None}
        return {"data": listed, "has_more": False, **ends}
    return {"object": "list", "data": listed}


def model_document(dialect: str, model: str) -> dict[str, Any]:
    """What `GET …/models/{model}` answers."""
    if dialect == "gemini":
        return {
            "name": f"models/{model}",
            "displayName": f"{model} (simulated)",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
        }
    if dialect == "claude":
        return {"type": "model", "id": model, "display_name": f"{model} (simulated)", "created_at": _RELEASED_AT}
    return {"id": model, "object": "model", "created": _RELEASED, "owned_by": "sandbox"}
