"""What code that was written for LangChain's provider packages says, as a client takes it: translated, passed over, or refused with advice.

Found in public: langchain-ai/langchain-google#252 and #1443 (`safety_settings`), assafelovic/gpt-researcher#573
(`convert_system_message_to_human`), and the constructors of langchain-openai, -anthropic and -google-genai of 2023 to 2025.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from segue import LLMClient, Segue
from segue.chat.messages import ToolCall
from segue.errors import ConfigurationError
from segue.langchain.messages import to_chat
from segue.langchain.older_options import merged
from segue.langchain.options import named
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply


class Category(Enum):
    HARM_CATEGORY_HARASSMENT = 7


class Threshold(Enum):
    BLOCK_NONE = 4


SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
TRANSLATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model_kwargs": {"top_p": 0.5}}, {"top_p": 0.5}),
    ({"model_kwargs": {"max_tokens": 5, "seed": 1}}, {"max_tokens": 5, "seed": 1}),
    ({"model_kwargs": {"logit_bias": {"1": 2}}}, {"extra": {"openai_chat": {"logit_bias": {"1": 2}}}}),
    ({"model_kwargs": {"stop_sequences": ["a"]}}, {"stop": ["a"]}),
    ({"model_kwargs": {}}, {}),
    ({"model_kwargs": None}, {}),
    ({"extra_body": {"guided_json": {}}}, {"extra": {"openai_chat": {"guided_json": {}}}}),
    ({"logit_bias": {"1": 2}}, {"extra": {"openai_chat": {"logit_bias": {"1": 2}}}}),
    ({"logprobs": True, "top_logprobs": 2}, {"extra": {"openai_chat": {"logprobs": True, "top_logprobs": 2}}}),
    ({"service_tier": "flex", "verbosity": "low"}, {"extra": {"openai_chat": {"service_tier": "flex", "verbosity": "low"}}}),
    ({"safety_settings": {Category.HARM_CATEGORY_HARASSMENT: Threshold.BLOCK_NONE}}, {"extra": {"gemini": {"safetySettings": SAFETY}}}),
    ({"safety_settings": {"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"}}, {"extra": {"gemini": {"safetySettings": SAFETY}}}),
    ({"safety_settings": SAFETY}, {"extra": {"gemini": {"safetySettings": SAFETY}}}),
    ({"safety_settings": None}, {}),
    ({"convert_system_message_to_human": True}, {}),
    ({"include_thoughts": True, "transport": "rest", "use_responses_api": True}, {}),
    ({"n": 1}, {}),
    ({"n": None, "candidate_count": 1}, {}),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"thinking_budget": 2000}),
    ({"thinking": {"type": "disabled"}}, {"effort": "none"}),
    ({"thinking": {"type": "adaptive"}}, {"extra": {"claude": {"thinking": {"type": "adaptive"}}}}),
    ({"thinking_level": "low"}, {"effort": "low"}),
    ({"reasoning": {"effort": "high", "summary": "auto"}}, {"effort": "high", "extra": {"openai_responses": {"reasoning": {"summary": "auto"}}}}),
    ({"betas": ["a-1"]}, {"extra": {"claude": {"betas": ["a-1"]}}}),
    ({"cached_content": "cachedContents/1"}, {"extra": {"gemini": {"cachedContent": "cachedContents/1"}}}),
    ({"media_resolution": "LOW", "labels": {}}, {"extra": {"gemini": {"generationConfig": {"mediaResolution": "LOW"}, "labels": {}}}}),
    ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "f"}),
    ({"functions": [{"name": "f"}], "function_call": "auto"}, {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "ours"), TRANSLATED)
def test_an_option_of_a_provider_package_becomes_ours(given: dict[str, Any], ours: dict[str, Any]) -> None:
    before = repr(given)
    assert named(given) == ours
    assert repr(given) == before


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"n": 3}, "call the model 3 times"),
        ({"candidate_count": 2}, "call the model 2 times"),
        ({"best_of": 2}, "several times"),
        ({"default_headers": {"a": "b"}}, "headers in .targets.NAME."),
        ({"openai_organization": "o"}, "headers in .targets.NAME."),
        ({"openai_proxy": "http://p"}, "HTTPS_PROXY"),
        ({"http_client": object()}, "HTTPS_PROXY"),
        ({"credentials": object()}, "api_key"),
        ({"response_mime_type": "application/json"}, "with_structured_output"),
        ({"use_previous_response_id": True}, "the whole conversation"),
        ({"thinking": "hard"}, "thinking_budget"),
        ({"reasoning": "hard"}, "use effort"),
        ({"safety_settings": [1]}, "dict of categories"),
        ({"model_kwargs": "x"}, "dict of options"),
        ({"model_kwargs": {"n": 2}}, "call the model 2 times"),
        ({"model_kwargs": {"max_tokns": 2}}, "did you mean 'max_tokens'"),
    ],
)
def test_one_that_is_gone_is_refused_with_what_to_do(given: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        LLMClient(**given)


def test_fields_of_dialects_are_joined() -> None:
    first = {"gemini": {"safetySettings": SAFETY, "generationConfig": {"a": 1}}}
    then = {"gemini": {"generationConfig": {"b": 2}}, "openai_chat": {"x": 1}}
    assert merged(first, then) == {
        "gemini": {"safetySettings": SAFETY, "generationConfig": {"a": 1, "b": 2}},
        "openai_chat": {"x": 1},
    }
    assert first["gemini"]["generationConfig"] == {"a": 1}


def test_what_was_constructed_and_what_was_bound_reach_the_target_together() -> None:
    part = {"candidates": [{"content": {"parts": [{"text": "fine"}]}, "finishReason": "STOP"}]}
    event = b"data: " + json.dumps(part).encode() + b"\r\n\r\n"
    transport = MemoryTransport([Reply(headers={"content-type": "text/event-stream"}, steps=[event])])
    engine = Segue(load({"GEMINI_API_KEY": "k", "SEGUE_LEDGER": "none"}, directory="/nonexistent"), transport=transport)
    client = LLMClient(engine=engine, chain="gemini", safety_settings={"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"})
    message = client.bind(logit_bias={"1": 2}, media_resolution="LOW").invoke("hi")
    engine.close()
    assert message.response_metadata["omitted"] == ["logit_bias"]
    body = json.loads(transport.requests[0].request.body)
    assert body["safetySettings"] == SAFETY
    assert body["generationConfig"]["mediaResolution"] == "LOW"


def test_calls_that_old_histories_hold_beside_the_content_are_calls() -> None:
    old = AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": '{"a": 1}'}})
    raw = {"id": "x", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    newer = AIMessage("", additional_kwargs={"tool_calls": [raw]})
    _, first, second = to_chat([HumanMessage("hi"), old, newer])
    assert first.tool_calls == (ToolCall(id="", name="f", arguments='{"a": 1}'),)
    assert second.tool_calls == (ToolCall(id="x", name="g"),)
