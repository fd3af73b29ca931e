"""Agents of LangGraph and of LangChain's `create_agent` over a chain whose provider dies between and within the rounds of tools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypedDict

import msgspec
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, wrap_model_call
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel

from segue import Sandbox
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.errors import LLMServiceUnavailableError
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
from segue.langchain.registry import LLMRegistry
from segue.policy import Policy, StallPolicy
from segue.sandbox import Reply
from segue.settings_loading import load

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

POLICY = Policy(rounds=1, quick_retry=(0.0, 0.0), hedge=False)
IMPATIENT = StallPolicy(gap_hedge=(0.1, 0.15), gap_give_up=1.5, quiet_give_up=1.5)
CLIENTS = {"gemini": GeminiClient, "openai": OpenAIClient, "claude": ClaudeClient}
LOOK, CONVERT, FINAL = (
    "Let me look that up for you.",
    "Both are known now; I convert them.",
    "Seoul has 70 and Busan has 75 degrees, in Fahrenheit.",
)
ROUNDS = {
    0: Reply(
        thinking="I need two look-ups.",
        text=LOOK,
        calls=(
            ToolCall(id="call_a", name="weather", arguments='{"city": "Seoul"}'),
            ToolCall(id="call_b", name="weather", arguments='{"city": "Busan"}'),
        ),
    ),
    2: Reply(text=CONVERT, calls=(ToolCall(id="call_c", name="convert", arguments='{"celsius": [21, 24]}'),)),
    3: Reply(text=FINAL),
}
"""What is answered, by the number of results that are there."""


def reply(request: ChatRequest) -> Reply:
    called = [call.id for message in request.messages for call in message.tool_calls]
    results = [part.call_id for message in request.messages if message.role == "tool" for part in message.parts]  # type: ignore[union-attr]
    if called != results or len(set(called)) != len(called):
        raise AssertionError(f"calls {called} and results {results} do not fit")
    return ROUNDS[len(results)]


class Trip(BaseModel):
    """Where to go."""

    city: str
    degrees: int


def trip(request: ChatRequest) -> Reply:
    document = '{"city": "Busan", "degrees": 24}'
    by_call = any(tool.name == "Trip" for tool in request.tools)
    return Reply(calls=(ToolCall(id="t", name="Trip", arguments=document),)) if by_call else Reply(text=document)


@pytest.fixture(scope="module")
def healthy() -> Iterator[Sandbox]:
    with Sandbox(reply=reply) as box:
        yield box


@pytest.fixture(scope="module")
def failing() -> Iterator[Sandbox]:
    with Sandbox(reply=reply) as box:
        yield box


@pytest.fixture
def box(failing: Sandbox) -> Iterator[Sandbox]:
    yield failing
    for name in CLIENTS:
        failing.heal(name)


def backend_of(box: Sandbox, policy: Policy = POLICY) -> Backend:
    settings = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    return Backend(msgspec.structs.replace(settings, policy=policy))


def graph_of(llm: Any, tools: list[Any]) -> Any:
    """A ReAct agent as LangGraph's own pages write it."""
    bound = llm.bind_tools(tools)

    async def call_model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", call_model)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile()


def made_agent(llm: Any, tools: list[Any]) -> Any:
    return create_agent(llm, tools)


def tools_that(happens: Callable[[], None] = lambda: None) -> list[Any]:
    """The agent's tools; in the first round of them something happens."""

    @tool
    def weather(city: str) -> str:
        """The temperature in a city, in Celsius."""
        happens()
        return {"Seoul": "21", "Busan": "24"}[city]

    @tool
    def convert(celsius: list[float]) -> str:
        """Celsius to Fahrenheit."""
        return ", ".join(str(round(degrees * 9 / 5 + 32)) for degrees in celsius)

    return [weather, convert]


class Heard(TypedDict):
    texts: list[str]
    calls: list[tuple[str, str]]
    final: list[BaseMessage]


async def heard(agent: Any) -> Heard:
    """What a reader of the stream sees, message by message, and the state at the end."""
    pieces: dict[str, list[AIMessageChunk]] = defaultdict(list)
    final: dict[str, Any] = {}
    question = {"messages": [HumanMessage("How warm is it in Seoul and Busan?")]}
    async for mode, update in agent.astream(question, stream_mode=["messages", "values"]):
        if mode == "values":
            final = update
        elif isinstance(update[0], AIMessageChunk):
            pieces[str(update[0].id)].append(update[0])
    chunks = [piece for message in pieces.values() for piece in message]
    return Heard(
        texts=["".join(str(piece.content) for piece in message) for message in pieces.values()],
        calls=[(str(call["name"]), str(call["args"])) for piece in chunks for call in piece.tool_call_chunks],
        final=final["messages"],
    )


