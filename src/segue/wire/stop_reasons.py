"""Why an answer ended, in the words of OpenAI's and Anthropic's dialects

and of the many servers that speak one of them with the other's words, or with their own. A reason that is not known here ends an answer as `stop` does.
"""

from __future__ import annotations

from segue.chat.events import FinishReason
from segue.chat.failure import Failure, FailureKind

_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "max_output_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "repetition": FinishReason.LENGTH,
    "repeat": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "tool_call": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "sensitive": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "guardrails": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSE,
    "compaction": FinishReason.PAUSE,
}
"""`repetition` is vLLM's for an answer that it cut because it went in circles, `repeat` Moonshot's."""

_FAILURES = {
    "error": FailureKind.OVERLOAD,
    "network_error": FailureKind.OVERLOAD,
    "insufficient_system_resource": FailureKind.OVERLOAD,
    "abort": FailureKind.BROKEN,
    "malformed_function_call": FailureKind.BROKEN,
    "unexpected_tool_call": FailureKind.BROKEN,
}
"""Reasons that come without a valid answer. Google's compatible endpoint sends them as `function_call_filter: MALFORMED_FUNCTION_CALL`."""
_MOST = 100


def reason_of(word: str) -> FinishReason:
    """What the reason says of the answer."""
    return _REASONS.get(word.lower(), FinishReason.STOP)


def is_reason(word: str) -> bool:
    """Whether it is a reason of those known here, not a text at which the answer stopped."""
    return word.lower() in _REASONS


def failure_of(word: str) -> Failure | None:
    """The failure that the reason stands for, if it stands for one."""
    kind = _FAILURES.get(word.lower().rpartition(": ")[2])
    if kind is None:
        return None
    return Failure(
        kind=kind, message=f"the provider ended the answer with the reason {word[:_MOST]!r}", code=word[:_MOST]
    )
