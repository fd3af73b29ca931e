"""What a caller of the Responses API refers to by its id is what it got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import NotFoundError, OpenAI
from tests.server.conftest import served

from segue import Sandbox, load
from segue.chat.messages import ToolCall, ToolResult
from segue.chat.request import ChatRequest
from segue.sandbox import Reply
from segue.server.response_store import Recall

TOOL: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


def reply(request: ChatRequest) -> str | Reply:
    """Calls the tool it has and repeats its result, otherwise the conversation so far."""
    last = request.messages[-1]
    if last.role == "tool":
        assert request.messages[-2].tool_calls[0].name == "weather"
        assert isinstance(last.parts[0], ToolResult)
        return f"it is {last.parts[0].content[0].text}"  # type: ignore[union-attr]
    if request.tools:
        return Reply(calls=(ToolCall(id="call_7", name="weather", arguments='{"city": "Seoul"}'),))
    return " / ".join(message.text for message in request.messages)


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with Sandbox(reply=reply) as box:
        settings = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
        with served(settings) as address, OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as made:
            yield made


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_referred_to_gets_its_result(client: OpenAI, stream: bool) -> None:
    asked: Any = {"model": "auto", "input": "How is the weather?", "tools": [TOOL]}
    if stream:
        *_, last = client.responses.create(stream=True, **asked)
        first = last.response  # type: ignore[union-attr]
    else:
        first = client.responses.create(**asked)
    (call,) = first.output
    again: Any = [
        {"role": "user", "content": "How is the weather?"},
        {"type": "item_reference", "id": call.id},
        {"type": "function_call_output", "call_id": "call_7", "output": "sunny"},
    ]
    assert client.responses.create(model="auto", input=again, tools=[TOOL]).output_text == "it is sunny"


def test_a_conversation_goes_on_from_an_earlier_answer(client: OpenAI) -> None:
    first = client.responses.create(model="auto", input="one")
    second = client.responses.create(model="auto", input="two", previous_response_id=first.id)
    third = client.responses.create(
        model="auto", input=[{"role": "user", "content": "three"}], previous_response_id=second.id
    )
    assert second.output_text == "one / one / two"
    assert third.output_text == "one / one / two / one / one / two / three"


def test_what_was_not_to_be_stored_is_not_known(client: OpenAI) -> None:
    first = client.responses.create(model="auto", input="one", store=False)
    with pytest.raises(NotFoundError, match="send the conversation so far as items of input") as caught:
        client.responses.create(model="auto", input="two", previous_response_id=first.id)
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")
    item: Any = {"type": "item_reference", "id": first.output[0].id}
    with pytest.raises(NotFoundError, match="send the item itself") as caught:
        client.responses.create(model="auto", input=[item])
    assert (caught.value.param, caught.value.code) == ("input[0].id", "item_not_found")


@pytest.mark.parametrize("input", [{"no": "list"}, 7, None, [7], [{"type": "item_reference"}], [{"type": ["x"]}]])
def test_an_input_that_is_none_is_the_callers_mistake(client: OpenAI, input: Any) -> None:
    answer = httpx.post(f"{client.base_url}responses", json={"model": "auto", "input": input})
    assert answer.status_code in (400, 404), answer.text
    assert json.loads(answer.text)["error"]["message"]


def test_each_key_recalls_its_own_for_as_long_as_it_is_kept() -> None:
    now = [0.0]
    recall = Recall(kept=60.0, clock=lambda: now[0])
    recall.keep("a", "msg_1", b"mine")
    assert (recall.find("a", "msg_1"), recall.find("b", "msg_1")) == (b"mine", None)
    now[0] = 61.0
    assert recall.find("a", "msg_1") is None


def test_the_oldest_leaves_where_there_is_too_much() -> None:
    recall = Recall(most=10)
    for id in ("one", "two", "three"):
        recall.keep("", id, b"12345")
    assert [recall.find("", id) for id in ("one", "two", "three")] == [None, b"12345", b"12345"]
    recall.keep("", "huge", b"x" * 11)
    assert recall.find("", "huge") is None
    recall.keep("", "new", b"12345")
    recall.keep("", "new", b"123456789")
    assert recall.find("", "new") == b"123456789", "what was replaced still counted"