def check(update: Heard) -> None:
    """The whole conversation, each token and call once."""
    assert update["texts"] == [LOOK, CONVERT, FINAL]
    assert update["calls"] == [(call.name, call.arguments) for spoken in ROUNDS.values() for call in spoken.calls]
    kinds = [message.type for message in update["final"]]
    assert kinds == ["human", "ai", "tool", "tool", "ai", "tool", "ai"]
    assert [message.text for message in update["final"] if isinstance(message, AIMessage)] == update["texts"]
    assert [message.content for message in update["final"] if isinstance(message, ToolMessage)] == [
        "21",
        "24",
        "70, 75",
    ]


@pytest.mark.parametrize("make", [graph_of, made_agent])
@pytest.mark.parametrize("name", CLIENTS)
async def test_an_agent_shows_each_token_once(healthy: Sandbox, make: Any, name: str) -> None:
    check(await heard(make(CLIENTS[name](backend=backend_of(healthy)), tools_that())))


FAULTS = ["503", "cut:after=0", "cut:after=3", "cut:after=9", "drop:after=10", "error_event:after=8"]
"""Before anything, at once, in the text, in a call's arguments or between two calls."""


@pytest.mark.parametrize("round", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("first", CLIENTS)
async def test_an_agent_keeps_working_while_its_provider_dies(box: Sandbox, first: str, fault: str, round: int) -> None:
    rest = [name for name in CLIENTS if name != first]
    llm = LLMClient(chain=[first, *rest], backend=backend_of(box))
    if round == 1:
        box.break_provider(first, fault)
        agent = graph_of(llm, tools_that())
    else:
        agent = graph_of(llm, tools_that(lambda: box.break_provider(first, fault)))
    update = await heard(agent)
    check(update)
    answers = [message for message in update["final"] if isinstance(message, AIMessage)]
    tried = [attempt for message in answers for attempt in message.response_metadata["attempts"]]
    assert any((attempt["target"], attempt["outcome"]) == (first, "ok") for attempt in tried) == (round == 2)
    assert any(attempt["target"] == first and attempt["outcome"] != "ok" for attempt in tried)
    assert answers[-1].response_metadata["target"] == rest[0]


async def test_an_agent_keeps_working_while_its_provider_falls_silent(box: Sandbox) -> None:
    llm = LLMClient(backend=backend_of(box, POLICY.replace(stall=IMPATIENT)))
    check(await heard(made_agent(llm, tools_that(lambda: box.break_provider("gemini", "freeze:after=5")))))


@pytest.mark.parametrize("first", CLIENTS)
async def test_the_state_of_such_an_agent_is_valid_for_every_provider_and_package(
    box: Sandbox, healthy: Sandbox, first: str
) -> None:
    rest = [name for name in CLIENTS if name != first]
    llm = LLMClient(chain=[first, *rest], backend=backend_of(box), thinking_budget=1024, max_tokens=4096)
    update = await heard(made_agent(llm, tools_that(lambda: box.break_provider(first, "cut:after=4"))))
    check(update)
    url = healthy.base_url
    packages = [
        ChatOpenAI(model="gpt-4.1", base_url=url("openai"), api_key="k"),  # type: ignore[arg-type]
        ChatAnthropic(model="claude-haiku-4-5", base_url=url("claude"), api_key="k"),  # type: ignore[call-arg,arg-type]
        ChatGoogleGenerativeAI(model="gemini-3.5-flash-lite", base_url=url("gemini"), api_key="k"),
    ]
    ours = [client(backend=backend_of(healthy)) for client in CLIENTS.values()]
    for model in [*ours, *packages]:
        bound = model.bind_tools(tools_that())
        assert bound.invoke([*update["final"], HumanMessage("And now?")]).text == FINAL


async def test_two_providers_may_die_one_after_the_other(box: Sandbox) -> None:
    box.break_provider("gemini", "cut:after=4")
    llm = LLMClient(backend=backend_of(box))
    check(await heard(made_agent(llm, tools_that(lambda: box.break_provider("openai", "cut:after=9")))))


async def test_when_all_are_down_the_agent_fails_and_goes_on_from_its_last_state_later(box: Sandbox) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    def outage() -> None:
        for name in CLIENTS:
            box.break_provider(name, "cut:after=0")

    llm = LLMClient(backend=backend_of(box))
    agent = create_agent(llm, tools_that(outage), checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(LLMServiceUnavailableError):
        await agent.ainvoke({"messages": [HumanMessage("How warm is it?")]}, thread)
    for name in CLIENTS:
        box.heal(name)
    final = await agent.ainvoke(None, thread)
    assert final["messages"][-1].text == FINAL


def test_a_synchronous_agent_works_too_also_from_threads(healthy: Sandbox) -> None:
    agent = create_agent(LLMClient(backend=backend_of(healthy)), tools_that())
    inputs: list[Any] = [{"messages": [HumanMessage("How warm?")]}] * 4
    assert [final["messages"][-1].text for final in agent.batch(inputs)] == [FINAL] * 4
    tokens = [
        piece.text for piece, _ in agent.stream(inputs[0], stream_mode="messages") if isinstance(piece, AIMessageChunk)
    ]
    assert "".join(tokens) == LOOK + CONVERT + FINAL


@pytest.mark.parametrize("how", [ToolStrategy(Trip), ProviderStrategy(Trip), Trip])
@pytest.mark.parametrize("fault", [None, "cut:after=2"])
async def test_an_agent_answers_in_a_schema(how: Any, fault: str | None) -> None:
    with Sandbox(reply=trip, faults={"gemini": fault} if fault else {}) as box:
        agent = create_agent(LLMClient(backend=backend_of(box)), tools_that(), response_format=how)
        final = await agent.ainvoke({"messages": [HumanMessage("Where to?")]})
    assert final["structured_response"] == Trip(city="Busan", degrees=24)


async def test_middleware_may_choose_another_chain_or_model_for_each_call(healthy: Sandbox) -> None:
    llm = LLMClient(backend=backend_of(healthy))

    @wrap_model_call
    async def cheap_first(request: ModelRequest[Any], handler: Any) -> Any:
        turn = sum(isinstance(message, AIMessage) for message in request.messages)
        return await handler(request.override(model=llm.with_options(chain=("claude", "openai", "gemini")[turn])))

    update = await heard(create_agent(llm, tools_that(), middleware=[cheap_first]))
    check(update)
    answers = [message for message in update["final"] if isinstance(message, AIMessage)]
    assert [message.response_metadata["target"] for message in answers] == ["claude", "openai", "gemini"]


async def test_a_run_of_an_agent_may_choose_its_chain_in_its_configuration(healthy: Sandbox) -> None:
    llm = LLMClient(backend=backend_of(healthy)).configurable_fields(chain=ConfigurableField(id="chain"))
    agent: Any = create_agent(llm, tools_that())  # type: ignore[arg-type]
    question = {"messages": [HumanMessage("How warm is it?")]}
    for chain, target in (({}, "gemini"), ({"chain": "claude"}, "claude")):
        final = await agent.ainvoke(question, {"configurable": chain})
        assert final["messages"][-1].response_metadata["target"] == target
        assert final["messages"][-1].text == FINAL


@pytest.mark.parametrize("fault", ["503", "cut:after=3", "cut:after=9"])
async def test_a_packages_model_within_the_chain_is_not_heard_twice_by_a_graph(box: Sandbox, fault: str) -> None:
    registry = LLMRegistry(backend=backend_of(box))
    registry.register("mine", ChatOpenAI(model="gpt-4.1", base_url=box.base_url("openai"), api_key="k"))  # type: ignore[arg-type]
    llm = registry.get_client_with_fallback(["mine", "claude"])
    update = await heard(graph_of(llm, tools_that(lambda: box.break_provider("openai", fault))))
    check(update)
    answers = [message for message in update["final"] if isinstance(message, AIMessage)]
    assert [message.response_metadata["target"] for message in answers] == ["mine", "claude", "claude"]


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel:langchain_core._api.LangChainBetaWarning")
def test_an_agents_events_of_version_3_show_each_token_once_while_its_provider_dies(box: Sandbox) -> None:
    llm = LLMClient(backend=backend_of(box))
    agent = create_agent(llm, tools_that(lambda: box.break_provider("gemini", "cut:after=4")))
    stream = agent.stream_events({"messages": [HumanMessage("How warm?")]}, version="v3")
    update = [event["params"]["data"][0] for event in stream if event["method"] == "messages"]
    deltas = [event["delta"] for event in update if event["event"] == "content-block-delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == LOOK + CONVERT + FINAL
    assert stream.output["messages"][-1].text == FINAL
