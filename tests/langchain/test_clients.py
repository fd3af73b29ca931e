"""The client as LangChain sees it: calls, streams, metadata, callbacks, options."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import signal
import threading
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.exceptions import ModelError
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, trim_messages
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField

from segue import Sandbox
from segue.chat.events import FinishReason
from segue.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    StreamInterruptedError,
)
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
from segue.langchain.registry import LLMRegistry
from segue.settings_loading import load


def joined(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return whole


def test_a_call_gives_a_message_with_plain_text_and_says_what_it_took(llm: LLMClient, far: Any) -> None:
    answer = llm.invoke([SystemMessage("Be brief."), HumanMessage("hi")])
    assert isinstance(answer, AIMessage)
    assert answer.content == "gemini says hello"
    metadata = answer.response_metadata
    assert metadata["target"] == "gemini"
    assert metadata["model_name"] == "gemini-3.5-flash-lite"
    assert metadata["finish_reason"] == "stop"
    assert [attempt["outcome"] for attempt in metadata["attempts"]] == ["ok"]
    assert (metadata["seams"], metadata["hedges"], metadata["rounds"], metadata["simulated"]) == (0, 0, 1, False)
    assert isinstance(metadata["cost"], float)
    assert metadata["request_id"]
    assert [message.role for message in far.asked[0][1].messages] == ["system", "user"]


async def test_the_four_ways_to_call_say_the_same(llm: LLMClient) -> None:
    ways = [
        llm.invoke("hi"),
        await llm.ainvoke("hi"),
        joined(list(llm.stream("hi"))),
        joined([chunk async for chunk in llm.astream("hi")]),
    ]
    assert {str(way.content) for way in ways} == {"gemini says hello"}
    assert {way.response_metadata["finish_reason"] for way in ways} == {"stop"}
    assert {str(way.usage_metadata) for way in ways} == {str(ways[0].usage_metadata)}


def test_usage_is_reported_once_with_its_details(backend: Backend, far: Any) -> None:
    claude = ClaudeClient(backend=backend)
    chunks = list(claude.stream("hi"))
    assert [chunk.usage_metadata is not None for chunk in chunks].count(True) == 1
    usage = joined(chunks).usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == 16
    assert usage["output_tokens"] == 7
    assert usage["total_tokens"] == 23
    assert usage["input_token_details"] == {"cache_read": 4, "cache_creation": 2}
    openai = OpenAIClient(backend=backend).invoke("hi")
    assert openai.usage_metadata is not None
    assert openai.usage_metadata["output_token_details"] == {"reasoning": 3}


def test_a_stream_comes_piece_by_piece_and_its_end_is_reported_once(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("one ", "two ", "three"))
    chunks = list(llm.stream("count"))
    assert [chunk.content for chunk in chunks] == ["one ", "two ", "three", ""]
    assert [chunk.chunk_position for chunk in chunks] == [None, None, None, "last"]
    for key in ("model_name", "finish_reason", "target", "request_id"):
        assert sum(key in chunk.response_metadata for chunk in chunks) == 1


def test_when_a_provider_is_down_the_next_one_answers_and_the_metadata_tells(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.fail(503))
    answer = llm.invoke("hi")
    assert answer.content == "openai says hello"
    assert [(a["target"], a["outcome"]) for a in answer.response_metadata["attempts"]] == [
        ("gemini", "overload"),
        ("openai", "ok"),
    ]


async def test_a_stream_cut_in_mid_text_goes_on_elsewhere_as_one_stream(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("The quick ", "brown ", "fox jumps over ", "the dog", cut=3))
    far.tell("openai", far.say("the dog"))
    whole = joined([chunk async for chunk in llm.astream("tell")])
    assert whole.content == "The quick brown fox jumps over the dog"
    assert whole.response_metadata["seams"] == 1
    assert whole.response_metadata["target"] == "openai"


def test_a_stream_that_no_target_can_continue_raises_and_is_never_passed_off_as_whole(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("The quick ", "brown", cut=1))
    far.tell("openai", far.fail(503))
    far.tell("claude", far.fail(503))
    seen = []
    with pytest.raises(StreamInterruptedError) as raised:
        seen.extend(chunk.content for chunk in llm.stream("tell"))
    assert "".join(map(str, seen)) == "The quick " == raised.value.delivered


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitError), (401, AuthenticationError), (503, LLMServiceUnavailableError)],
)
def test_when_all_fail_alike_the_error_says_so_and_is_not_retryable(
    llm: LLMClient, far: Any, status: int, kind: type[LLMServiceUnavailableError]
) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(status))
    with pytest.raises(kind) as raised:
        llm.invoke("hi")
    assert isinstance(raised.value, ModelError)
    assert type(raised.value).__bases__[0] is kind
    assert str(raised.value).startswith("All LLM providers failed")
    assert raised.value.is_retryable is False
    assert len(raised.value.attempts) == 3


def test_no_reachable_target_is_a_connection_error() -> None:
    from segue.settings_loading import load
    from segue.transport.memory import MemoryTransport, Refuse, Reply

    settings = load({"OPENAI_API_KEY": "k", "SEGUE_CHAIN": "openai", "SEGUE_LEDGER": "none"}, directory="/nonexistent")
    backend = Backend(settings, transport=MemoryTransport(lambda _: Reply(before=[Refuse("connect")])))
    with pytest.raises(APIConnectionError):
        OpenAIClient(backend=backend, rounds=1).invoke("hi")


def test_a_request_at_fault_stops_at_once(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.fail(400, "bad request: no such thing"))
    with pytest.raises(InvalidRequestError):
        llm.invoke("hi")
    assert far.order == ["gemini"]


def test_a_chain_of_one_never_asks_another(backend: Backend, far: Any) -> None:
    far.tell("claude", far.fail(503))
    with pytest.raises(LLMServiceUnavailableError):
        ClaudeClient(backend=backend).invoke("hi")
    assert set(far.order) == {"claude"}
    assert GeminiClient(backend=backend).invoke("hi").content == "gemini says hello"
    assert OpenAIClient(backend=backend).invoke("hi").content == "openai says hello"


def test_clients_share_what_they_learn_of_a_provider(backend: Backend, far: Any) -> None:
    far.tell("gemini", far.fail(401))
    LLMClient(backend=backend).invoke("hi")
    LLMClient(backend=backend, temperature=0.1).invoke("hi")
    assert far.order == ["gemini", "openai", "openai"]


class Counter(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.events: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("start")

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(str(token))

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("end")

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("error")


class AsyncCounter(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.events: list[str] = []

    async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("start")

    async def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(str(token))

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("end")


async def test_callbacks_hear_each_token_once_however_the_client_is_called(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say("a", "b", "c"))
    for options in ({}, {"streaming": True}):
        llm = OpenAIClient(backend=backend, **options)
        sync, streamed = Counter(), AsyncCounter()
        list(llm.stream("x", config={"callbacks": [sync]}))
        assert [chunk async for chunk in llm.astream("x", config={"callbacks": [streamed]})]
        for heard in (sync, streamed):
            assert [token for token in heard.tokens if token] == ["a", "b", "c"]
            assert heard.events == ["start", "end"]
    invoked = Counter()
    assert OpenAIClient(backend=backend, streaming=True).invoke("x", config={"callbacks": [invoked]}).content == "abc"
    assert [token for token in invoked.tokens if token] == ["a", "b", "c"]


async def test_events_of_a_pipeline_show_each_token_once(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say("a", "b"))
    pipeline = ChatPromptTemplate.from_messages([("human", "{x}")]) | OpenAIClient(backend=backend) | StrOutputParser()
    tokens = [
        event["data"]["chunk"].content
        async for event in pipeline.astream_events({"x": "y"}, version="v2")
        if event["event"] == "on_chat_model_stream"
    ]
    assert [token for token in tokens if token] == ["a", "b"]


def test_a_failed_call_reaches_callbacks_as_an_error(llm: LLMClient, far: Any) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(503))
    heard = Counter()
    with pytest.raises(LLMServiceUnavailableError):
        llm.invoke("x", config={"callbacks": [heard]})
    assert heard.events == ["start", "error"]


def test_one_client_serves_many_event_loops_one_after_another(llm: LLMClient) -> None:
    async def ask() -> str:
        return str((await llm.ainvoke("hi")).content)

    assert {asyncio.run(ask()) for _ in range(4)} == {"gemini says hello"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_goes_on_with_its_parents_client(tmp_path: Any) -> None:
    with Sandbox() as box:
        settings = box.settings(load({"SEGUE_LEDGER": str(tmp_path / "ledger")}, directory="/nonexistent"))
        llm = LLMClient(backend=Backend(settings))
        spoken = llm.invoke("hi").content
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # the child must not outlive a test that fails
            status = 1
            try:
                status = int(
                    not (llm.invoke("hi").content == spoken and asyncio.run(llm.ainvoke("hi")).content == spoken)
                )
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert llm.invoke("hi").content == spoken
        llm.backend.engine().close()


async def test_a_synchronous_call_works_in_the_thread_of_a_running_loop(llm: LLMClient) -> None:
    assert llm.invoke("hi").content == "gemini says hello"
    assert joined(list(llm.stream("hi"))).content == "gemini says hello"


def test_many_threads_may_use_one_client(llm: LLMClient) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(str(llm.invoke("hi").content))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["gemini says hello"] * 8


async def test_batches_and_gathered_calls_all_answer(llm: LLMClient) -> None:
    assert [answer.content for answer in llm.batch(["a", "b", "c"])] == ["gemini says hello"] * 3
    assert [answer.content for answer in await llm.abatch(["a", "b", "c"])] == ["gemini says hello"] * 3


class Meets:
    """Answers none before all three are here."""

    def __init__(self) -> None:
        self.barrier = asyncio.Barrier(3)

    async def ainvoke(self, messages: Any) -> str:
        async with asyncio.timeout(10):
            await self.barrier.wait()
        return f"met {messages[-1].content}"


async def test_a_batch_is_answered_at_the_same_time_and_no_more_than_allowed_at_once(registry: LLMRegistry) -> None:
    for way in ("batch", "abatch"):
        registry.register("mine", Meets())
        llm = registry.get_client("mine")
        assert llm is not None
        # A batch of LangChain's is as wide as its thread pool, which on a small machine is 5.
        answers = llm.batch(["a", "b", "c"]) if way == "batch" else await llm.abatch(["a", "b", "c"])
        assert [answer.content for answer in answers] == ["met a", "met b", "met c"]
    with pytest.raises(LLMServiceUnavailableError):
        await llm.with_options(deadline=0.2).abatch(["a", "b", "c"], config={"max_concurrency": 2})


async def test_a_failure_in_a_batch_can_be_told_apart_from_the_answers(llm: LLMClient, far: Any) -> None:
    for name in ("openai", "claude"):
        far.tell(name, far.fail(503))
    far.tell("gemini", far.say("first"), far.fail(503))
    answers = await llm.abatch(["a", "b"], config={"max_concurrency": 1}, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["AIMessage", "LLMServiceUnavailableError"]


def test_chain_model_and_options_can_be_chosen_for_each_call_in_a_configuration(backend: Backend, far: Any) -> None:
    llm = LLMClient(backend=backend).configurable_fields(
        chain=ConfigurableField(id="chain"),
        model=ConfigurableField(id="model"),
        max_tokens=ConfigurableField(id="most"),
    )
    chosen: Any = {"configurable": {"chain": "claude", "model": "claude-haiku-4-5", "most": 9}}
    assert llm.invoke("x").response_metadata["target"] == "gemini"
    answer = llm.invoke("x", config=chosen)
    assert answer.response_metadata["model_name"] == "claude-haiku-4-5"
    assert far.asked[-1][1].max_tokens == 9
    pipeline = ChatPromptTemplate.from_messages([("human", "{x}")]) | llm | StrOutputParser()
    assert pipeline.invoke({"x": "y"}, config=chosen) == "claude says hello"
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    bound = llm.bind_tools([tool], tool_choice="auto")
    assert bound.invoke("x").response_metadata["target"] == "gemini"
    assert bound.invoke("x", config=chosen).response_metadata["target"] == "claude"
    assert bound.with_config(chosen).invoke("x").response_metadata["target"] == "claude"
    assert [tool.name for tool in far.asked[-1][1].tools] == ["add"]
    far.tell("claude", far.say('{"x": 1}'))
    schema = {"title": "point", "type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    assert llm.with_structured_output(schema).invoke("x", config=chosen) == {"x": 1}
    assert {spec.id for spec in bound.config_specs} == {"chain", "model", "most"}
    with pytest.raises(ConfigurationError, match="names no tool"):
        llm.bind_tools([tool], tool_choice="sub")
    with pytest.raises(ConfigurationError, match="did you mean 'model'"):
        LLMClient(backend=backend).configurable_fields(modle=ConfigurableField(id="model"))


def test_a_conversation_is_trimmed_by_the_clients_own_count(llm: LLMClient) -> None:
    turns = [HumanMessage("word " * 100), AIMessage("word " * 100), HumanMessage("and now?")]
    kept = trim_messages(turns, max_tokens=60, token_counter=llm, strategy="last")
    assert [message.content for message in kept] == ["and now?"]


async def test_leaving_a_stream_early_stops_the_provider(far: Any, backend: Backend) -> None:
    far.tell("openai", far.say(*(f"t{n} " for n in range(200))))
    llm = OpenAIClient(backend=backend)
    async for _ in (stream := llm.astream("x")):
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert backend._transport is not None
    assert not backend._transport.open  # type: ignore[attr-defined]


def test_options_reach_the_provider_from_constructor_bind_and_call(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend, temperature=0.1, max_tokens=11, stop=["END"], top_p=0.9, seed=7)
    llm.invoke("x")
    llm.bind(temperature=0.2).invoke("x", max_tokens=12)
    llm.invoke("x", stop=["HALT"])
    first, second, third = (request for _, request in far.asked)
    assert (first.temperature, first.max_tokens, first.stop, first.top_p, first.seed) == (0.1, 11, ("END",), 0.9, 7)
    assert (second.temperature, second.max_tokens) == (0.2, 12)
    assert third.stop == ("HALT",)


def test_the_guides_defaults_hold_where_nothing_is_set(backend: Backend, far: Any) -> None:
    OpenAIClient(backend=backend).invoke("x")
    assert (far.asked[0][1].temperature, far.asked[0][1].max_tokens) == (0.7, 1500)


def test_a_model_can_be_named_for_a_client_and_for_a_call(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend, model="gpt-4o")
    assert llm.invoke("x").response_metadata["model_name"] == "gpt-4o"
    assert llm.invoke("x", model="gpt-4.1-mini").response_metadata["model_name"] == "gpt-4.1-mini"
    assert far.models == ["gpt-4o", "gpt-4.1-mini"]


def test_with_options_gives_a_changed_copy_that_shares_the_engine(backend: Backend, far: Any) -> None:
    llm = LLMClient(backend=backend, temperature=0.1, top_p=0.5)
    other = llm.with_options(temperature=0.9, fallback=False, deadline=5.0, model="gemini-3.5-flash")
    assert (llm.temperature, other.temperature, llm.model) == (0.1, 0.9, None)
    assert other.options == {"top_p": 0.5, "fallback": False, "deadline": 5.0}
    far.tell("gemini", far.fail(503))
    with pytest.raises(LLMServiceUnavailableError):
        other.invoke("x")
    assert llm.invoke("x").content == "openai says hello"
    assert far.models[0] == "gemini-3.5-flash"


def test_a_key_and_an_address_can_be_given_to_a_client(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend, api_key="sk-mine", base_url="http://openai.mine/v1")
    assert llm.invoke("x").content == "openai says hello"
    assert far.headers[0]["authorization"] == "Bearer sk-mine"
    OpenAIClient(backend=backend).invoke("x")
    assert far.headers[1]["authorization"] == "Bearer openai-secret"


def test_a_key_is_not_taken_with_a_call_because_calls_are_traced(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend)
    with pytest.raises(ConfigurationError, match="with_options") as raised:
        llm.invoke("x", api_key="sk-mine")
    assert "sk-mine" not in str(raised.value)
    llm.with_options(api_key="sk-mine").invoke("x")
    assert far.headers[0]["authorization"] == "Bearer sk-mine"


def test_a_key_alone_makes_a_provider_usable(far: Any, environment: dict[str, str]) -> None:
    from segue.settings_loading import load
    from segue.transport.memory import MemoryTransport

    del environment["CLAUDE_API_KEY"], environment["CLAUDE_BASE_URL"]
    backend = Backend(load(environment, directory="/nonexistent"), transport=MemoryTransport(far))
    with pytest.raises(ConfigurationError, match="CLAUDE_API_KEY"):
        ClaudeClient(backend=backend).invoke("x")
    llm = ClaudeClient(backend=backend, api_key="sk-ant-x", base_url="http://claude.test")
    assert llm.invoke("x").content == "claude says hello"


def test_no_secret_is_shown_anywhere(backend: Backend) -> None:
    llm = OpenAIClient(backend=backend, api_key="sk-very-secret")
    shown = f"{llm!r} {llm} {llm._identifying_params} {llm._get_ls_params()} {llm._serialized} {llm.asdict()}"
    shown += f"{llm.bind_tools([])!r} {llm._get_llm_string()}"
    assert "sk-very-secret" not in shown
    assert "openai-secret" not in shown
    assert not llm.is_lc_serializable()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temprature": 0.5}, "'temprature' is not an option of OpenAIClient: did you mean 'temperature'"),
        ({"temperature": 3}, "temperature=3.* is out of range: use 0 to 2"),
        ({"temperature": "hot"}, "temperature='hot' is wrong"),
        ({"max_tokens": 0}, "max_tokens=0 is out of range"),
        ({"timeout": -1}, "timeout"),
        ({"effort": "enormous"}, "effort"),
        ({"max_tokens": 5, "max_output_tokens": 6}, "max_output_tokens says the same as max_tokens"),
        ({"chain": []}, "chain"),
        ({"streaming": "perhaps"}, "streaming"),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(backend: Backend, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OpenAIClient(backend=backend, **given)


def test_a_wrong_option_of_a_call_is_refused_too(llm: LLMClient, far: Any) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        llm.invoke("x", temprature=0.5)
    with pytest.raises(ConfigurationError, match="out of range"):
        llm.invoke("x", temperature=9)
    assert far.asked == []


def test_a_key_for_a_chain_of_many_is_refused(backend: Backend) -> None:
    with pytest.raises(ConfigurationError, match="belong to one target"):
        LLMClient(backend=backend, api_key="k")
    with pytest.raises(ConfigurationError, match="belong to one target"):
        LLMClient(backend=backend).with_options(base_url="http://x")


def test_the_words_of_other_packages_are_understood(backend: Backend) -> None:
    llm = OpenAIClient(
        backend=backend, model_name="gpt-4o", max_completion_tokens=5, request_timeout=9, openai_api_key="k"
    )
    assert (llm.model, llm.max_tokens, llm.timeout) == ("gpt-4o", 5, 9.0)
    assert llm.api_key is not None
    assert llm.api_key.get_secret_value() == "k"


def test_max_retries_counts_the_rounds_beyond_the_first(backend: Backend, far: Any) -> None:
    far.tell("openai", far.fail(503), far.fail(503), far.say("at last"))
    llm = OpenAIClient(backend=backend, max_retries=2, round_wait=(0.0, 0.01))
    assert llm.invoke("x").content == "at last"


def test_without_any_key_the_call_says_which_to_set() -> None:
    from segue.settings_loading import load

    backend = Backend(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    llm = LLMClient(backend=backend)
    with pytest.raises(ConfigurationError, match=r"GEMINI_API_KEY.*OPENAI_API_KEY.*CLAUDE_API_KEY"):
        llm.invoke("hi")


def test_the_profile_promises_what_every_target_of_the_chain_can_do(backend: Backend, llm: LLMClient) -> None:
    one, many = OpenAIClient(backend=backend).profile, llm.profile
    assert one is not None
    assert many is not None
    assert one["name"] == "gpt-4.1"
    assert one["tool_calling"] is True
    assert many["max_input_tokens"] <= one["max_input_tokens"]
    assert OpenAIClient(backend=backend, model="gpt-4o").profile["max_input_tokens"] == 128_000  # type: ignore[index]


def test_traces_name_provider_and_model(backend: Backend, llm: LLMClient) -> None:
    claude = ClaudeClient(backend=backend, temperature=0.5, max_tokens=9)
    params = claude._get_ls_params(stop=["x"])
    assert params["ls_provider"] == "anthropic"
    assert params["ls_model_name"] == "claude-sonnet-5-5"
    assert (params["ls_temperature"], params["ls_max_tokens"], params["ls_stop"]) == (0.5, 9, ["x"])
    assert llm._get_ls_params()["ls_provider"] == "segue"


def test_clients_that_answer_differently_are_told_apart_by_caches(backend: Backend, llm: LLMClient) -> None:
    strings = {
        llm._get_llm_string(),
        llm.with_options(temperature=0.1)._get_llm_string(),
        llm.with_options(chain=["claude", "gemini"])._get_llm_string(),
        llm.with_options(model="gemini-3.5-flash")._get_llm_string(),
    }
    assert len(strings) == 4
    assert llm._get_llm_string() == LLMClient(backend=backend)._get_llm_string()


def test_tokens_are_estimated_without_any_tokenizer_installed(llm: LLMClient) -> None:
    assert 1 <= llm.get_num_tokens("hello world") <= 6
    assert llm.get_num_tokens_from_messages([HumanMessage("hello world")]) >= llm.get_num_tokens("hello world")


def test_a_ready_engine_can_be_used_instead(backend: Backend, far: Any) -> None:
    engine = backend.engine()
    assert LLMClient(engine=engine).invoke("hi").content == "gemini says hello"
    assert OpenAIClient(engine=engine).invoke("hi").content == "openai says hello"
    with pytest.raises(ConfigurationError, match="the engine's own"):
        OpenAIClient(engine=engine, api_key="k")


def test_an_answer_cut_by_its_token_limit_says_so(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say("Once upon", reason=FinishReason.LENGTH))
    assert OpenAIClient(backend=backend).invoke("x").response_metadata["finish_reason"] == "length"


def test_what_the_model_does_not_take_is_left_out_and_named(backend: Backend) -> None:
    answer = ClaudeClient(backend=backend, temperature=0.3).invoke("x")
    assert "temperature" in answer.response_metadata["omitted"]


def test_what_a_conversation_gave_can_be_sent_back(llm: LLMClient, far: Any) -> None:
    history = [HumanMessage("hi")]
    answer = llm.invoke(history)
    llm.invoke([*history, answer, HumanMessage("and now?")])
    assert [message.role for message in far.asked[1][1].messages] == ["user", "assistant", "user"]
    assert far.asked[1][1].messages[1].text == "gemini says hello"


def test_a_client_can_be_configured_copied_and_pickled(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend, temperature=0.1, top_p=0.5)
    llm.invoke("x")
    configured = llm.configurable_fields(temperature=ConfigurableField(id="warmth"))
    configured.invoke("x", config={"configurable": {"warmth": 0.9}})
    copy.deepcopy(llm).invoke("x")
    assert [(request.temperature, request.top_p) for _, request in far.asked] == [(0.1, 0.5), (0.9, 0.5), (0.1, 0.5)]
    again = pickle.loads(pickle.dumps(OpenAIClient(temperature=0.3)))
    assert (type(again), again.temperature) == (OpenAIClient, 0.3)


def test_what_is_the_default_may_be_set(backend: Backend, far: Any) -> None:
    llm = OpenAIClient(backend=backend, stream_usage=True)
    assert llm.invoke("x", stream_usage=True).usage_metadata is not None


def test_langchains_cache_answers_an_equal_question_without_asking_again(backend: Backend, far: Any) -> None:
    cache = InMemoryCache()
    for _ in range(2):
        OpenAIClient(backend=backend, cache=cache).invoke("x")
    assert len(far.asked) == 1
    OpenAIClient(backend=backend, cache=cache, temperature=0.9).invoke("x")
    assert len(far.asked) == 2


def test_a_client_over_a_ready_model_cannot_be_given_another_one(backend: Backend) -> None:
    llm = LLMClient(client=FakeListChatModel(responses=["x"]), streams=False, backend=backend, chain="mine")
    assert llm.invoke("hi").response_metadata["target"] == "mine"
    with pytest.raises(ConfigurationError, match="can't be given another model"):
        llm.invoke("hi", model="other")
    with pytest.raises(ConfigurationError, match="can't be given another base_url"):
        llm.invoke("hi", base_url="http://x")


def test_an_attribute_that_is_no_field_can_only_be_set_by_a_class_with_its_own_init(backend: Backend) -> None:
    with pytest.raises(ValueError, match="temprature"):
        OpenAIClient(backend=backend).temprature = 0.5
