"""Log probabilities, which three dialects request by different fields.

openai_chat        logprobs: true, top_logprobs: 0 to 20
openai_responses   top_logprobs, and `message.output_text.logprobs` in include
gemini             generationConfig: responseLogprobs: true, logprobs: 0 to 20
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from segue.chat.request import ChatRequest

INCLUDED: Final = "message.output_text.logprobs"
"""The value of `include` by which a caller of the Responses API gets them."""

Extra = dict[str, dict[str, Any]]


def with_likelihoods(request: ChatRequest, dialect: str) -> ChatRequest:
    """The request with log probabilities requested by the fields of `dialect`, if it requests them by another's."""
    if dialect == "claude":
        return request
    for source, own in request.extra.items():
        if source != dialect and (asked := _asked(source, own)) is not None:
            count, rest = asked
            extra: Extra = {**request.extra, source: rest}
            extra[dialect] = _fields_for(dialect, request.extra.get(dialect, {}), count)
            return msgspec.structs.replace(request, extra=extra)
    return request


def _asked(source: str, own: dict[str, Any]) -> tuple[int | None, dict[str, Any]] | None:
    """How many alternatives to a token are requested (None if none) and the other fields; None if log probabilities are not requested."""
    rest = dict(own)
    if source == "openai_chat" and rest.pop("logprobs", False) is True:
        return rest.pop("top_logprobs", None), rest
    include = own.get("include")
    if source == "openai_responses" and isinstance(include, list) and INCLUDED in include:
        rest["include"] = [item for item in include if item != INCLUDED]
        return rest.pop("top_logprobs", None), rest
    config = own.get("generationConfig")
    if source == "gemini" and isinstance(config, dict) and config.get("responseLogprobs") is True:
        rest["generationConfig"] = {name: value for name, value in config.items() if "ogprobs" not in name}
        return config.get("logprobs"), rest
    return None


def _fields_for(dialect: str, own: dict[str, Any], count: int | None) -> dict[str, Any]:
    if dialect == "gemini":
        asked = {"responseLogprobs": True} | ({"logprobs": count} if count is not None else {})
        return {**own, "generationConfig": {**(own.get("generationConfig") or {}), **asked}}
    number = {"top_logprobs": count} if count is not None else {}
    if dialect == "openai_responses":
        return {**own, "include": [*(own.get("include") or ()), INCLUDED], **number}
    return {**own, "logprobs": True, **number}
