"""What tracers, usage counters and graphs get of a call: once, whichever target answers, with what it took."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.context import collect_runs
from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith import Client
from langsmith.run_helpers import tracing_context

from segue.errors import LLMServiceUnavailableError
from segue.langchain.clients import LLMClient
from segue.langchain.registry import LLMRegistry

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def inner() -> BaseChatModel:
    """A LangChain model that, asked openly, would tell listeners of itself."""
    answers = (
        AIMessage("one two", usage_metadata=USAGE, response_metadata={"model_name": "inner-1"})  # type: ignore[arg-type]
        for _ in range(9)
    )
    return GenericFakeChatModel(messages=answers)


class Guides:
    """A user's custom client; it does not pass callbacks, so LangChain passes them by context."""

    def __init__(self) -> None:
        self.model = inner()

    async def ainvoke(self, messages: Any) -> AIMessage:
        return await self.model.ainvoke(messages)


@pytest.mark.parametrize("mine", [inner, Guides])
async def test_a_model_within_a_model_is_heard_of_once_also_from_within_a_graph(
    registry: LLMRegistry, mine: Any
) -> None:
    registry.register("mine", mine, streams=False)
    llm = registry.get_client_with_fallback(["mine"])

    async def node(text: str, config: RunnableConfig) -> Any:
        return await llm.ainvoke(text, config)

    with collect_runs() as runs, get_usage_metadata_callback() as usage:
        await RunnableLambda(node).ainvoke("hi")
        await llm.ainvoke("hi")
        llm.invoke("hi")
    assert [(run.run_type, len(run.child_runs)) for run in runs.traced_runs] == [("chain", 1), ("llm", 0), ("llm", 0)]
    (counted,) = usage.usage_metadata.values()
    assert (counted["input_tokens"], counted["output_tokens"]) == (9, 6)


@pytest.mark.parametrize("mine", [inner, Guides])
async def test_langsmith_is_sent_one_run_a_call(registry: LLMRegistry, mine: Any) -> None:
    registry.register("mine", mine, streams=False)
    llm = registry.get_client_with_fallback(["mine"])
    session = MagicMock()
    langsmith = Client(api_url="http://langsmith.test", api_key="k", session=session, auto_batch_tracing=False, info={})
    with tracing_context(enabled=True, client=langsmith):
        await llm.ainvoke("hi")
        llm.invoke("hi")
    wait_for_all_tracers()
    sent = [call.args[0] for call in session.request.mock_calls if len(call.args) > 1]
    assert sent.count("POST") == sent.count("PATCH") == 2


async def test_a_trace_names_who_answered_and_what_was_tried(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.fail(503))
    with collect_runs() as runs:
        await llm.ainvoke("hi", config={"run_name": "ask", "metadata": {"tenant": "t1"}, "tags": ["a"]})
        assert [chunk async for chunk in llm.astream("hi")]
    for run in runs.traced_runs:
        assert run.outputs is not None
        message = run.outputs["generations"][0][0]["message"]["kwargs"]
        assert message["response_metadata"]["target"] == "openai"
        assert [attempt["target"] for attempt in message["response_metadata"]["attempts"]][-1] == "openai"
        assert message["usage_metadata"]["output_tokens"] == 7
        assert run.extra is not None
        assert run.extra["metadata"]["ls_provider"] == "segue"
        assert run.extra["metadata"]["ls_model_type"] == "chat"
    first = runs.traced_runs[0]
    assert (first.name, first.extra["metadata"]["tenant"], first.tags) == ("ask", "t1", ["a"])  # type: ignore[index]


async def test_a_trace_of_a_failure_tells_each_target_and_no_key(llm: LLMClient, far: Any) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(503))
    with collect_runs() as runs:
        with pytest.raises(LLMServiceUnavailableError):
            await llm.ainvoke("hi")
        with pytest.raises(LLMServiceUnavailableError):
            [chunk async for chunk in llm.astream("hi")]
    assert len(runs.traced_runs) == 2
    for run in runs.traced_runs:
        for name in ("gemini", "openai", "claude"):
            assert name in str(run.error)
        assert "secret" not in str(run.error) + str(run.extra) + str(run.serialized)


async def test_usage_counters_sum_what_each_model_used_under_its_name(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("a"), far.fail(503))
    with get_usage_metadata_callback() as usage:
        await llm.abatch([[HumanMessage("1")]])
        await llm.ainvoke("2")
        list(llm.stream("3"))
    assert {name: counted["output_tokens"] for name, counted in usage.usage_metadata.items()} == {
        "gemini-3.5-flash-lite": 7,
        "gpt-4.1": 14,
    }


async def test_the_order_of_a_calls_events_is_langchains(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("one ", "two"))
    events = [event async for event in llm.astream_events("hi", version="v2")]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("on_chat_model_start", "on_chat_model_end")
    assert set(kinds[1:-1]) == {"on_chat_model_stream"}
    spoken = "".join(str(event["data"]["chunk"].content) for event in events[1:-1])  # type: ignore[typeddict-item]
    assert spoken == "one two" == events[-1]["data"]["output"].content
    assert events[-1]["data"]["output"].response_metadata["target"] == "gemini"
