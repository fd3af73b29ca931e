"""Log probabilities as both of OpenAI's dialects have them."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.events import Logprobs, TokenLogprob


class WireLogprobs(msgspec.Struct, gc=False):
    """Those of a chat choice. A refusal's are passed over."""

    content: list[TokenLogprob] | None = None


def written(logprobs: Logprobs) -> list[dict[str, Any]]:
    """Tokens with every field that the published schemas require."""
    return [_token(one) | {"top_logprobs": [_token(other) for other in one.top_logprobs]} for one in logprobs.tokens]


def _token(one: Any) -> dict[str, Any]:
    data = list(one.token.encode("utf-8", "replace")) if one.bytes is None else one.bytes
    return {"token": one.token, "logprob": one.logprob, "bytes": data}
