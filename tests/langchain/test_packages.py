"""The providers' own LangChain packages as targets, against simulated providers over real sockets."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

from segue import Sandbox
from segue.chat.request import ChatRequest
from segue.langchain.backend import Backend
from segue.langchain.registry import LLMRegistry
from segue.langchain.target_factories import prepared
from segue.policy import Policy, StallPolicy
from segue.sandbox import Reply
from segue.settings import TargetSettings
from segue.settings_loading import load

# google-genai derives from a class of aiohttp's in a way that aiohttp warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

PACKAGES: dict[str, Callable[[str], Any]] = {
    "openai": lambda url: ChatOpenAI(model="gpt-4.1", base_url=url, api_key="k"),  # type: ignore[arg-type]
    "claude": lambda url: ChatAnthropic(model="claude-haiku-4-5", base_url=url, api_key="k"),  # type: ignore[call-arg,arg-type]
    "gemini": lambda url: ChatGoogleGenerativeAI(model="gemini-3.5-flash-lite", base_url=url, api_key="k"),
}


def count_or_point(request: ChatRequest) -> str | Reply:
    """A package's model is asked for a schema in words, which a model understands."""
    if "point" in request.messages[-1].text and not request.tools:
        return Reply(text='{"x": 3, "label": "here"}')
    return numbered(60)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply=count_or_point) as made:
        yield made


@pytest.fixture(params=sorted(PACKAGES))
def package(request: Any) -> str:
    name: str = request.param
    return name


@pytest.fixture
def registry(box: Sandbox, package: str) -> Iterator[LLMRegistry]:
    """The package's model as `mine`, and a simulated provider of another kind to fall back to."""
    settings = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    backend = Backend(msgspec.structs.replace(settings, policy=Policy(rounds=1, quick_retry=(0.0, 0.0))))
    made = LLMRegistry(backend=backend)
    made.register("mine", PACKAGES[package](box.base_url(package)))
    yield made
    box.heal(package)
    backend.engine().close()


def other(package: str) -> str:
    return "claude" if package == "openai" else "openai"


def numbered(count: int) -> str:
    return " ".join(f"t{number}" for number in range(count))


async def test_a_stream_comes_through_whole_with_its_usage(registry: LLMRegistry, package: str) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    whole: Any = None
    async for chunk in llm.astream([SystemMessage("Count."), HumanMessage("Please.")]):
        whole = chunk if whole is None else whole + chunk
    assert whole.content.startswith("t0 t1 t2 ")
    assert whole.content == numbered(len(whole.content.split()))
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.response_metadata["target"] == "mine"
    assert whole.usage_metadata["output_tokens"] > 0
    assert whole.response_metadata["cost"] is not None


@pytest.mark.parametrize("fault", ["503", "429", "reset", "silence", "cut", "error", "empty"])
async def test_a_package_that_fails_is_replaced_and_nothing_is_lost_or_doubled(
    registry: LLMRegistry, package: str, box: Sandbox, fault: str
) -> None:
    reference = await registry.get_client_with_fallback([other(package)]).ainvoke("count")
    box.break_provider(package, fault)
    llm = registry.get_client_with_fallback(["mine", other(package)], timeout=0.5)
    text = ""
    async for chunk in llm.astream("count"):
        text += str(chunk.content)
    assert text == reference.content


class Point(BaseModel):
    """A point."""

    x: int = Field(ge=0, le=9)
    label: str


async def test_structured_output_and_tools_go_through_a_package(registry: LLMRegistry, package: str) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    with_tool = llm.bind_tools([Point], tool_choice="any")
    question = HumanMessage("Where?")
    turn = await with_tool.ainvoke([question])
    (called,) = turn.tool_calls
    assert called["name"] == "Point"
    assert 0 <= called["args"]["x"] <= 9
    result = ToolMessage("there", tool_call_id=str(called["id"]), name="Point")
    assert (await with_tool.ainvoke([question, turn, result])).response_metadata["target"] == "mine"


async def test_a_package_can_be_kept_from_calling(registry: LLMRegistry, package: str) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    answers = [
        await llm.bind_tools([Point], tool_choice=choice).ainvoke("Name a Point.") for choice in ("auto", "none")
    ]
    assert [len(answer.tool_calls) for answer in answers] == [1, 0]


async def test_openais_package_may_speak_the_responses_api(box: Sandbox) -> None:
    settings = load({"SEGUE_LEDGER": "none"}, directory="/nonexistent")
    spoken = TargetSettings(provider="openai", dialect="openai_responses", model="gpt-5.6-sol")
    settings = box.settings(msgspec.structs.replace(settings, targets={**settings.targets, "responses": spoken}))
    registry = LLMRegistry(settings)
    url = f"{settings.target('responses').base_url}/v1"
    registry.register("mine", ChatOpenAI(model="gpt-4.1", base_url=url, api_key="k", use_responses_api=True))  # type: ignore[arg-type]
    llm = registry.get_client_with_fallback(["mine", "claude"])
    called = await llm.bind_tools([Point], tool_choice="any").ainvoke("Where?")
    assert (called.tool_calls[0]["name"], called.response_metadata["target"]) == ("Point", "mine")
    for fault, target in ((None, "mine"), ("cut:after=20", "claude")):
        if fault:
            box.break_provider("responses", fault)
        answer: Any = None
        async for chunk in llm.astream("count"):
            answer = chunk if answer is None else answer + chunk
        assert (answer.content, answer.response_metadata["target"]) == (numbered(60), target)
    await registry.backend.engine().aclose()


