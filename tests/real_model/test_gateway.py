"""Official SDKs before the gateway before a real server."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from tests.server.conftest import served

from segue.embedded.process import ModelProcess

from .conftest import settings_for

QUESTION = "Name three fruits."
TOKENS = 12


@pytest.fixture(scope="module")
def gateway(one: ModelProcess, two: ModelProcess) -> Iterator[str]:
    with served(settings_for([one, two], "openai_chat")) as address:
        yield address


@pytest.fixture(scope="module")
def expected(gateway: str) -> str:
    """What the model says, by whichever SDK."""
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="k", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": QUESTION}], max_tokens=TOKENS
        )
    assert answer.usage is not None
    assert answer.usage.completion_tokens == TOKENS
    assert answer.choices[0].finish_reason == "length"
    return answer.choices[0].message.content or ""


def test_chat_completions_stream_what_a_whole_answer_says(gateway: str, expected: str) -> None:
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="default",
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == expected
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [TOKENS]


def test_responses_stream_the_same(gateway: str, expected: str) -> None:
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="k", max_retries=0) as client:
        stream = client.responses.create(model="default", input=QUESTION, max_output_tokens=TOKENS, stream=True)
        events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == expected
    assert events[-1].type == "response.incomplete"


def test_messages_stream_the_same(gateway: str, expected: str) -> None:
    with (
        anthropic.Anthropic(base_url=gateway, api_key="k", max_retries=0) as client,
        client.messages.stream(
            model="default", max_tokens=TOKENS, messages=[{"role": "user", "content": QUESTION}]
        ) as stream,
    ):
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == expected
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", TOKENS)


def test_generate_content_streams_the_same(gateway: str, expected: str) -> None:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=gateway)) as client:
        chunks = list(
            client.models.generate_content_stream(
                model="default", contents=QUESTION, config=types.GenerateContentConfig(max_output_tokens=TOKENS)
            )
        )
    assert "".join(chunk.text or "" for chunk in chunks) == expected
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == TOKENS
