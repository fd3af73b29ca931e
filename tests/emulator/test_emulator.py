"""Our codecs and transport against an emulator that others wrote: every dialect, streaming and whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest

from segue import (
    Answer,
    AuthenticationError,
    FinishReason,
    InvalidRequestError,
    LLMServiceUnavailableError,
    Message,
    OutputSchema,
    RateLimitError,
    Segue,
    Text,
    Tool,
    ToolResult,
    user,
)
from segue.catalog.models import find_model
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy
from segue.routing.target import Target
from segue.secret import Secret
from segue.settings import Settings

pytestmark = pytest.mark.emulator

DIALECTS = {
    "openai_chat": ("openai", "gpt-4o", "/v1"),
    "openai_responses": ("openai", "gpt-5.4", "/v1"),
    "claude": ("claude", "claude-sonnet-4-5", ""),
    "gemini": ("gemini", "gemini-2.5-flash", ""),
}
LONG = "안녕하세요, this is a long answer. " * 20
WEATHER = Tool(
    name="get_weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CITY = OutputSchema(
    name="city",
    schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
        "required": ["city", "population"],
        "additionalProperties": False,
    },
)

Build = Callable[..., Segue]


def target(dialect: str, address: str, name: str | None = None) -> Target:
    provider, model, path = DIALECTS[dialect]
    return Target(
        name=name or provider,
        provider=provider,
        dialect=dialect,
        model=find_model(provider, model),
        base_url=address + path,
        key=Secret("test-key"),
        max_tokens=1500,
    )


@pytest.fixture
async def build(emulator: str) -> AsyncIterator[Build]:
    clients: list[Segue] = []

    def make(*dialects: str, **policy: object) -> Segue:
        targets = [target(dialect, emulator) for dialect in dialects]
        settings = Settings(policy=Policy().replace(rounds=1, **policy))
        clients.append(Segue(settings, targets=targets, ledger=MemoryStore()))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


async def ask(client: Segue, prompt: str, *, stream: bool, **options: object) -> Answer:
    if not stream:
        return await client.acomplete(prompt, **options)
    answer = client.stream(prompt, **options)
    async for _ in answer:
        pass
    return answer.answer


every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streaming"])


@every_dialect
@both_ways
async def test_a_text_comes_whole_with_its_usage_and_cost(build: Build, dialect: str, stream: bool) -> None:
    answer = await ask(build(dialect), "say something long", stream=stream)
    assert answer.text == LONG
    assert answer.finish_reason is FinishReason.STOP
    assert (answer.usage.prompt_tokens, answer.usage.output_tokens) == (11, 120)
    assert answer.cost is not None
    assert answer.cost > 0


@every_dialect
@both_ways
async def test_parallel_tool_calls_come_whole(build: Build, dialect: str, stream: bool) -> None:
    answer = await ask(build(dialect), "weather in Seoul and Busan", stream=stream, tools=(WEATHER,))
    assert [json.loads(call.arguments) for call in answer.tool_calls] == [{"city": "Seoul"}, {"city": "Busan"}]
    assert {call.name for call in answer.tool_calls} == {"get_weather"}
    assert len({call.id for call in answer.tool_calls}) == 2
    assert answer.finish_reason is FinishReason.TOOL_CALLS


@every_dialect
async def test_a_tools_result_leads_to_an_answer(build: Build, dialect: str) -> None:
    client = build(dialect)
    question = user("weather in Seoul")
    called = await client.acomplete([question], tools=(WEATHER,))
    (call,) = called.tool_calls
    result = Message("tool", (ToolResult(call_id=call.id, name=call.name, content=(Text("21 degrees"),)),))
    answer = await client.acomplete([question, called.message, result], tools=(WEATHER,))
    assert answer.finish_reason in (FinishReason.STOP, FinishReason.TOOL_CALLS)
    assert answer.text or answer.tool_calls


@every_dialect
@both_ways
async def test_an_answer_after_a_schema_is_that_json(build: Build, dialect: str, stream: bool) -> None:
    answer = await ask(build(dialect), "the capital as JSON", stream=stream, output=CITY)
    assert json.loads(answer.text) == {"city": "Seoul", "population": 9_400_000}


@every_dialect
@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("be rate limited", RateLimitError),
        ("be unavailable", LLMServiceUnavailableError),
        ("refuse the key", AuthenticationError),
        ("find a fault in me", InvalidRequestError),
    ],
)
async def test_an_error_is_classified_by_what_it_means(
    build: Build, dialect: str, prompt: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await build(dialect).acomplete(prompt)
    assert "test-key" not in str(caught.value)


@pytest.mark.parametrize("chain", [("gemini", "openai_chat", "claude"), ("claude", "gemini", "openai_chat")])
async def test_a_target_that_is_not_there_is_passed_over(build: Build, emulator: str, chain: tuple[str, ...]) -> None:
    gone = target(chain[0], "http://127.0.0.1:9", name="gone")
    targets = [gone, *(target(dialect, emulator) for dialect in chain[1:])]
    client = Segue(Settings(), targets=targets, ledger=MemoryStore())
    answer = await client.acomplete("hello")
    await client.aclose()
    assert answer.text == "Hello there!"
    assert answer.target == targets[1].name
    assert [attempt.outcome for attempt in answer.attempts] == ["transport", "ok"]
