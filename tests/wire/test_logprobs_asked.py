"""Log probabilities are requested of every target that has them, and reported as omitted where a target has none."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from segue.catalog.models import ModelInfo
from segue.secret import Secret
from segue.wire.codec import Call, WireRequest
from segue.wire.dialects import ingress, upstream

ASK: Final = {"role": "user", "content": "hi"}
INCLUDED: Final = "message.output_text.logprobs"
CHAT: Final[dict[str, Any]] = {"messages": [ASK], "logprobs": True, "top_logprobs": 2}
RESPONSES: Final[dict[str, Any]] = {"input": "hi", "include": [INCLUDED], "top_logprobs": 2}
GEMINI: Final[dict[str, Any]] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"responseLogprobs": True, "logprobs": 2}}  # fmt: skip
PATHS: Final = {"openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses", "gemini": "/v1beta/models/m:generateContent"}  # fmt: skip


def sent(source: str, body: dict[str, Any], target: str) -> WireRequest:
    asked = ingress(source).decode(json.dumps(body).encode(), path=PATHS[source], query="", headers={})
    model = ModelInfo(id="m", provider="p", dialect=target)
    return upstream(target).encode(asked.request, Call(model=model, base_url="https://x.example/v1", key=Secret("k")))


@pytest.mark.parametrize(("source", "body"), [("openai_chat", CHAT), ("openai_responses", RESPONSES)])
def test_openais_dialects_ask_each_other(source: str, body: dict[str, Any]) -> None:
    chat = sent(source, body, "openai_chat")
    fields = json.loads(chat.body)
    assert (fields["logprobs"], fields["top_logprobs"], chat.omitted) == (True, 2, ())
    responses = sent(source, body, "openai_responses")
    fields = json.loads(responses.body)
    assert (fields["include"], fields["top_logprobs"], responses.omitted) == ([INCLUDED], 2, ())


@pytest.mark.parametrize(("source", "body"), [("openai_chat", CHAT), ("openai_responses", RESPONSES)])
def test_a_target_that_is_not_asked_is_named_with_what_it_was_not_asked(source: str, body: dict[str, Any]) -> None:
    assert set(sent(source, body, "claude").omitted) == {"logprobs", "top_logprobs"}


def test_geminis_own_words_reach_gemini_and_are_missed_elsewhere() -> None:
    assert json.loads(sent("gemini", GEMINI, "gemini").body)["generationConfig"]["responseLogprobs"] is True
    assert {"responseLogprobs", "logprobs"} <= set(sent("gemini", GEMINI, "claude").omitted)


@pytest.mark.parametrize("options", [{}, {"logprobs": False}, {"logprobs": None}])
def test_who_does_not_ask_misses_nothing(options: dict[str, Any]) -> None:
    wire = sent("openai_chat", {"messages": [ASK], **options}, "openai_responses")
    assert "top_logprobs" not in json.loads(wire.body)
    assert wire.omitted == ()
