"""The official SDKs as judges: pointed at the sandbox, they find a provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from segue.chat.usage import Usage
from segue.sandbox import Reply, Sandbox
from segue.sandbox.answers.replies import MARK

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
genai = pytest.importorskip("google.genai")

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class City(BaseModel):
    city: str
    population: int


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture
def healthy(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    for name in shared.providers:
        shared.heal(name)


class TestOpenAI:
    @pytest.fixture
    def client(self, healthy: Sandbox) -> Iterator[Any]:
        with openai.OpenAI(base_url=healthy.base_url("openai"), api_key="any", max_retries=0) as client:
            yield client

    def _ask(self, client: Any, text: str = "Tell me about Redis", **options: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="gpt-6-luna", messages=messages, **options)

    def test_text(self, client: Any) -> None:
        answer = self._ask(client)
        assert answer.choices[0].message.content.startswith(MARK)
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0

    def test_stream(self, client: Any) -> None:
        chunks = list(self._ask(client, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == self._ask(client).choices[0].message.content
        assert chunks[-1].usage.completion_tokens > 0

    def test_tools(self, client: Any) -> None:
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
        for options in ({}, {"tool_choice": "required"}):
            answer = self._ask(client, "What is the weather in Seoul?", tools=tools, **options)
            call = answer.choices[0].message.tool_calls[0]
            assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Seoul"})
            assert answer.choices[0].finish_reason == "tool_calls"

    def test_a_calls_arguments_come_in_pieces(self, client: Any) -> None:
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
        chunks = self._ask(client, "What is the weather in Seoul?", tools=tools, stream=True)
        deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
        pieces = [delta.function.arguments for delta in deltas]
        assert len([piece for piece in pieces if piece]) > 1
        assert json.loads("".join(pieces)) == {"city": "Seoul"}

    def test_schema(self, client: Any) -> None:
        messages = [{"role": "user", "content": "Where?"}]
        answer = client.chat.completions.parse(model="gpt-6-luna", messages=messages, response_format=City)
        assert isinstance(answer.choices[0].message.parsed, City)

    def test_models(self, client: Any) -> None:
        assert [model.id for model in client.models.list()] == ["gpt-6-luna"]
        assert client.models.retrieve("gpt-6-luna").id == "gpt-6-luna"

    def test_errors(self, client: Any, healthy: Sandbox) -> None:
        for fault, kind in {
            "rate": openai.RateLimitError,
            "auth": openai.AuthenticationError,
            "model_gone": openai.NotFoundError,
            "context_length": openai.BadRequestError,
            "overloaded": openai.InternalServerError,
            "reset": openai.APIConnectionError,
        }.items():
            healthy.break_provider("openai", fault)
            with pytest.raises(kind):
                self._ask(client)

    def test_error_event(self, client: Any, healthy: Sandbox) -> None:
        healthy.break_provider("openai", "error_event")
        with pytest.raises(openai.APIError):
            list(self._ask(client, stream=True))


class TestClaude:
    @pytest.fixture
    def client(self, healthy: Sandbox) -> Iterator[Any]:
        with anthropic.Anthropic(base_url=healthy.base_url("claude"), api_key="any", max_retries=0) as client:
            yield client

    def _request(self, text: str = "Tell me about Redis", **options: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": text}]
        return {"model": "claude-sonnet-5-5", "max_tokens": 1000, "messages": messages, **options}

    def test_text(self, client: Any) -> None:
        answer = client.messages.create(**self._request())
        assert answer.content[0].text.startswith(MARK)
        assert answer.stop_reason == "end_turn"
        assert answer.usage.input_tokens > 0
        assert answer.usage.output_tokens > 0

    def test_stream(self, client: Any) -> None:
        with client.messages.stream(**self._request()) as stream:
            text = "".join(stream.text_stream)
            assert stream.get_final_message().content[0].text == text
        assert text == client.messages.create(**self._request()).content[0].text

    def test_tools(self, client: Any) -> None:
        tools = [{"name": "get_weather", "input_schema": PARAMETERS}]
        for options in ({}, {"tool_choice": {"type": "any"}}):
            answer = client.messages.create(**self._request("What is the weather in Seoul?", tools=tools, **options))
            assert (answer.content[0].name, answer.content[0].input) == ("get_weather", {"city": "Seoul"})
            assert answer.stop_reason == "tool_use"

    def test_a_calls_arguments_come_in_pieces(self, client: Any) -> None:
        tools = [{"name": "get_weather", "input_schema": PARAMETERS}]
        with client.messages.stream(**self._request("What is the weather in Seoul?", tools=tools)) as stream:
            pieces = [event.partial_json for event in stream if event.type == "input_json"]
            assert len(pieces) > 1
            assert stream.get_final_message().content[0].input == {"city": "Seoul"}

    def test_an_answer_may_be_scripted_with_its_thinking_and_usage(self) -> None:
        scripted = Reply(
            thinking="Hm. Let me see.", text="So be it.", usage=Usage(input_tokens=3, cache_read_tokens=40)
        )
        with (
            Sandbox(reply=lambda request: scripted) as box,
            anthropic.Anthropic(base_url=box.base_url("claude"), api_key="any") as client,
        ):
            thinking = {"type": "enabled", "budget_tokens": 1024}
            request = self._request(thinking=thinking, max_tokens=2048)
            with client.messages.stream(**request) as stream:
                answer = stream.get_final_message()
        assert [block.type for block in answer.content] == ["thinking", "text"]
        assert (answer.content[0].thinking, answer.content[1].text) == ("Hm. Let me see.", "So be it.")
        assert answer.content[0].signature
        assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (3, 40)

    def test_schema(self, client: Any) -> None:
        answer = client.messages.parse(**self._request("Where?", output_format=City))
        assert isinstance(answer.parsed_output, City)

    def test_models_and_counts(self, client: Any) -> None:
        assert [model.id for model in client.models.list()] == ["claude-sonnet-5-5"]
        request = self._request()
        del request["max_tokens"]
        assert client.messages.count_tokens(**request).input_tokens > 0

    def test_prefill_is_continued_by_models_that_know_it_and_refused_by_others(self, client: Any) -> None:
        whole = client.messages.create(**self._request()).content[0].text
        begun = [{"role": "user", "content": "Tell me about Redis"}, {"role": "assistant", "content": whole[:40]}]
        old = client.messages.create(**self._request() | {"messages": begun, "model": "claude-haiku-4-5"})
        assert whole[:40] + old.content[0].text == whole
        with pytest.raises(anthropic.BadRequestError, match="prefill"):
            client.messages.create(**self._request() | {"messages": begun})

    def test_errors(self, client: Any, healthy: Sandbox) -> None:
        for fault, kind in {
            "rate": anthropic.RateLimitError,
            "auth": anthropic.AuthenticationError,
            "model_gone": anthropic.NotFoundError,
            "context_length": anthropic.BadRequestError,
            "overloaded": anthropic.InternalServerError,
            "reset": anthropic.APIConnectionError,
        }.items():
            healthy.break_provider("claude", fault)
            with pytest.raises(kind):
                client.messages.create(**self._request())

    def test_error_event(self, client: Any, healthy: Sandbox) -> None:
        healthy.break_provider("claude", "error_event")
        with pytest.raises(anthropic.APIError), client.messages.stream(**self._request()) as stream:
            list(stream)


class TestGemini:
    @pytest.fixture
    def client(self, healthy: Sandbox) -> Iterator[Any]:
        options = genai.types.HttpOptions(base_url=healthy.base_url("gemini"))
        with genai.Client(api_key="any", http_options=options) as client:
            yield client.models

    def _ask(self, models: Any, text: str = "Tell me about Redis", **config: Any) -> Any:
        settings = genai.types.GenerateContentConfig(**config)
        return models.generate_content(model="gemini-3.5-flash-lite", contents=text, config=settings)

    def test_text(self, client: Any) -> None:
        answer = self._ask(client)
        assert answer.text.startswith(MARK)
        assert answer.candidates[0].finish_reason == "STOP"
        assert answer.usage_metadata.total_token_count > 0

    def test_stream(self, client: Any) -> None:
        chunks = client.generate_content_stream(model="gemini-3.5-flash-lite", contents="Tell me about Redis")
        assert "".join(chunk.text or "" for chunk in chunks) == self._ask(client).text

    def test_tools(self, client: Any) -> None:
        function = genai.types.FunctionDeclaration(name="get_weather", parameters_json_schema=PARAMETERS)
        tools = [genai.types.Tool(function_declarations=[function])]
        answer = self._ask(client, "What is the weather in Seoul?", tools=tools)
        assert [(call.name, call.args) for call in answer.function_calls] == [("get_weather", {"city": "Seoul"})]

    def test_schema(self, client: Any) -> None:
        answer = self._ask(client, "Where?", response_mime_type="application/json", response_schema=City)
        assert isinstance(answer.parsed, City)

    def test_models_and_counts(self, client: Any) -> None:
        assert [model.name for model in client.list()] == ["models/gemini-3.5-flash-lite"]
        assert client.count_tokens(model="gemini-3.5-flash-lite", contents="hello").total_tokens > 0

    def test_errors(self, client: Any, healthy: Sandbox) -> None:
        for fault, code in {"rate": 429, "auth": 400, "model_gone": 404, "context_length": 400}.items():
            healthy.break_provider("gemini", fault)
            with pytest.raises(genai.errors.ClientError) as caught:
                self._ask(client)
            assert caught.value.code == code
        healthy.break_provider("gemini", "unavailable")
        with pytest.raises(genai.errors.ServerError):
            self._ask(client)
