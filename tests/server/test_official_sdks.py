"""The official SDKs as callers: whichever provider answers, each finds the API it was made for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from pydantic import BaseModel

from segue import Sandbox
from segue.settings_loading import load

from .conftest import served

PROVIDERS = ("gemini", "openai", "claude")
QUESTION, WEATHER = "Count the ways", "What is the weather in Seoul?"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
DOCUMENT = "JVBERi0xLjcKJSVFT0Y="
IMAGE = f"data:image/png;base64,{PIXEL}"


class City(BaseModel):
    city: str
    population: int


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(box: Sandbox) -> Iterator[str]:
    with served(box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))) as address:
        yield address


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    """Who answers, and the model that the caller asks for."""
    return str(request.param)


class TestChatCompletions:
    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, gateway: str) -> Iterator[openai.OpenAI]:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
            yield client

    def _ask(self, client: openai.OpenAI, provider: str, content: Any = QUESTION, **options: Any) -> Any:
        messages = [{"role": "user", "content": content}]
        return client.chat.completions.create(model=provider, messages=messages, **options)  # type: ignore[call-overload]

    def test_text_and_usage(self, client: openai.OpenAI, provider: str) -> None:
        answer = self._ask(client, provider)
        assert answer.choices[0].message.content
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        assert answer.usage.completion_tokens > 0

    def test_a_stream_says_the_same(self, client: openai.OpenAI, provider: str) -> None:
        chunks = list(self._ask(client, provider, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == self._ask(client, provider).choices[0].message.content
        assert chunks[-1].usage.completion_tokens > 0

    def test_a_tools_result_goes_back_under_its_calls_id(self, client: openai.OpenAI, provider: str) -> None:
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
        asked = self._ask(client, provider, WEATHER, tools=tools).choices[0].message
        (call,) = asked.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Seoul"})
        messages: list[Any] = [
            {"role": "user", "content": WEATHER},
            asked.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"},
        ]
        answer = client.chat.completions.create(model=provider, messages=messages, tools=tools)  # type: ignore[arg-type]
        assert answer.choices[0].message.content

    def test_a_schema_is_kept(self, client: openai.OpenAI, provider: str) -> None:
        messages: list[Any] = [{"role": "user", "content": "Where?"}]
        answer = client.chat.completions.parse(model=provider, messages=messages, response_format=City)
        assert isinstance(answer.choices[0].message.parsed, City)

    def test_an_image_is_taken(self, client: openai.OpenAI, provider: str) -> None:
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
        assert self._ask(client, provider, content).choices[0].message.content

    def test_a_document_is_taken(self, client: openai.OpenAI, provider: str) -> None:
        file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DOCUMENT}"}
        content = [{"type": "text", "text": "What is it?"}, {"type": "file", "file": file}]
        assert self._ask(client, provider, content).choices[0].message.content

    def test_a_recording_goes_to_the_provider_that_hears_it(self, client: openai.OpenAI) -> None:
        content = [{"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}]
        answer = client.chat.completions.with_raw_response.create(
            model="claude",
            messages=[{"role": "user", "content": content}],  # type: ignore[typeddict-item,list-item]
        )
        assert answer.headers["x-segue-target"] == "gemini"

    def test_mistakes_are_named(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="temperature") as caught:
            self._ask(client, "auto", temperature="hot")
        assert caught.value.param == "temperature"
        with pytest.raises(openai.NotFoundError, match="no-such-model"):
            self._ask(client, "no-such-model")


class TestResponses:
    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, gateway: str) -> Iterator[openai.OpenAI]:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
            yield client

    def test_text_and_usage(self, client: openai.OpenAI, provider: str) -> None:
        answer = client.responses.create(model=provider, input=QUESTION)
        assert answer.output_text
        assert answer.status == "completed"
        assert answer.usage is not None
        assert answer.usage.output_tokens > 0

    def test_a_stream_says_the_same(self, client: openai.OpenAI, provider: str) -> None:
        with client.responses.stream(model=provider, input=QUESTION) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            assert stream.get_final_response().output_text == text
        assert client.responses.create(model=provider, input=QUESTION).output_text == text

    def test_a_tools_result_goes_back_under_its_calls_id(self, client: openai.OpenAI, provider: str) -> None:
        tools: list[Any] = [{"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": False}]
        asked = client.responses.create(model=provider, input=WEATHER, tools=tools)
        (call,) = (item for item in asked.output if item.type == "function_call")
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Seoul"})
        past: list[Any] = [{"role": "user", "content": WEATHER}]
        past += [item.model_dump(exclude_none=True) for item in asked.output]
        past += [{"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}]
        assert client.responses.create(model=provider, input=past, tools=tools).output_text

    def test_a_schema_is_kept(self, client: openai.OpenAI, provider: str) -> None:
        assert isinstance(client.responses.parse(model=provider, input="Where?", text_format=City).output_parsed, City)

    def test_an_image_is_taken(self, client: openai.OpenAI, provider: str) -> None:
        content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": IMAGE}]
        asked: list[Any] = [{"role": "user", "content": content}]
        assert client.responses.create(model=provider, input=asked).output_text

    def test_a_document_is_taken(self, client: openai.OpenAI, provider: str) -> None:
        file = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DOCUMENT}"}
        asked: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, file]}]
        assert client.responses.create(model=provider, input=asked).output_text

    def test_mistakes_are_named(self, client: openai.OpenAI) -> None:
        hot: Any = "hot"
        with pytest.raises(openai.BadRequestError, match="temperature") as caught:
            client.responses.create(model="auto", input=QUESTION, temperature=hot)
        assert caught.value.param == "temperature"
        with pytest.raises(openai.NotFoundError, match="no-such-model"):
            client.responses.create(model="no-such-model", input=QUESTION)


class TestMessages:
    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, gateway: str) -> Iterator[anthropic.Anthropic]:
        with anthropic.Anthropic(base_url=gateway, api_key="any", max_retries=0) as client:
            yield client

    def _asked(self, provider: str, content: Any = QUESTION, **options: Any) -> dict[str, Any]:
        return {"model": provider, "max_tokens": 1000, "messages": [{"role": "user", "content": content}], **options}

    def test_text_and_usage(self, client: anthropic.Anthropic, provider: str) -> None:
        answer = client.messages.create(**self._asked(provider))
        assert answer.content[0].text
        assert answer.stop_reason == "end_turn"
        assert answer.usage.input_tokens > 0
        assert answer.usage.output_tokens > 0

    def test_a_stream_says_the_same(self, client: anthropic.Anthropic, provider: str) -> None:
        with client.messages.stream(**self._asked(provider)) as stream:
            text = "".join(stream.text_stream)
            assert stream.get_final_message().usage.output_tokens > 0
        assert client.messages.create(**self._asked(provider)).content[0].text == text

    def test_a_tools_result_goes_back_under_its_calls_id(self, client: anthropic.Anthropic, provider: str) -> None:
        tools = [{"name": "get_weather", "input_schema": PARAMETERS}]
        asked = client.messages.create(**self._asked(provider, WEATHER, tools=tools))
        (call,) = (block for block in asked.content if block.type == "tool_use")
        assert (call.name, call.input, asked.stop_reason) == ("get_weather", {"city": "Seoul"}, "tool_use")
        request = self._asked(provider, WEATHER, tools=tools)
        request["messages"] += [
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees"}]},
        ]
        assert client.messages.create(**request).content[0].text

    def test_a_schema_is_kept(self, client: anthropic.Anthropic, provider: str) -> None:
        answer = client.messages.parse(**self._asked(provider, "Where?", output_format=City))
        assert isinstance(answer.parsed_output, City)

    def test_an_image_is_taken(self, client: anthropic.Anthropic, provider: str) -> None:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        content = [image, {"type": "text", "text": "What is it?"}]
        assert client.messages.create(**self._asked(provider, content)).content[0].text

    def test_a_document_is_taken(self, client: anthropic.Anthropic, provider: str) -> None:
        source = {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT}
        content = [{"type": "document", "source": source}, {"type": "text", "text": "What is it?"}]
        assert client.messages.create(**self._asked(provider, content)).content[0].text

    def test_mistakes_are_named(self, client: anthropic.Anthropic) -> None:
        with pytest.raises(anthropic.BadRequestError, match="temperature"):
            client.messages.create(**self._asked("auto", extra_body={"temperature": "hot"}))
        with pytest.raises(anthropic.NotFoundError, match="no-such-model"):
            client.messages.create(**self._asked("no-such-model"))


class TestGemini:
    @pytest.fixture(scope="class")
    @classmethod
    def models(cls, gateway: str) -> Iterator[Any]:
        with genai.Client(api_key="any", http_options=genai.types.HttpOptions(base_url=gateway)) as client:
            yield client.models

    def test_text_and_usage(self, models: Any, provider: str) -> None:
        answer = models.generate_content(model=provider, contents=QUESTION)
        assert answer.text
        assert answer.candidates[0].finish_reason == "STOP"
        assert answer.usage_metadata.candidates_token_count > 0

    def test_a_stream_says_the_same(self, models: Any, provider: str) -> None:
        chunks = models.generate_content_stream(model=provider, contents=QUESTION)
        text = "".join(chunk.text or "" for chunk in chunks)
        assert text == models.generate_content(model=provider, contents=QUESTION).text

    def test_a_tools_result_goes_back(self, models: Any, provider: str) -> None:
        function = genai.types.FunctionDeclaration(name="get_weather", parameters_json_schema=PARAMETERS)
        config = genai.types.GenerateContentConfig(tools=[genai.types.Tool(function_declarations=[function])])
        asked = models.generate_content(model=provider, contents=WEATHER, config=config)
        (call,) = asked.function_calls
        assert (call.name, call.args) == ("get_weather", {"city": "Seoul"})
        answered = genai.types.FunctionResponse(id=call.id, name=call.name, response={"result": "12 degrees"})
        contents = [
            genai.types.Content(role="user", parts=[genai.types.Part(text=WEATHER)]),
            asked.candidates[0].content,
            genai.types.Content(role="user", parts=[genai.types.Part(function_response=answered)]),
        ]
        assert models.generate_content(model=provider, contents=contents, config=config).text

    def test_a_schema_is_kept(self, models: Any, provider: str) -> None:
        config = genai.types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
        assert isinstance(models.generate_content(model=provider, contents="Where?", config=config).parsed, City)

    def test_an_image_is_taken(self, models: Any, provider: str) -> None:
        image = genai.types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
        assert models.generate_content(model=provider, contents=["What is it?", image]).text

    def test_a_document_is_taken(self, models: Any, provider: str) -> None:
        file = genai.types.Part.from_bytes(data=base64.b64decode(DOCUMENT), mime_type="application/pdf")
        assert models.generate_content(model=provider, contents=["What is it?", file]).text

    def test_a_model_of_another_maker_is_asked_for_by_its_path(self, models: Any) -> None:
        answer = models.generate_content(model="models/claude/claude-haiku-4-5", contents=QUESTION)
        assert answer.model_version == "claude-haiku-4-5"

    def test_mistakes_are_named(self, models: Any) -> None:
        with pytest.raises(genai.errors.ClientError, match="temperature") as caught:
            models.generate_content(model="auto", contents=QUESTION, config={"temperature": 99.0})
        assert caught.value.code == 400
        with pytest.raises(genai.errors.ClientError, match="no-such-model") as unknown:
            models.generate_content(model="no-such-model", contents=QUESTION)
        assert unknown.value.code == 404