async def test_options_of_a_call_reach_a_package_or_are_left_out(
    registry: LLMRegistry, package: str, box: Sandbox
) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    answer = await llm.ainvoke("count", max_tokens=4, temperature=0.5, top_p=0.9, seed=7, stop=["never"])
    assert str(answer.content).startswith("t0 t1 t2")
    assert answer.response_metadata["finish_reason"] == "length"
    assert ("temperature" in answer.response_metadata["omitted"]) == (package == "gemini")


def test_no_package_retries_by_itself(box: Sandbox, package: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ready = prepared(PACKAGES[package](box.base_url(package)))
    assert ready.max_retries == (1 if package == "gemini" else 0)


def test_a_package_is_asked_from_one_event_loop_after_another_and_without_one(registry: LLMRegistry) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    for _ in range(3):
        assert asyncio.run(llm.ainvoke("count")).response_metadata["target"] == "mine"
        assert llm.invoke("count").response_metadata["target"] == "mine"


async def test_a_package_asks_its_provider_exactly_once(registry: LLMRegistry, package: str, box: Sandbox) -> None:
    box.break_provider(package, "529" if package == "claude" else "503")
    before = len(box.bill)
    llm = registry.get_client_with_fallback(["mine", other(package)])
    answer = await llm.ainvoke("count")
    assert [attempt["outcome"] for attempt in answer.response_metadata["attempts"]] == ["overload", "ok"]
    asked = [entry.provider for entry in box.bill[before:]]
    assert asked.count(package) <= 1


@pytest.mark.parametrize("fault", ["cut", "drop", "freeze", "error_event"])
async def test_a_package_goes_on_with_what_another_began_and_another_with_what_it_began(
    registry: LLMRegistry, package: str, box: Sandbox, fault: str
) -> None:
    rest = other(package)
    # Only a silence is found by waiting; and a busy machine is not to be taken for one.
    silence = StallPolicy(gap_hedge=(0.1, 0.15), gap_give_up=1.5)
    patient = {"hedge": False, **({"stall": silence} if fault == "freeze" else {})}
    reference = (await registry.get_client_with_fallback([rest]).ainvoke("count")).content
    for chain, broken in ((["mine", rest], package), ([rest, "mine"], rest)):
        box.break_provider(broken, f"{fault}:after=20")
        whole: Any = None
        async for chunk in registry.get_client_with_fallback(chain, **patient).astream("count"):
            whole = chunk if whole is None else whole + chunk
        box.heal(broken)
        assert whole.content == reference
        assert whole.response_metadata["target"] == chain[1]
        assert whole.response_metadata["seams"] == 1


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_call_that_a_package_was_cut_off_in_is_made_again_and_once(
    registry: LLMRegistry, package: str, box: Sandbox, at: int
) -> None:
    box.break_provider(package, f"cut:after={at}")
    llm = registry.get_client_with_fallback(["mine", other(package)]).bind_tools([Point], tool_choice="any")
    whole: Any = None
    async for chunk in llm.astream("Where?"):
        whole = chunk if whole is None else whole + chunk
    (call,) = whole.tool_calls
    assert Point(**call["args"])


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_structured_output_by_every_method_is_failed_over_from_and_to_a_package(
    registry: LLMRegistry, package: str, box: Sandbox, method: str
) -> None:
    rest = other(package)
    for chain, broken in ((["mine", rest], package), ([rest, "mine"], rest)):
        box.break_provider(broken, "cut:after=2")
        llm = registry.get_client_with_fallback(chain).with_structured_output(Point, method=method, include_raw=True)
        answer = await llm.ainvoke("Name a point, as JSON.")
        box.heal(broken)
        assert isinstance(answer["parsed"], Point)
        assert answer["raw"].response_metadata["target"] == chain[1]


async def test_a_packages_usage_is_what_the_provider_charged_and_is_reported_once(
    registry: LLMRegistry, package: str, box: Sandbox
) -> None:
    llm = registry.get_client("mine")
    assert llm is not None
    with get_usage_metadata_callback() as counter:
        whole: Any = None
        async for chunk in llm.astream("count"):
            whole = chunk if whole is None else whole + chunk
    charged = box.bill[-1].usage
    reported = whole.usage_metadata
    assert (reported["input_tokens"], reported["output_tokens"]) == (charged.prompt_tokens, charged.output_tokens)
    (counted,) = counter.usage_metadata.values()
    assert (counted["input_tokens"], counted["output_tokens"]) == (charged.prompt_tokens, charged.output_tokens)


async def test_leaving_early_and_being_cancelled_stops_a_packages_provider(
    registry: LLMRegistry, package: str, box: Sandbox
) -> None:
    box.break_provider(package, "drip:seconds=0.02")
    llm = registry.get_client("mine")
    assert llm is not None

    async def read() -> None:
        async for chunk in llm.astream("count"):
            if chunk.content:
                heard.set()

    for leave in ("close", "cancel"):
        before, heard = len(box.bill), asyncio.Event()
        if leave == "close":
            stream: Any = llm.astream("count")
            while not (await anext(stream)).content:
                pass
            await stream.aclose()
        else:
            task = asyncio.create_task(read())
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for _ in range(500):
            if len(box.bill) > before:
                break
            await asyncio.sleep(0.01)
        assert box.bill[-1].cancelled
