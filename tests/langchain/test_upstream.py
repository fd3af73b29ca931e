"""Any LangChain model as a target: what it says, what it raises, and what it must not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from segue.catalog.models import find_model
from segue.chat.events import (
    Failed,
    Finished,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UsageReport,
)
from segue.chat.failure import FailureKind
from segue.chat.messages import Message, ToolCall, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.failover.upstream import Ask, Receipt
from segue.langchain.messages import CALL_SIGNATURES
from segue.langchain.registry import LLMRegistry
from segue.langchain.target_factories import prepared, target_of
from segue.langchain.upstream import LangChainUpstream


class Scripted(BaseChatModel):
    """A model that streams these chunks, or answers this message; an exception among them is raised."""

    script: list[Any] = []
    message: Any = None
    model: str = "scripted-1"
    max_retries: int = 0
    seen: list[Any] = []

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.seen.append((messages, kwargs | {"stop": stop}))
        return ChatResult(generations=[ChatGeneration(message=self.message)])

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.seen.append((messages, kwargs | {"stop": stop}))
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            yield ChatGenerationChunk(message=step)

    def bind_tools(self, tools: Any, *, parallel_tool_calls: bool | None = None, **kwargs: Any) -> Any:
        return self.bind(tools=tools, parallel_tool_calls=parallel_tool_calls, **kwargs)


def scripted(*script: Any, **fields: Any) -> Scripted:
    return Scripted(script=list(script), seen=[], **fields)


def chunk(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def done(reason: str = "stop", **fields: Any) -> AIMessageChunk:
    return chunk(response_metadata={"finish_reason": reason}, **fields)


async def events(model: Any, request: ChatRequest | None = None, *, streams: bool = True, omit: Any = ()) -> list[Any]:
    target = target_of("x", model, streams=streams)
    upstream = LangChainUpstream(model, target)
    ask = Ask(request=request or ChatRequest(messages=(user("hi"),)), connect=1.0, omit=frozenset(omit))
    receipt = Receipt()
    received = [event async for batch in upstream.stream(ask, receipt) for event in batch]
    assert receipt.sent or isinstance(received[0], Failed)
    return received


def failure(received: list[Any]) -> Any:
    assert isinstance(received[-1], Failed)
    return received[-1].failure


async def test_what_breaks_after_the_finish_reason_changes_nothing() -> None:
    received = await events(scripted(chunk("a"), done("stop"), RuntimeError("the connection was reset")))
    assert received[1:] == [TextDelta("a"), Finished(FinishReason.STOP, "stop")]
    assert isinstance((await events(scripted(chunk("a"), RuntimeError("reset"))))[-1], Failed)


async def test_text_usage_and_the_finish_reason_are_reported() -> None:
    usage = {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}
    more = {"input_tokens": 0, "output_tokens": 2, "total_tokens": 2, "output_token_details": {"reasoning": 1}}
    received = await events(scripted(chunk("a", usage_metadata=usage), chunk("b"), done("length", usage_metadata=more)))
    assert [event.text for event in received if isinstance(event, TextDelta)] == ["a", "b"]
    reports = [event.usage for event in received if isinstance(event, UsageReport)]
    assert reports == [
        Usage(input_tokens=5, output_tokens=1),
        Usage(input_tokens=5, output_tokens=3, reasoning_tokens=1),
    ]
    assert received[-1] == Finished(FinishReason.LENGTH, raw="length")


async def test_cached_input_is_counted_apart() -> None:
    details = {"cache_read": 3, "cache_creation": 0, "ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1}
    usage = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11, "input_token_details": details}
    received = await events(scripted(chunk("a", usage_metadata=usage), done()))
    (report,) = [event.usage for event in received if isinstance(event, UsageReport)]
    assert report == Usage(
        input_tokens=4, cache_read_tokens=3, cache_write_tokens=2, cache_write_1h_tokens=1, output_tokens=1
    )


@pytest.mark.parametrize("odd", [-3, 1 << 62, float("nan"), "many"])
async def test_impossible_counts_are_not_believed_nor_what_is_added_to_them(odd: object) -> None:
    usage: Any = {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}
    pieces = chunk("a", usage_metadata=usage), chunk("b"), chunk("c", usage_metadata=usage), done("stop")
    pieces[1].usage_metadata = usage | {"output_tokens": odd}
    received = await events(scripted(*pieces))
    reports = [event.usage for event in received if isinstance(event, UsageReport)]
    assert reports == [Usage(input_tokens=5, output_tokens=1), Usage(), Usage()]


async def test_a_stream_without_a_finish_reason_is_broken_though_langchain_marks_a_last_chunk() -> None:
    received = await events(scripted(chunk("cut off in mid")))
    assert failure(received).kind is FailureKind.BROKEN
    assert "streams=False" in failure(received).message


async def test_a_pipeline_of_bare_texts_is_asked_for_its_whole() -> None:
    pipeline = scripted(chunk("a"), done(), message=AIMessage("whole")) | StrOutputParser()
    assert failure(await events(pipeline)).kind is FailureKind.BROKEN
    received = await events(pipeline, streams=False)
    assert [event.text for event in received if isinstance(event, TextDelta)] == ["whole"]


async def test_a_model_asked_for_whole_messages_needs_no_finish_reason() -> None:
    model = scripted(message=AIMessage("whole"))
    received = await events(model, streams=False)
    assert [event.text for event in received if isinstance(event, TextDelta)] == ["whole"]
    assert received[-1] == Finished(FinishReason.STOP, raw="stop")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"finish_reason": "STOP"}, FinishReason.STOP),
        ({"stop_reason": "end_turn"}, FinishReason.STOP),
        ({"stopReason": "max_tokens"}, FinishReason.LENGTH),
        ({"done_reason": "stop"}, FinishReason.STOP),
        ({"status": "completed"}, FinishReason.STOP),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, FinishReason.LENGTH),
        ({"finish_reason": "SAFETY"}, FinishReason.CONTENT_FILTER),
        ({"stop_reason": "refusal"}, FinishReason.CONTENT_FILTER),
        ({"stop_reason": "pause_turn"}, FinishReason.PAUSE),
    ],
)
async def test_each_packages_word_for_the_end_is_understood(metadata: dict[str, Any], reason: FinishReason) -> None:
    received = await events(scripted(chunk("a"), chunk(response_metadata=metadata)))
    assert isinstance(received[-1], Finished)
    assert received[-1].reason is reason


@pytest.mark.parametrize("metadata", [{"finish_reason": "MALFORMED_FUNCTION_CALL"}, {"status": "failed"}])
async def test_an_end_that_is_none_is_a_failure(metadata: dict[str, Any]) -> None:
    received = await events(scripted(chunk("a"), chunk(response_metadata=metadata)))
    assert failure(received).kind is FailureKind.BROKEN


async def test_a_run_still_in_progress_has_not_ended() -> None:
    received = await events(scripted(chunk("a", response_metadata={"status": "in_progress"})))
    assert failure(received).kind is FailureKind.BROKEN


async def test_a_refusal_of_the_model_is_reported_with_its_words() -> None:
    received = await events(scripted(chunk("", additional_kwargs={"refusal": "I won't."}), done()))
    assert received[-1] == Finished(FinishReason.CONTENT_FILTER, raw="stop", refusal="I won't.")


def piece(index: Any, name: Any, args: Any, id: Any = None) -> AIMessageChunk:
    return chunk(tool_call_chunks=[{"name": name, "args": args, "id": id, "index": index}])


async def test_tool_calls_in_pieces_are_numbered_and_ended() -> None:
    received = await events(
        scripted(
            piece(1, "add", "", "c1"),
            piece(1, None, '{"a"'),
            piece(1, None, ":1}"),
            piece(2, "mul", "{}", "c2"),
            done(),
        )
    )
    assert [event for event in received if isinstance(event, ToolCallDelta | ToolCallEnd)] == [
        ToolCallDelta(0, "c1", "add", ""),
        ToolCallDelta(0, "", "", '{"a"'),
        ToolCallDelta(0, "", "", ":1}"),
        ToolCallEnd(0),
        ToolCallDelta(1, "c2", "mul", "{}"),
        ToolCallEnd(1),
    ]
    assert received[-1] == Finished(FinishReason.TOOL_CALLS, raw="stop")


@pytest.mark.parametrize("index", [None, 0])
async def test_whole_calls_one_after_another_are_told_apart(index: Any) -> None:
    received = await events(scripted(piece(index, "add", "{}", "c1"), piece(index, "add", "{}", "c2"), done()))
    assert [(e.index, e.id) for e in received if isinstance(e, ToolCallDelta)] == [(0, "c1"), (1, "c2")]


async def test_calls_of_a_whole_message_and_their_signatures_are_reported() -> None:
    message = AIMessage(
        "",
        tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}],
        additional_kwargs={CALL_SIGNATURES: {"c1": "sig"}},
    )
    received = await events(scripted(message=message), streams=False)
    (delta,) = [event for event in received if isinstance(event, ToolCallDelta)]
    assert delta == ToolCallDelta(0, "c1", "add", '{"a":1}', signature="sig")
    assert received[-1] == Finished(FinishReason.TOOL_CALLS, raw="tool_calls")


async def test_reasoning_of_a_providers_package_keeps_its_proof() -> None:
    made = {"model_provider": "anthropic"}
    model = scripted(
        chunk([{"type": "thinking", "thinking": "hm", "index": 0}], response_metadata=made),
        chunk([{"type": "thinking", "signature": "s", "thinking": "", "index": 0}], response_metadata=made),
        chunk([{"type": "text", "text": "so", "index": 1}], response_metadata={**made, "stop_reason": "end_turn"}),
    )
    target = target_of("x", model)
    claude = LangChainUpstream(model, __import__("msgspec").structs.replace(target, dialect="claude"))
    ask = Ask(request=ChatRequest(messages=(user("hi"),)), connect=1.0)
    received = [event async for batch in claude.stream(ask, Receipt()) for event in batch]
    assert [event for event in received if isinstance(event, ThinkingDelta)] == [
        ThinkingDelta("hm"),
        ThinkingDelta(signature="s", dialect="claude"),
    ]
    assert [event.text for event in received if isinstance(event, TextDelta)] == ["so"]


async def test_only_what_the_caller_set_is_sent_to_the_model() -> None:
    model = scripted(done())
    await events(model)
    assert model.seen[0][1] == {"stop": None}
    request = ChatRequest(messages=(user("hi"),), temperature=0.5, max_tokens=9, stop=("END",), effort="low")
    await events(model, request, omit={"temperature"})
    assert model.seen[1][1] == {"max_tokens": 9, "stop": ["END"]}


async def test_what_has_no_common_name_is_named_as_left_out() -> None:
    model = scripted(done())
    receipt = Receipt()
    request = ChatRequest(messages=(user("hi"),), effort="low", output=OutputSchema(schema={"type": "object"}))
    ask = Ask(request=request, connect=1.0)
    assert [batch async for batch in LangChainUpstream(model, target_of("x", model)).stream(ask, receipt)]
    assert receipt.omitted == ("effort", "output.schema")


async def test_tools_and_their_choice_are_bound() -> None:
    model = scripted(done())
    request = ChatRequest(
        messages=(user("hi"),),
        tools=(Tool(name="add"),),
        tool_choice=ToolChoice(mode="required"),
        parallel_tool_calls=False,
    )
    await events(model, request)
    received = model.seen[0][1]
    assert received["tools"][0]["function"]["name"] == "add"
    assert (received["tool_choice"], received["parallel_tool_calls"]) == ("any", False)


@pytest.mark.parametrize("choice", [ToolChoice(mode="required"), ToolChoice(mode="tool", name="add")])
@pytest.mark.parametrize("known", [True, False])
async def test_a_model_that_cannot_be_made_to_call_is_asked_to(choice: ToolChoice, known: bool) -> None:
    model = scripted(done())
    target = target_of("x", model)
    if known:
        target = msgspec.structs.replace(target, model=find_model("claude", "claude-sonnet-5-5"))
    request = ChatRequest(messages=(user("hi"),), tools=(Tool(name="add"),), tool_choice=choice)
    receipt = Receipt()
    ask = Ask(request=request, connect=1.0, omit=frozenset(() if known else ("tool_choice",)))
    assert [batch async for batch in LangChainUpstream(model, target).stream(ask, receipt)]
    messages, received = model.seen[0]
    assert "tool_choice" not in received
    assert received["tools"]
    assert messages[0].content.startswith("Answer by calling")
    assert ("`add`" in messages[0].content) == (choice.mode == "tool")
    assert receipt.omitted == ("tool_choice",)


async def test_a_schema_is_asked_for_in_words() -> None:
    model = scripted(done())
    await events(model, ChatRequest(messages=(user("hi"),), output=OutputSchema(schema={"type": "object"})))
    (first, second) = model.seen[0][0]
    assert first.type == "system"
    assert '{"type":"object"}' in first.content
    assert second.content == "hi"


class Status(Exception):
    def __init__(self, status: int, message: str = "no") -> None:
        super().__init__(message)
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Status(429, "slow down"), FailureKind.RATE),
        (Status(401), FailureKind.AUTH),
        (Status(503), FailureKind.OVERLOAD),
        (Status(404), FailureKind.MODEL_GONE),
        (Status(400, "what?"), FailureKind.CALLER),
        (TimeoutError("slow"), FailureKind.TRANSPORT),
        (ConnectionResetError("gone"), FailureKind.TRANSPORT),
        (httpx.ConnectError("refused"), FailureKind.TRANSPORT),
        (NotImplementedError("tools"), FailureKind.CAPABILITY),
        (ValueError("can't say that"), FailureKind.CAPABILITY),
        (RuntimeError("odd"), FailureKind.BROKEN),
    ],
)
async def test_whatever_a_model_raises_is_a_failure_of_the_right_kind(error: Exception, kind: FailureKind) -> None:
    received = await events(scripted(error))
    assert failure(received).kind is kind
    assert type(error).__name__ in failure(received).message or isinstance(error, Status)


async def test_a_model_that_takes_no_tools_is_passed_over_for_a_request_with_tools() -> None:
    request = ChatRequest(messages=(user("hi"),), tools=(Tool(name="add"),))
    received = await events(FakeListChatModel(responses=["x"]), request)
    assert failure(received).kind is FailureKind.CAPABILITY


def test_a_models_own_retries_are_switched_off_and_its_usage_on() -> None:
    own = ChatOpenAI(model="gpt-4.1", api_key="sk-x", temperature=0.3, max_retries=5, stream_usage=False)  # type: ignore[arg-type]
    ready = prepared(own)
    assert (ready.max_retries, ready.stream_usage, ready.temperature) == (0, True, 0.3)
    assert ready.root_async_client.max_retries == 0
    assert own.max_retries == 5
    assert prepared(ready) is ready


def test_a_model_that_cannot_be_rebuilt_is_taken_as_it_is() -> None:
    class Stubborn(Scripted):
        def __init__(self, **fields: Any) -> None:
            if fields["max_retries"] == 0:
                raise RuntimeError("only once")
            super().__init__(**fields)

    model = Stubborn(max_retries=6)
    assert prepared(model) is model


def test_a_target_is_known_by_the_models_provider_and_name() -> None:
    target = target_of("mine", ChatOpenAI(model="gpt-4.1", api_key="sk-x"))  # type: ignore[arg-type]
    assert (target.name, target.provider, target.dialect, target.model.id) == (
        "mine",
        "openai",
        "openai_chat",
        "gpt-4.1",
    )
    assert find_model("openai", "gpt-4.1").successor is not None
    assert target.model.successor is None
    assert "sk-x" not in repr(target)


@pytest.mark.parametrize(
    ("langchains", "ours"),
    [("amazon_bedrock", "aws"), ("google_vertexai", "gemini"), ("anthropic", "claude"), ("xai", "xai")],
)
def test_a_provider_has_the_name_that_prices_are_kept_under(langchains: str, ours: str) -> None:
    class Named(Scripted):
        def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
            return LangSmithParams(ls_provider=langchains, ls_model_name="m-1")

    target = target_of("mine", Named())
    assert (target.provider, target.model.id) == (ours, "m-1")


class Heard(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.starts = 0

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.starts += 1

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        if token:
            self.tokens.append(str(token))


async def test_the_callers_callbacks_hear_of_the_outer_call_only(registry: LLMRegistry) -> None:
    registry.register("mine", scripted(chunk("a"), chunk("b"), done()))
    llm = registry.get_client("mine")
    assert llm is not None
    heard = Heard()
    assert [piece.content async for piece in llm.astream("x", config={"callbacks": [heard]})]
    assert (heard.tokens, heard.starts) == (["a", "b"], 1)
    events = [
        event["data"]["chunk"].content
        async for event in llm.astream_events("x", version="v2")
        if event["event"] == "on_chat_model_stream" and event["data"]["chunk"].content
    ]
    assert events == ["a", "b"]


async def test_a_chain_goes_from_a_langchain_model_to_a_provider_in_mid_stream(registry: LLMRegistry, far: Any) -> None:
    registry.register("mine", scripted(chunk("The quick brown "), chunk("fox "), ConnectionResetError()))
    far.tell("openai", far.say("jumps over the dog"))
    llm = registry.get_client_with_fallback(["mine", "openai"])
    text = "".join([str(piece.content) async for piece in llm.astream("x")])
    assert text == "The quick brown fox jumps over the dog"


def test_a_silent_langchain_model_is_given_up_by_our_timers(registry: LLMRegistry, far: Any) -> None:
    registry.register("mine", scripted(5.0, chunk("late"), done()))
    llm = registry.get_client_with_fallback(["mine", "openai"], timeout=0.1)
    answer = llm.invoke("x")
    assert answer.content == "openai says hello"
    assert answer.response_metadata["attempts"][0]["outcome"] == "stall"


def test_structured_output_of_a_langchain_model_is_checked_and_failed_over(registry: LLMRegistry, far: Any) -> None:
    class Point(BaseModel):
        x: int

    registry.register("mine", scripted(chunk("not JSON"), done()))
    far.tell("openai", far.say('{"x": 1}'))
    llm = registry.get_client_with_fallback(["mine", "openai"])
    assert llm.with_structured_output(Point).invoke("x") == Point(x=1)


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def over_http(handler: Callable[[httpx.Request], httpx.Response]) -> ChatOpenAI:
    return ChatOpenAI(
        model="gpt-4.1",
        api_key="sk-x",  # type: ignore[arg-type]
        base_url="http://api.test/v1",
        http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(handler)),
    )


async def test_chatopenai_as_a_target_streams_through(registry: LLMRegistry) -> None:
    bodies: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14"}
        body = sse(
            {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hel"}}]},
            {**base, "choices": [{"index": 0, "delta": {"content": "lo"}}]},
            {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**base, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
        )
        return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})

    registry.register("mine", over_http(handler))
    llm = registry.get_client("mine")
    assert llm is not None
    answer = await llm.ainvoke([HumanMessage("hi")], temperature=0.2)
    assert answer.content == "hello"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 5
    assert answer.response_metadata["cost"] > 0
    assert bodies[0]["temperature"] == 0.2
    assert bodies[0]["stream_options"] == {"include_usage": True}


async def test_chatopenais_errors_are_judged_as_the_dialects_own_and_not_retried(
    registry: LLMRegistry, far: Any
) -> None:
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        error = {
            "message": "You exceeded your current quota",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
        }
        return httpx.Response(429, json={"error": error})

    registry.register("mine", over_http(handler))
    answer = await registry.get_client_with_fallback(["mine", "openai"]).ainvoke("hi")
    assert answer.content == "openai says hello"
    assert answer.response_metadata["attempts"][0]["outcome"] == "money"
    assert len(calls) == 1


async def test_chatopenai_cut_off_in_mid_stream_is_not_taken_for_whole(registry: LLMRegistry, far: Any) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}
        first = {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Half an "}}]}
        body = b"data: " + json.dumps(first).encode() + b"\n\n"
        return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})

    registry.register("mine", over_http(handler))
    far.tell("openai", far.say("answer is none."))
    answer = await registry.get_client_with_fallback(["mine", "openai"]).ainvoke("hi")
    assert answer.content == "answer is none."
    assert answer.response_metadata["attempts"][0]["outcome"] == "broken"


async def test_a_tool_turn_goes_through_a_langchain_model(registry: LLMRegistry) -> None:
    model = scripted(piece(0, "add", '{"a": 1}', "c1"), done("tool_calls"))
    registry.register("mine", model)
    client = registry.get_client("mine")
    assert client is not None
    llm = client.bind_tools([{"name": "add", "parameters": {"type": "object"}}])
    turn = await llm.ainvoke("x")
    assert turn.tool_calls[0]["args"] == {"a": 1}
    await llm.ainvoke([HumanMessage("x"), turn, ToolMessage("2", tool_call_id="c1", name="add")])
    sent = model.seen[-1][0]
    assert [message.type for message in sent] == ["human", "ai", "tool"]
    assert sent[2].tool_call_id == "c1"


async def test_names_that_the_model_behind_does_not_take_are_changed_for_it_and_changed_back() -> None:
    bound: list[Any] = []

    class Binding(Scripted):
        def bind_tools(self, tools: Any, **options: Any) -> Any:
            bound.extend(tools)
            return self

    chunks = [
        AIMessageChunk(
            "",
            tool_call_chunks=[
                {"index": 0, "id": "a", "name": "fs_read", "args": '{"p": 1}', "type": "tool_call_chunk"}
            ],
        ),
        AIMessageChunk("", response_metadata={"finish_reason": "tool_calls"}),
    ]
    model = Binding(script=chunks)
    request = ChatRequest(messages=(user("go"),), tools=(Tool(name="fs.read", parameters={"type": "object"}),))
    target, receipt = target_of("t", model), Receipt()
    events = [
        event
        async for batch in LangChainUpstream(model, target).stream(Ask(request=request, connect=1.0), receipt)
        for event in batch
    ]
    assert bound[0]["function"]["name"] == "fs_read"
    assert bound[0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert [event.name for event in events if isinstance(event, ToolCallDelta)] == ["fs.read"]


async def test_a_history_that_a_provider_would_refuse_is_healed_for_a_model_too() -> None:
    model = Scripted(script=[AIMessageChunk("fine", response_metadata={"finish_reason": "stop"})])
    call = ToolCall(id="a", name="f")
    request = ChatRequest(messages=(user("go"), Message("assistant", (call,)), user("on")))
    receipt = Receipt()
    async for _ in LangChainUpstream(model, target_of("t", model)).stream(Ask(request=request, connect=1.0), receipt):
        pass
    assert receipt.healed == ("call-without-result",)
