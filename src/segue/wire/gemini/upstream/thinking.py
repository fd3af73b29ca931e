"""How hard to think, by Gemini's fields: a level (Gemini 3 and later) or a budget of tokens (2.5); both together are a 400.

A level that a model lacks is replaced by the next higher one it has; thinking that can't be switched off is set to the minimum.
Tokens and levels are converted by the table with which Google's own OpenAI-compatible endpoint does it.
(Source: ai.google.dev/gemini-api/docs/openai and …/docs/generate-content/thinking, November 2026.)
"""

from __future__ import annotations

from typing import Any

from segue.catalog.models import ModelInfo
from segue.chat.request import ChatRequest, Effort

_LEVELS = ("minimal", "low", "medium", "high")
_COMMON_LEVELS = ("low", "medium", "high")
"""The levels that every model of the 3.x Flash and Pro families since 3.1 takes; used where a model's own are unknown."""
_BUDGETS: dict[Effort, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "max": 32_768}
_PRO_BUDGETS = (128, 32_768)
_LITE_BUDGETS = (512, 24_576)
_FLASH_BUDGETS = (1, 24_576)


def thinking_config(request: ChatRequest, info: ModelInfo) -> dict[str, Any] | None:
    """`thinkingConfig` for the request; None if it does not mention thinking or the model does not think.

    Thoughts are always requested with thinking: they show that the model is still working.
    """
    if request.effort is None and request.thinking_budget is None:
        return None
    if info.reasoning_control == "level":
        level = _level(request, info)
        return {"thinkingLevel": level.upper(), "includeThoughts": True} if level else None
    if info.reasoning_control == "budget":
        budget = _budget(request, info)
        return {"thinkingBudget": budget, "includeThoughts": True} if budget else {"thinkingBudget": 0}
    return None


def _level(request: ChatRequest, info: ModelInfo) -> str | None:
    offered = tuple(
        level for level in _LEVELS if level in (info.efforts if info.efforts is not None else _COMMON_LEVELS)
    )
    if not offered:
        return None
    wanted = request.effort or _effort_of(request.thinking_budget or 0)
    least = _LEVELS.index(wanted) if wanted in _LEVELS else 0 if wanted == "none" else len(_LEVELS)
    return next((level for level in offered if _LEVELS.index(level) >= least), offered[-1])


def _effort_of(budget: int) -> Effort:
    """The effort whose budget is the next one up."""
    if budget <= 0:
        return "none"
    return "low" if budget <= _BUDGETS["low"] else "medium" if budget <= _BUDGETS["medium"] else "high"


def _budget(request: ChatRequest, info: ModelInfo) -> int:
    wanted = request.thinking_budget if request.thinking_budget is not None else _BUDGETS[request.effort or "none"]
    never_off = info.reasoning_off == "never"
    if wanted <= 0 and not never_off:
        return 0
    least, most = _PRO_BUDGETS if never_off else _LITE_BUDGETS if "lite" in info.id else _FLASH_BUDGETS
    return max(least, min(wanted, most))
