"""What a client raises is Segue's error and LangChain's at once."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, SummarizationMiddleware
from langchain_core import exceptions as lc
from langchain_core.messages import AIMessage, HumanMessage

from segue import errors
from segue.langchain import errors as ours
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, LLMClient, OpenAIClient


@pytest.mark.parametrize(
    ("status", "kind", "langchains"),
    [
        (429, errors.RateLimitError, lc.ModelRateLimitError),
        (401, errors.AuthenticationError, lc.ModelAuthenticationError),
        (503, errors.LLMServiceUnavailableError, lc.ModelAPIError),
        (400, errors.InvalidRequestError, lc.ModelInvalidRequestError),
    ],
)
async def test_an_error_can_be_caught_by_either_name_however_it_was_asked_for(
    backend: Backend, far: Any, status: int, kind: type[Exception], langchains: type[Exception]
) -> None:
    far.tell("openai", far.fail(status, "no such thing"))
    for number in range(4):
        llm = OpenAIClient(backend=backend, api_key=f"k{number}")  # a new engine, which has not learned yet
        with pytest.raises(langchains) as raised:
            match number:
                case 0:
                    llm.invoke("x")
                case 1:
                    list(llm.stream("x"))
                case 2:
                    await llm.ainvoke("x")
                case 3:
                    [chunk async for chunk in llm.astream("x")]
        assert isinstance(raised.value, kind)
        assert not raised.value.is_retryable  # type: ignore[attr-defined]
        again = pickle.loads(pickle.dumps(raised.value))
        assert (type(again), str(again)) == (type(raised.value), str(raised.value))


def test_every_error_of_the_engine_has_its_class() -> None:
    excluded = {errors.SegueError, errors.ConfigurationError}
    tree = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SegueError)}
    assert tree - excluded == set(ours._OURS)


@pytest.mark.parametrize("kind", sorted(ours._OURS, key=lambda kind: kind.__name__))
def test_an_error_keeps_what_it_tells_and_can_be_sent_to_another_process(kind: type[errors.SegueError]) -> None:
    error = kind("all is lost", **({"delivered": "so far"} if kind is errors.StreamInterruptedError else {}))
    with pytest.raises(lc.ModelError) as raised, ours.raised():
        raise error
    assert raised.value is error
    assert isinstance(error, kind)
    assert not error.is_retryable
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_caller_who_asks_wrongly_gets_no_error_of_a_model(llm: LLMClient) -> None:
    with pytest.raises(errors.ConfigurationError) as raised:
        llm.invoke("x", temperature=9)
    assert not isinstance(raised.value, lc.ModelError)


async def test_langchains_retrying_does_not_multiply_ours(llm: LLMClient, far: Any) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(503))
    agent = create_agent(llm, [], middleware=[ModelRetryMiddleware(max_retries=5, on_failure="error")])
    with pytest.raises(errors.LLMServiceUnavailableError):
        await agent.ainvoke({"messages": [HumanMessage("hi")]})
    assert far.order == ["gemini", "openai", "claude"]


async def test_langchains_summarizing_heeds_a_prompt_that_is_too_long_for_every_target(
    backend: Backend, far: Any
) -> None:
    too_long = far.fail(400, "prompt is too long: 208310 tokens > 200000 maximum")
    far.tell("claude", too_long, far.say("they counted"))
    summing_up = SummarizationMiddleware(
        ClaudeClient(backend=backend), trigger=("messages", 5), keep=("messages", 1), trim_tokens_to_summarize=None
    )
    agent = create_agent(OpenAIClient(backend=backend), [], middleware=[summing_up])
    history = [kind(f"turn {number}: " + "word " * 500) for number in range(9) for kind in (HumanMessage, AIMessage)]
    final = await agent.ainvoke({"messages": [*history, HumanMessage("and now?")]})
    assert far.order == ["claude", "claude", "openai"]
    assert "they counted" in final["messages"][0].content
    assert final["messages"][-1].content == "openai says hello"
