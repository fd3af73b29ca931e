"""Log probabilities as both of OpenAI's dialects have them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from segue.chat.events import Logprobs, TokenLogprob
from segue.chat.request import ChatRequest

LOGPROBS: Final = "message.output_text.logprobs"
"""What a caller of the Responses API includes to get them."""


class WireLogprobs(msgspec.Struct, gc=False):
    """Those of a chat choice. A refusal's are passed over."""

    content: list[TokenLogprob] | None = None


def asked_in_responses(request: ChatRequest) -> dict[str, Any]:
    """The fields of Chat Completions that ask for what a caller of the Responses API asked for; {} if none did."""
    said = request.extra.get("openai_responses", {})
    include = said.get("include")
    if not isinstance(include, list) or LOGPROBS not in include:
        return {}
    return {"logprobs": True} | ({"top_logprobs": said["top_logprobs"]} if said.get("top_logprobs") else {})


def written(logprobs: Logprobs) -> list[dict[str, Any]]:
    """Tokens with every field that the published schemas require."""
    return [_token(one) | {"top_logprobs": [_token(other) for other in one.top_logprobs]} for one in logprobs.tokens]


def _token(one: Any) -> dict[str, Any]:
    data = list(one.token.encode("utf-8", "replace")) if one.bytes is None else one.bytes
    return {"token": one.token, "logprob": one.logprob, "bytes": data}
