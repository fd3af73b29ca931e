"""Why an answer ended, in whatever dialect's words a server puts it.

- `repetition`: github.com/BerriAI/litellm/pull/27101 (vLLM); `repeat`: github.com/MoonshotAI/moonpalace/pull/3.
- `model_context_window_exceeded` in Chat Completions: github.com/mozilla-ai/any-llm/issues/1200 (Zhipu).
- What Zhipu's and DeepSeek's Chat Completions end with when the provider failed: `network_error`, `insufficient_system_resource`.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from segue.chat.events import FinishReason
from segue.chat.failure import FailureKind

from .harness import Answer, read, stream
from .test_text import text_of

ENDS: Final = {
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "MAX_TOKENS": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "repetition": FinishReason.LENGTH,
    "repeat": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "sensitive": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSE,
    "stop": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "a word of next year": FinishReason.STOP,
}
FAILS: Final = {
    "error": FailureKind.OVERLOAD,
    "network_error": FailureKind.OVERLOAD,
    "insufficient_system_resource": FailureKind.OVERLOAD,
    "abort": FailureKind.BROKEN,
}


def ended(dialect: str, reason: str) -> Answer:
    events: list[dict[str, Any]] = text_of(dialect, "a")
    if dialect == "claude":
        last = {"type": "message_delta", "delta": {"stop_reason": reason}}
        return read(dialect, stream(dialect, *events[:-2], last, {"type": "message_stop"}))
    return read(
        dialect, stream(dialect, *events[:-1], {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    )


@pytest.mark.parametrize("dialect", ["claude", "openai_chat"])
@pytest.mark.parametrize(("reason", "meaning"), ENDS.items())
def test_a_reason_means_the_same_in_each_dialect(dialect: str, reason: str, meaning: FinishReason) -> None:
    answer = ended(dialect, reason)
    assert (answer.text, answer.finish, answer.failure) == ("a", meaning, None)


@pytest.mark.parametrize("dialect", ["claude", "openai_chat"])
@pytest.mark.parametrize(("reason", "kind"), FAILS.items())
def test_a_reason_that_is_a_failure_is_one_in_each_dialect(dialect: str, reason: str, kind: FailureKind) -> None:
    failure = ended(dialect, reason).failure
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, reason)
