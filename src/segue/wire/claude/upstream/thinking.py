"""How much a model is to think, in the form that the model takes.

Three forms are in use, and each model takes one: a budget of tokens (`thinking.budget_tokens`, up to Claude 4.5), an effort beside
adaptive thinking (`output_config.effort`, from 4.6 on), or none. Whether thinking is on by default, and how it is turned
off, differs as well. The catalogue holds all of that; this module translates a request into it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from segue.catalog.models import ModelInfo
from segue.chat.request import ChatRequest

LEAST_BUDGET: Final = 1024
"""The least `budget_tokens` the API takes."""

_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
"""Budgets that stand for an effort on models that take budgets only. Chosen here."""

_LADDER: Final = ("low", "medium", "high", "xhigh", "max")


class Thinking(NamedTuple):
    """Fields of the body: `config` is its `thinking`, `effort` its `output_config.effort`; `dropped` names settings that are not sent."""

    config: dict[str, Any] | None = None
    effort: str | None = None
    dropped: tuple[str, ...] = ()

    @property
    def asked(self) -> bool:
        return self.config is not None and self.config["type"] in ("enabled", "adaptive")


def thinking_for(request: ChatRequest, raw: dict[str, Any], model: ModelInfo, max_tokens: int) -> Thinking:
    """`raw` holds the caller's own `thinking` and `effort` if the request came in this dialect."""
    config = raw.get("thinking") or {}
    level = raw.get("effort") or request.effort
    if request.effort == "none" or request.thinking_budget == 0:
        return _off(raw, model)
    if request.thinking_budget is None and level is None and not config:
        return Thinking()
    if model.known and not model.reasoning:
        return Thinking(dropped=_named(request))
    effort = _nearest(level, model.efforts)
    if model.reasoning_control == "adaptive":
        return _adaptive(request, raw, config, model, effort)
    return _budgeted(request, raw, config, model, effort, max_tokens)


def _off(raw: dict[str, Any], model: ModelInfo) -> Thinking:
    effort = _nearest(raw.get("effort"), model.efforts)
    match model.reasoning_off:
        case "explicit":
            return Thinking({"type": "disabled"}, effort)
        case "between_tools":
            return Thinking({"type": "between_tools"}, effort)
        case "never":
            return Thinking(None, effort or _nearest("low", model.efforts), ("effort",))
    return Thinking(None, effort)


def _adaptive(
    request: ChatRequest, raw: dict[str, Any], config: dict[str, Any], model: ModelInfo, effort: str | None
) -> Thinking:
    dropped: tuple[str, ...] = ()
    if request.thinking_budget is not None and request.thinking_budget > 0:
        dropped = ("thinking_budget",)
        effort = effort or _nearest(_level_of(request.thinking_budget), model.efforts)
    off_unless_asked = model.reasoning_off == "default" and "thinking" not in raw
    if not config and not off_unless_asked:
        return Thinking(None, effort, dropped)
    return Thinking({"type": "adaptive", **_display(config)}, effort, dropped)


def _budgeted(
    request: ChatRequest,
    raw: dict[str, Any],
    config: dict[str, Any],
    model: ModelInfo,
    effort: str | None,
    max_tokens: int,
) -> Thinking:
    if not model.known and request.thinking_budget is None:
        return Thinking(config or None, effort)
    if "thinking" in raw and not config:
        return Thinking(None, effort, () if effort else _named(request))
    budget = request.thinking_budget
    if budget is None or budget < 0:
        level = raw.get("effort") or request.effort or "medium"
        budget = min(_BUDGETS.get(level, _BUDGETS["high"]), max_tokens * 3 // 4)
    budget = min(max(budget, LEAST_BUDGET), max_tokens - 1)
    if budget < LEAST_BUDGET:
        return Thinking(None, effort, _named(request))
    return Thinking({"type": "enabled", "budget_tokens": budget, **_display(config)}, effort)


def _display(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("type", "budget_tokens")}


def _nearest(level: str | None, known: tuple[str, ...] | None) -> str | None:
    """The level itself if the model has it, else the next one below, else the lowest; None if the model has no levels."""
    if level is None or known == ():
        return None
    level = "low" if level == "minimal" else level
    if known is None or level in known:
        return level
    rank = _LADDER.index(level) if level in _LADDER else len(_LADDER) - 1
    below = [step for step in _LADDER[:rank] if step in known]
    return below[-1] if below else known[0]


def _level_of(budget: int) -> str:
    return next((level for level in ("low", "medium", "high") if budget <= _BUDGETS[level]), "max")


def _named(request: ChatRequest) -> tuple[str, ...]:
    """The settings as fields of the request."""
    return tuple(name for name in ("effort", "thinking_budget") if getattr(request, name) is not None) or ("thinking",)
