from __future__ import annotations

from typing import Any

import pytest

from segue.routing.fitness import takes_prefill
from segue.routing.resolve import target
from segue.settings import TargetSettings


@pytest.mark.parametrize(
    ("name", "settings", "takes"),
    [
        pytest.param("claude", {"model": "claude-sonnet-4-5"}, True, id="the last models of Claude that do"),
        pytest.param("claude", {"model": "claude-sonnet-5-5"}, False, id="Claude from 4.6 on"),
        pytest.param("gemini", {"model": "gemini-3.5-flash"}, True, id="Gemini Flash 3.5"),
        pytest.param("gemini", {"model": "gemini-3.5-flash-lite"}, False, id="its lite version"),
        pytest.param("openai", {}, False, id="OpenAI"),
        pytest.param("deepseek", {}, True, id="marked by `prefix`"),
        pytest.param("mistral", {}, True, id="marked by `prefix` too"),
        pytest.param("vllm", {"model": "m"}, True, id="a server that learns so from fields"),
        pytest.param("llamacpp", {"model": "m"}, True, id="a server that does unasked"),
        pytest.param("llamacpp", {"model": "m", "dialect": "claude"}, True, id="in Claude's dialect too"),
        pytest.param("llamacpp", {"model": "m", "dialect": "openai_responses"}, True, id="and in the Responses'"),
        pytest.param("llamacpp", {"model": "m", "streams": False}, False, id="not where it gives the beginning back"),
        pytest.param("ollama", {"model": "m"}, False, id="it depends on the model's template"),
        pytest.param("ollama", {"model": "m", "quirks": {"prefill": True}}, True, id="but can be set"),
    ],
)
def test_which_targets_go_on_with_the_beginning_of_their_own_turn(
    name: str, settings: dict[str, Any], takes: bool
) -> None:
    assert takes_prefill(target(name, TargetSettings(base_url="http://127.0.0.1:1/v1", **settings))) is takes
