"""Room for an answer after the thinking.

An output limit counts thoughts too: with 5 or 256 tokens, a model that thinks by default spends them all before its first word, and
the answer is empty with the finish reason `length`. Old code sets such limits, for models that did not think.
"""

from __future__ import annotations

from typing import Final

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.request import ChatRequest, Effort

LITTLE: Final = 1024
"""Output tokens below which nothing is left for thoughts that were not requested. Chosen here."""

_OUR_WORDS: Final[dict[str, Effort]] = {"low": "low", "medium": "medium", "high": "high"}
_LEAST_BUDGET: Final = 128
"""The least budget of tokens of a model that takes budgets and cannot be stopped from thinking (Gemini 2.5 Pro)."""


def with_room(request: ChatRequest, model: ModelInfo) -> ChatRequest:
    """The request with the least thinking that the model takes, if it leaves little room and does not mention thinking.

    A model that always thinks, and more than minimally, gets a limit of `LITTLE` tokens, too.
    """
    limit = request.max_tokens
    if limit is None or limit >= LITTLE or not model.known or not model.reasons():
        return request
    if request.effort is not None or request.thinking_budget is not None or _sets_thinking(request):
        return request
    if model.reasoning_off in ("explicit", "between_tools", "default") or "none" in (model.efforts or ()):
        return msgspec.structs.replace(request, effort="none")
    if model.efforts and model.efforts[0] == "minimal":
        least = msgspec.structs.replace(request, effort="minimal")
        return request if model.effort_default == "minimal" else least
    if model.efforts:
        return msgspec.structs.replace(request, effort=_OUR_WORDS.get(model.efforts[0]), max_tokens=LITTLE)
    budget = _LEAST_BUDGET if model.reasoning_control == "budget" else None
    return msgspec.structs.replace(request, thinking_budget=budget, max_tokens=LITTLE)


def _sets_thinking(request: ChatRequest) -> bool:
    """Whether a caller sets by a dialect's fields how much to think."""
    return any(extra.keys() & {"thinking", "reasoning", "reasoning_effort"} for extra in request.extra.values())
