"""Paths beside the four main ones: older Completions, answers that were kept, counting, and a conversation made shorter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from segue import Sandbox
from segue.chat.request import ChatRequest
from segue.sandbox.answers.replies import Reply
from segue.settings_loading import load

from .conftest import served

PROMPT = "Once upon a time"


class Model:
    """What stands behind the simulated providers: it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> str | Reply:
        self.asked.append(request)
        return " there was a port."


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def address(model: Model) -> Iterator[str]:
    with (
        Sandbox(reply=model) as box,
        served(box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))) as at,
    ):
        yield at


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as made:
        yield made


# Completions.


def test_a_prompt_is_answered_as_a_chat_of_one_turn(client: openai.OpenAI, model: Model) -> None:
    answer = client.completions.create(model="auto", prompt=PROMPT, max_tokens=64, temperature=0.2, stop=["!"])
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion",
        " there was a port.",
        "stop",
    )
    assert answer.id.startswith("cmpl-")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    asked = model.asked[-1]
    assert [(message.role, message.text) for message in asked.messages] == [("user", PROMPT)]
    assert (asked.max_tokens, asked.stop) == (64, ("!",))


def test_a_completion_is_streamed(client: openai.OpenAI) -> None:
    stream = client.completions.create(
        model="auto", prompt=[PROMPT], stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == " there was a port."
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop"
    assert not any(reasons[:-1])
    assert chunks[-1].usage is not None
    assert {chunk.object for chunk in chunks} == {"text_completion"}


def test_the_prompt_is_repeated_once_where_it_is_asked_for(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="auto", prompt=PROMPT, echo=True)
    assert whole.choices[0].text == PROMPT + " there was a port."
    stream = client.completions.create(model="auto", prompt=PROMPT, echo=True, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": PROMPT, "suffix": "the end"}, "suffix"),
        ({"prompt": PROMPT, "best_of": 3}, "best_of"),
        ({"prompt": PROMPT, "logprobs": 2}, "logprobs"),
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [15496, 995]}, "prompt"),
        ({"prompt": [[15496, 995]]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({}, "prompt"),
        ({"prompt": PROMPT, "temperature": "hot"}, "temperature"),
    ],
)
def test_what_only_a_model_for_completions_can_do_is_refused_by_name(
    address: str, fields: dict[str, Any], param: str
) -> None:
    answer = httpx.post(f"{address}/v1/completions", json={"model": "auto", **fields})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_empty_words_of_old_clients_are_no_reason_to_refuse(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="auto", prompt=PROMPT, suffix="", best_of=1, n=1, logprobs=None)
    assert answer.choices[0].text


def test_a_body_that_is_no_object_is_refused(address: str) -> None:
    assert httpx.post(f"{address}/v1/completions", content=b"[1]").status_code == 400


# Answers that were kept.


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_got_again_by_its_id_and_gone_once_it_is_deleted(client: openai.OpenAI, stream: bool) -> None:
    if stream:
        with client.responses.stream(model="auto", input="hello") as events:
            made = events.get_final_response()
    else:
        made = client.responses.create(model="auto", input="hello")
    again = client.responses.retrieve(made.id)
    assert again.to_dict() == made.to_dict() | {"output": again.to_dict()["output"]}
    assert again.output_text == made.output_text == " there was a port."
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError, match="not stored here"):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError, match="not stored here"):
        client.responses.create(model="auto", input="and then?", previous_response_id=made.id)


def test_an_answer_that_was_kept_is_not_streamed_again(client: openai.OpenAI) -> None:
    made = client.responses.create(model="auto", input="hello")
    with pytest.raises(openai.BadRequestError, match="returned as a whole"):
        client.responses.retrieve(made.id, stream=True)


def test_azures_sdk_is_a_caller_too(address: str) -> None:
    with openai.AzureOpenAI(azure_endpoint=address, api_key="any", api_version="2026-05-01") as azure:
        asked: Any = [{"role": "user", "content": "hello"}]
        answer = azure.chat.completions.create(model="auto", messages=asked)
        assert answer.choices[0].message.content == " there was a port."


def test_what_was_asked_not_to_be_kept_is_not(client: openai.OpenAI) -> None:
    made = client.responses.create(model="auto", input="hello", store=False)
    with pytest.raises(openai.NotFoundError, match="store: false"):
        client.responses.retrieve(made.id)


def test_what_was_never_made_can_be_neither_got_nor_deleted(address: str) -> None:
    for method in ("GET", "DELETE"):
        answer = httpx.request(method, f"{address}/v1/responses/resp_nowhere")
        assert answer.status_code == 404
        assert answer.json()["error"]["param"] == "response_id"


# Counting, and a shorter conversation.


def test_the_input_of_a_response_is_counted(client: openai.OpenAI, model: Model) -> None:
    before = len(model.asked)
    short = client.responses.input_tokens.count(model="auto", input="hello")
    long = client.responses.input_tokens.count(model="auto", input="hello " * 200)
    assert short.object == "response.input_tokens"
    assert 0 < short.input_tokens < long.input_tokens
    assert len(model.asked) == before, "a model was asked, which costs"


def test_a_conversation_is_made_shorter(address: str, client: openai.OpenAI, model: Model) -> None:
    history: list[Any] = [
        {"role": "user", "content": "Build me a port."},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It has two piers."}]},
        {"role": "user", "content": "Now add a crane."},
    ]
    made = client.responses.compact(model="auto", input=history, instructions="You build ports.")
    assert made.object == "response.compaction"
    assert made.usage.output_tokens > 0
    output = httpx.post(f"{address}/v1/responses/compact", json={"model": "auto", "input": history}).json()["output"]
    assert [item["role"] for item in output] == ["user", "user", "assistant"]
    assert output[-1]["content"][0]["text"] == " there was a port."
    asked = model.asked[-1]
    assert "Summarise" in asked.messages[-1].text
    assert any("two piers" in message.text for message in asked.messages)
    client.responses.create(model="auto", input=[*output, {"role": "user", "content": "Go on."}])
    assert "Now add a crane." in [message.text for message in model.asked[-1].messages]
