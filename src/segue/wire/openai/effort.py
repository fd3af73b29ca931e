"""How hard to think, by the levels that OpenAI's models take; the same in Chat Completions and in the Responses API."""

from __future__ import annotations

from segue.catalog.models import ModelInfo
from segue.chat.request import ChatRequest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From least to most."""

# The budgets are those Google documents for the OpenAI-compatible face of Gemini.
_BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"))


def asked_effort(request: ChatRequest, level: object = None) -> str | None:
    """The requested level; `level` is the caller's own in this dialect, which may be finer than ours (`xhigh`)."""
    asked = level if isinstance(level, str) else request.effort
    if asked is None and request.thinking_budget is not None:
        asked = next((name for most, name in _BUDGETS if request.thinking_budget <= most), "high")
    return asked


def fitting_effort(asked: str | None, model: ModelInfo, omitted: list[str]) -> str | None:
    """The nearest level that the model has; None if none is sent. Adds to `omitted` a level that cannot be followed at all."""
    if asked is None or asked not in EFFORTS:
        return asked
    if model.efforts:
        return _nearest(asked, model.efforts)
    if model.known and (not model.reasoning or model.efforts is not None):
        if asked != "none":
            omitted.append("effort")
        return None
    return asked


def _nearest(asked: str, efforts: tuple[str, ...]) -> str:
    """The closest effort that a model has; one with thinking, unless "none" was requested."""
    rank = {word: place for place, word in enumerate(EFFORTS)}
    choices = [word for word in efforts if word in rank and (word != "none" or asked == "none")]
    return min(choices, key=lambda word: abs(rank[word] - rank[asked]), default=asked)
