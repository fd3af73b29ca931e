"""What a stranger may send is bounded where it comes in: names, paths, headers, heads, and what a body stands for once it is expanded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from segue.catalog import models as catalogue
from segue.catalog.models import LONGEST_NAME, find_model
from segue.catalog.tokens import estimate_tokens
from segue.server.app import AT_ONCE, LONGEST_HEADER, MOST_MESSAGES, Gateway
from segue.server.exchange import Bounds
from segue.server.protocol import HEAD_MOST
from segue.server.response_store import Recall, RecallingIngress
from segue.settings import Settings

from .gateway import Answered, asking, call, listening, served

DIALECTS = ("openai_chat", "openai_responses", "claude", "gemini")
LONG = "gpt-" + "20240101-" * 30_000


class TestNames:
    @pytest.mark.parametrize("dialect", DIALECTS)
    async def test_a_models_name_beyond_all_names_is_refused_and_not_repeated(
        self, gateway: Gateway, dialect: str
    ) -> None:
        path, body = asking(dialect, model=LONG[: LONGEST_NAME + 1])
        response = await call(gateway, path, body)
        assert response.status == 400
        assert LONG[:100].encode() not in response.body

    @pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "claude"])
    async def test_one_of_270_kb_too(self, gateway: Gateway, dialect: str) -> None:
        path, body = asking(dialect, model=LONG)
        response = await call(gateway, path, body)
        assert response.status == 400
        assert len(response.body) < 1000

    async def test_one_of_the_longest_length_is_read(self, gateway: Gateway) -> None:
        path, body = asking("openai_chat", model="gpt-" + "x" * (LONGEST_NAME - 4))
        assert (await call(gateway, path, body)).status == 200

    async def test_embeddings_too(self, gateway: Gateway) -> None:
        response = await call(gateway, "/v1/embeddings", {"model": LONG, "input": "Hi"})
        assert (response.status, len(response.body) < 1000) == (400, True)

    @pytest.mark.parametrize("path", ["/v1/models/", "/v1beta/models/"])
    async def test_a_model_that_is_looked_up_too(self, gateway: Gateway, path: str) -> None:
        response = await call(gateway, path + LONG[:300], method="GET")
        assert response.status == 400
        response = await call(gateway, path + LONG, method="GET")
        assert (response.status, len(response.body) < 1000) == (404, True)

    def test_the_catalogue_keeps_no_name_that_is_none(self) -> None:
        before = catalogue._find.cache_info().currsize
        assert find_model("openai", LONG).known is False
        assert catalogue._find.cache_info().currsize == before


@pytest.mark.parametrize("name", ["x-segue-deadline", "x-segue-policy", "x-segue-regions", "x-segue-anything"])
async def test_a_header_of_ours_that_says_too_much_is_refused_and_not_repeated(gateway: Gateway, name: str) -> None:
    response = await call(gateway, *asking("openai_chat"), headers={name: "x" * (LONGEST_HEADER + 1)})
    assert (response.status, len(response.body) < 1000) == (400, True)


class TestReferences:
    """Items of earlier answers are referred to by ids: a short body may stand for a long one."""

    def refer(self, ids: list[str], *, longest: int = 1000, previous: str | None = None) -> Any:
        recall = Recall()
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 300}]}
        for id in ("one", "two", "three", "four"):
            recall.keep("key", id, json.dumps(item).encode())
        recall.keep("key", "resp", json.dumps([item, item]).encode())
        body = {"model": "auto", "input": [{"type": "item_reference", "id": id} for id in ids]}
        body |= {"previous_response_id": previous} if previous else {}
        codec = RecallingIngress(recall, "key", longest=longest)
        return codec.decode(json.dumps(body).encode(), path="", query="", headers={})

    def test_within_the_bound_they_are_put_in_their_place(self) -> None:
        assert len(self.refer(["one", "two"]).request.messages) == 2

    def test_the_bound_holds_for_what_they_stand_for(self) -> None:
        with pytest.raises(Exception, match="larger than 1000 bytes") as refused:
            self.refer(["one", "two", "three"])
        assert refused.value.status == 413  # type: ignore[attr-defined]

    def test_and_with_the_conversation_that_they_go_on_with(self) -> None:
        assert len(self.refer(["one"], longest=2000, previous="resp").request.messages) == 3
        with pytest.raises(Exception, match="larger than 1000 bytes"):
            self.refer(["one"], previous="resp")

    def test_one_is_referred_to_once(self) -> None:
        with pytest.raises(Exception, match="refer to it once"):
            self.refer(["one", "one"])


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


class Flood:
    """Sends without end, until the other side has had enough."""

    def __init__(self, port: int, *, most: int = 50 * HEAD_MOST) -> None:
        self._port = port
        self._most = most
        self.sent = 0
        self.answer = b""

    async def pour(self, start: bytes, unit: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        reading = asyncio.ensure_future(reader.read())
        try:
            writer.write(start)
            while not reading.done() and self.sent < self._most:
                writer.write(unit)
                self.sent += len(unit)
                await asyncio.wait_for(writer.drain(), 5)
                await asyncio.sleep(0.001)
            self.answer = await asyncio.wait_for(reading, 5)
        except (ConnectionError, BrokenPipeError):
            reading.cancel()
        finally:
            writer.transport.abort()
        return self.answer


class TestFrames:
    """What frames a request: its head, what stands beside the chunks of its body, and the fields behind it."""

    @pytest.fixture
    async def flood(self, gateway: Gateway) -> Any:
        async with listening(gateway) as port:
            yield Flood(port)

    @pytest.mark.parametrize(
        ("start", "unit"),
        [
            (b"GET /", b"x" * 1000),
            (b"GET / HTTP/1.1\r\nx: ", b"y" * 1000),
            (b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 200),
            (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 30_000, b"x: y\r\n" * 200),
            (b"", b"\r\n" * 500),
            (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n" * 200),
            (CHUNKED + b"2\r\n{}\r\n0\r\nx: ", b"y" * 1000),
            (CHUNKED + b"2;", b"x" * 1000),
            (CHUNKED + b"2;x=", b"y" * 1000),
        ],
        ids=[
            "a first line",
            "a field",
            "fields",
            "fields in one piece",
            "empty lines",
            "fields behind the body",
            "one field behind the body",
            "a chunk's extension",
            "an extension's value",
        ],
    )
    async def test_without_an_end_it_is_cut_off(self, flood: Flood, start: bytes, unit: bytes) -> None:
        await flood.pour(start, unit)
        assert flood.sent < 10 * HEAD_MOST, "it was read on and on"
        assert flood.answer[:12] in (b"", b"HTTP/1.1 431", b"HTTP/1.1 400")

    async def test_a_head_beyond_the_bound_is_refused_though_it_comes_whole(self, gateway: Gateway) -> None:
        async with listening(gateway) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx: " + b"y" * HEAD_MOST + b"\r\n\r\n")
            assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 431 ")
            writer.close()

    async def test_many_small_chunks_are_no_frames_without_an_end(self, gateway: Gateway) -> None:
        body = json.dumps(asking("openai_chat")[1]).encode()
        pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body.ljust(30_000))
        async with listening(gateway) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(CHUNKED.replace(b"host", b"connection: close\r\nhost") + pieces + b"0\r\n\r\n")
            assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_a_body_in_many_pieces_costs_what_its_bytes_cost(settings: Settings) -> None:
    async with served(settings, bounds=Bounds(body=1000)) as gateway:
        response: Answered = await call(gateway, "/v1/chat/completions", b"x" * 1001)
    assert response.status == 413


async def test_a_request_of_more_messages_than_any_conversation_has_is_refused(gateway: Gateway) -> None:
    path, body = asking("openai_chat")
    body["messages"] *= MOST_MESSAGES + 1
    response = await call(gateway, path, body)
    assert (response.status, response.json["error"]["code"]) == (413, "too_many_messages")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_long_body_is_decoded_beside_the_loop(gateway: Gateway, dialect: str) -> None:
    path, body = asking(dialect, "x" * (AT_ONCE + 1))
    assert (await call(gateway, path, body)).status == 200


def test_a_long_texts_tokens_are_estimated_from_samples() -> None:
    unit = 'Der Hund läuft. 안녕하세요. {"a": 1}\n'
    text = unit * (3_000_000 // len(unit))
    usual = estimate_tokens(unit * 10_000) / 10_000
    assert estimate_tokens(text) == pytest.approx(3_000_000 // len(unit) * usual, rel=0.03)
