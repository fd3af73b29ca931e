"""Small output limits before models that think by themselves: the limits of old code, 5 for a label or 256 for a sentence.

Found in public: empty answers with the finish reason `length` after a model was replaced by a successor that thinks
(googleapis/python-genai#811, langchain-ai/langchain-google#1020, rancher/rancher-ai-agent#149).
"""

from __future__ import annotations

from typing import Any

import pytest

from segue.catalog.models import find_model
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.wire.codec import WireRequest

from .providers import body, wire

HI = (user("hi"),)


def asked(dialect: str, provider: str, model: str, **fields: Any) -> tuple[dict[str, Any], WireRequest]:
    info, request = find_model(provider, model), ChatRequest(messages=HI, **fields)
    return body(dialect, request, model=info), wire(dialect, request, model=info)


CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("openai_chat", "openai", "gpt-6-luna", {"reasoning_effort": "none", "max_completion_tokens": 5}),
    ("openai_chat", "openai", "gpt-5", {"reasoning_effort": "minimal", "max_completion_tokens": 5}),
    ("openai_chat", "openai", "o3", {"reasoning_effort": "low", "max_completion_tokens": 1024}),
    ("openai_chat", "groq", "openai/gpt-oss-120b", {"reasoning_effort": "low", "max_tokens": 1024}),
    ("openai_responses", "openai", "gpt-6-luna", {"reasoning": {"effort": "none"}, "max_output_tokens": 16}),
    ("openai_responses", "openai", "gpt-5", {"reasoning": {"effort": "minimal"}}),
    ("claude", "claude", "claude-sonnet-5-5", {"thinking": {"type": "between_tools"}, "max_tokens": 5}),
    ("claude", "claude", "claude-opus-5", {"thinking": {"type": "disabled"}, "max_tokens": 5}),
    ("gemini", "gemini", "gemini-2.5-flash", {"generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 0}}}),
    ("gemini", "gemini", "gemini-3.5-flash", {"generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingLevel": "MINIMAL", "includeThoughts": True}}}),
    ("gemini", "gemini", "gemini-3.1-pro-preview", {"generationConfig": {"maxOutputTokens": 1024, "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}}}),
    ("gemini", "gemini", "gemini-2.5-pro", {"generationConfig": {"maxOutputTokens": 1024, "thinkingConfig": {"thinkingBudget": 128, "includeThoughts": True}}}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "provider", "model", "fields"), CASES)
def test_a_small_limit_is_kept_free_of_thoughts_and_that_is_reported(
    dialect: str, provider: str, model: str, fields: dict[str, Any]
) -> None:
    sent, reported = asked(dialect, provider, model, max_tokens=5)
    assert {name: sent.get(name) for name in fields} == fields
    assert reported.healed == ("little-room",)
    assert reported.omitted == ()


UNTOUCHED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("gemini", "gemini", "gemini-3.5-flash-lite", {"max_tokens": 5}),  # it thinks minimally by itself
    ("openai_chat", "openai", "gpt-4.1", {"max_tokens": 5}),
    ("claude", "claude", "claude-sonnet-4-5", {"max_tokens": 5}),
    ("openai_chat", "openai", "gpt-6-luna", {"max_tokens": 1024}),
    ("openai_chat", "openai", "gpt-6-luna", {}),
    ("openai_chat", "openai", "gpt-6-luna", {"max_tokens": 5, "effort": "high"}),
    ("gemini", "gemini", "gemini-3.5-flash", {"max_tokens": 5, "thinking_budget": 4000}),
    ("openai_responses", "openai", "gpt-6-luna", {"max_tokens": 50, "extra": {"openai_responses": {"reasoning": {"effort": "low"}}}}),
    ("claude", "claude", "claude-opus-5", {"max_tokens": 50, "extra": {"claude": {"thinking": {"type": "adaptive"}}}}),
    ("openai_chat", "vllm", "a-model-of-which-nothing-is-known", {"max_tokens": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "provider", "model", "fields"), UNTOUCHED)
def test_where_there_is_room_or_the_caller_decided_nothing_is_changed(
    dialect: str, provider: str, model: str, fields: dict[str, Any]
) -> None:
    sent, reported = asked(dialect, provider, model, **fields)
    assert reported.healed == ()
    if (limit := fields.get("max_tokens")) is not None:
        assert str(limit) in str(sent)
