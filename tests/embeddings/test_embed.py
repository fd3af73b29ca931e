"""`Segue.embed`: vectors of one model, from whichever of its targets answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from segue import ConfigurationError, InvalidRequestError, LLMServiceUnavailableError, Segue
from segue.ledger.stores.memory import MemoryStore
from segue.settings_loading import load
from segue.transport.base import WireRequest
from segue.transport.memory import MemoryTransport, Reply

SETTINGS = """
chain = ["openai", "second", "gemini"]
[targets.openai]
api_key = "key-1"
[targets.second]
provider = "openai"
api_key = "key-2"
base_url = "http://second.test/v1"
[targets.gemini]
api_key = "key-3"
"""
MODEL = "text-embedding-3-small"


def vectors(request: WireRequest) -> Reply:
    """A vector of each text's length, in reverse order."""
    texts = json.loads(request.body)["input"]
    data = [{"index": at, "embedding": [float(len(text)), 0.5]} for at, text in enumerate(texts)]
    body = {"data": data[::-1], "usage": {"prompt_tokens": 7}}
    return Reply(headers={"content-type": "application/json"}, steps=[json.dumps(body).encode()])


def refusal(status: int, message: str = "no") -> Callable[[WireRequest], Reply]:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda request: Reply(status=status, headers={"content-type": "application/json"}, steps=[body])


class World:
    """A client whose providers answer by `replies`, by host; `asked` lists the hosts in order."""

    def __init__(self, tmp_path: Any, **replies: Callable[[WireRequest], Reply]) -> None:
        (tmp_path / "segue.toml").write_text(SETTINGS)
        self.network = MemoryTransport(lambda request: self.replies.get(host(request), vectors)(request))
        self.replies = replies
        settings = load({"SEGUE_LEDGER": "none"}, directory=tmp_path)
        self.segue = Segue(settings, transport=self.network, ledger=MemoryStore())

    @property
    def asked(self) -> list[str]:
        return [host(exchange.request) for exchange in self.network.requests]


def host(request: WireRequest) -> str:
    return request.url.split("/")[2].partition(".")[0].replace("api", "openai")


async def test_each_text_has_its_vector_in_the_texts_order_and_the_attempt_is_booked(tmp_path: Any) -> None:
    world = World(tmp_path)
    answer = await world.segue.aembed(["four", "seven77"], model=MODEL, dimensions=2, metadata={"team": "search"})
    assert answer.vectors == ((4.0, 0.5), (7.0, 0.5))
    assert (answer.target, answer.model, answer.usage.input_tokens) == ("openai", MODEL, 7)
    assert answer.cost is not None
    assert answer.cost > 0
    (record,) = world.segue.ledger.records(0.0)
    assert (record.request_id, record.outcome, record.cost) == (answer.request_id, "ok", answer.cost)
    assert record.metadata == {"team": "search"}
    assert json.loads(world.network.requests[0].request.body) == {
        "model": MODEL,
        "input": ["four", "seven77"],
        "dimensions": 2,
    }


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_another_target_of_the_same_model_answers_where_one_fails(tmp_path: Any, status: int) -> None:
    world = World(tmp_path, openai=refusal(status))
    answer = await world.segue.aembed("text", model=MODEL)
    assert world.asked == ["openai", "second"]
    assert (answer.target, answer.model) == ("second", MODEL)
    assert [attempt.outcome == "ok" for attempt in answer.attempts] == [False, True]
    assert [record.outcome == "ok" for record in world.segue.ledger.records(0.0)] == [False, True]


async def test_no_other_model_is_ever_asked(tmp_path: Any) -> None:
    world = World(tmp_path, openai=refusal(503), second=refusal(503))
    with pytest.raises(LLMServiceUnavailableError) as caught:
        await world.segue.aembed("text", model=MODEL)
    assert world.asked == ["openai", "second"]
    assert [attempt.target for attempt in caught.value.attempts] == ["openai", "second"]
    assert caught.value.request_id


async def test_a_request_that_is_wrong_is_asked_once(tmp_path: Any) -> None:
    world = World(tmp_path, openai=refusal(400, "input is too odd"))
    with pytest.raises(InvalidRequestError, match="too odd"):
        await world.segue.aembed("text", model=MODEL)
    assert world.asked == ["openai"]


async def test_a_target_that_is_named_is_the_only_one(tmp_path: Any) -> None:
    world = World(tmp_path, second=refusal(429))
    with pytest.raises(InvalidRequestError):
        await world.segue.aembed("text", model=f"second/{MODEL}")
    assert world.asked == ["second"]


@pytest.mark.parametrize(
    ("texts", "options", "error", "words"),
    [
        ([], {}, InvalidRequestError, "texts: give"),
        (["a", ""], {}, InvalidRequestError, "texts: give"),
        (5, {}, InvalidRequestError, "texts: give"),
        (["a\ud800"], {}, InvalidRequestError, "half of a surrogate pair"),
        (["a", 3], {}, InvalidRequestError, "texts: give"),
        ("a", {"model": ""}, InvalidRequestError, "model is missing: name one, because vectors"),
        ("a", {"model": "unheard-of"}, InvalidRequestError, "write it as target/model"),
        ("a", {"model": 3}, ConfigurationError, "model"),
        ("a", {"dimensions": "two"}, ConfigurationError, "dimensions"),
        ("a", {"metadata": {"team": 3}}, ConfigurationError, "metadata"),
    ],
)
async def test_what_is_wrong_is_refused_before_anything_is_asked(
    texts: Any, options: dict[str, Any], error: type[Exception], words: str, tmp_path: Any
) -> None:
    world = World(tmp_path)
    with pytest.raises(error, match=words):
        await world.segue.aembed(texts, **{"model": MODEL, **options})
    assert world.asked == []


@pytest.mark.parametrize("body", [b"[]", b'{"data": [{"index": 0, "embedding": [1]}]}', b'{"data": "x"}', b"<html>"])
async def test_an_answer_without_a_vector_for_each_text_is_an_error(body: bytes, tmp_path: Any) -> None:
    world = World(tmp_path, openai=lambda request: Reply(headers={}, steps=[body]))
    with pytest.raises(LLMServiceUnavailableError, match="openai sent"):
        await world.segue.aembed(["a", "b"], model=MODEL)


def test_it_blocks_and_is_simulated_in_the_sandbox() -> None:
    with Segue(sandbox=True) as segue:
        first, second = segue.embed(["cat", "cat"], model=MODEL).vectors
        other = segue.embed("cat", model="gemini-embedding-001")
    assert first == second
    assert (other.target, other.simulated) == ("gemini", True)
