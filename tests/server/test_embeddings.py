"""Embeddings: passed on to the one provider that has the model, and to no other."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from segue.catalog.providers import Embedder
from segue.embeddings.requests import OpenAIAsked
from segue.errors import InvalidRequestError
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger.record import Settlement
from segue.ledger.stores.memory import MemoryStore
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.server import embeddings as forward
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.memory import Hang, MemoryExchange, MemoryTransport, Refuse, Reply, Reset
from segue.wire.codec import WireRequest
from segue.wire.dialects import ingress

openai = pytest.importorskip("openai")

SECRET = "a-key-that-looks-like-none"
KEYS = {"GEMINI_API_KEY": SECRET, "OPENAI_API_KEY": SECRET, "CLAUDE_API_KEY": SECRET}
VECTORS = (
    b'{ "object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-0.5]}],"usage":{"prompt_tokens":7}}'
)
ASKED = b'{"model":"text-embedding-3-small","input":["one","two"],"dimensions":2,"unheard_of":{"a":1}}'


class Watcher:
    """Keeps a listener's events."""

    def __init__(self) -> None:
        self.started: list[AttemptStart] = []
        self.ended: list[AttemptEnd] = []

    def attempt_started(self, start: AttemptStart) -> None:
        self.started.append(start)

    def attempt_ended(self, end: AttemptEnd) -> None:
        self.ended.append(end)


class Upstream:
    """A `Segue` before a scripted network, asked in OpenAI's shape unless a path of Gemini's is given."""

    dialect, path = "openai_chat", ""

    def __init__(self, reply: Reply | None = None, environ: dict[str, str] | None = None) -> None:
        good = Reply(headers={"content-type": "application/json"}, steps=[VECTORS[:20], VECTORS[20:]])
        self.network = MemoryTransport(lambda request: reply or good)
        self.watcher = Watcher()
        settings = load({"SEGUE_LEDGER": "none", **(KEYS if environ is None else environ)}, directory="/nonexistent")
        self.runtime = Runtime(settings, transport=self.network, listeners=[self.watcher], ledger=MemoryStore())

    @property
    def sent(self) -> MemoryExchange:
        (only,) = self.network.requests
        return only

    async def ask(self, body: bytes = ASKED, **options: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            asked = forward.read(body, dialect=self.dialect, path=self.path)
        except InvalidRequestError as error:
            status, headers, answer = ingress(self.dialect).error(error)
        else:
            status, headers, answer = await forward.forward(self.runtime, asked, **options)
        assert SECRET not in answer.decode()
        assert SECRET not in str(headers)
        return status, dict(headers), answer

    async def refused(self, body: bytes = ASKED) -> tuple[int, dict[str, Any]]:
        status, _, answer = await self.ask(body)
        return status, json.loads(answer)["error"]


def asking(model: str) -> bytes:
    return json.dumps({"model": model, "input": "x"}).encode()


async def test_answer_and_request_go_through_unchanged() -> None:
    upstream = Upstream()
    status, headers, body = await upstream.ask()
    assert (status, body) == (200, VECTORS)
    assert headers == {
        "content-type": "application/json",
        "x-request-id": upstream.watcher.started[0].request_id,
        "request-id": upstream.watcher.started[0].request_id,
        "x-segue-target": "openai",
        "x-segue-model": "text-embedding-3-small",
        "x-segue-attempts": "1",
    }
    request = upstream.sent.request
    assert request.url == "https://api.openai.com/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert json.loads(request.body) == json.loads(ASKED)


@pytest.mark.parametrize(
    ("word", "url", "model"),
    [
        ("openai/text-embedding-3-large", "https://api.openai.com/v1/embeddings", "text-embedding-3-large"),
        (
            "gemini-embedding-001",
            "https://generativelanguage.googleapis.com/v1beta/openai/embeddings",
            "gemini-embedding-001",
        ),
        (
            "gemini/gemini-embedding-001",
            "https://generativelanguage.googleapis.com/v1beta/openai/embeddings",
            "gemini-embedding-001",
        ),
        ("models/mistral-embed", "https://api.mistral.ai/v1/embeddings", "mistral-embed"),
        ("ollama/nomic-embed-text", "http://127.0.0.1:11434/v1/embeddings", "nomic-embed-text"),
        ("vllm/BAAI/bge-m3", "http://10.0.0.1:8000/v1/embeddings", "BAAI/bge-m3"),
    ],
)
async def test_the_model_says_whose_it_is(word: str, url: str, model: str, tmp_path: Any) -> None:
    table = '[targets.vllm]\ndialect = "openai_chat"\nbase_url = "http://10.0.0.1:8000/v1"\nmodel = "m"\n'
    (tmp_path / "segue.toml").write_text(f'{table}[targets.mistral]\nmodel = "m"\n[targets.ollama]\nmodel = "m"\n')
    upstream = Upstream()
    upstream.runtime = Runtime(
        load({"SEGUE_LEDGER": "none", "MISTRAL_API_KEY": SECRET, **KEYS}, directory=tmp_path),
        transport=upstream.network,
    )
    assert (await upstream.ask(asking(word)))[0] == 200
    assert upstream.sent.request.url == url
    assert json.loads(upstream.sent.request.body)["model"] == model


async def test_a_version_in_geminis_address_gives_way_to_that_of_the_endpoint() -> None:
    upstream = Upstream(environ={"GEMINI_API_KEY": SECRET, "GEMINI_BASE_URL": "http://proxy/google/v1/"})
    await upstream.ask(asking("gemini-embedding-001"))
    assert upstream.sent.request.url == "http://proxy/google/v1beta/openai/embeddings"


@pytest.mark.parametrize(
    ("environ", "body", "status", "words"),
    [
        ({"GEMINI_API_KEY": SECRET}, ASKED, 404, "set OPENAI_API_KEY"),
        ({"GEMINI_API_KEY": SECRET}, asking("openai/text-embedding-3-small"), 404, "set OPENAI_API_KEY"),
        (KEYS, asking("claude/claude-sonnet-5-5"), 400, "claude has no embeddings"),
        (KEYS, asking("some-model"), 404, "write it as target/model"),
        (KEYS, asking("unknown/some-model"), 404, "write it as target/model"),
        (KEYS, asking("auto"), 400, "vectors of different models do not mix"),
        (KEYS, b'{"input":"x"}', 400, "model is missing"),
        (KEYS, b'{"model":7,"input":"x"}', 400, "model is missing"),
        (KEYS, b"[]", 400, "not a JSON object"),
        (KEYS, b"\xff\xfe", 400, "not a JSON object"),
        (KEYS, b"", 400, "not a JSON object"),
        (KEYS, b'{"model":"x","input":' + b"[" * 50_000, 400, "not a JSON object"),
    ],
)
async def test_a_callers_mistake_is_reported_and_no_provider_is_asked(
    environ: dict[str, str], body: bytes, status: int, words: str
) -> None:
    upstream = Upstream(environ=environ)
    found, error = await upstream.refused(body)
    assert found == status
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert not upstream.network.requests
    assert not upstream.watcher.started


def test_the_model_can_be_asked_for_beforehand() -> None:
    path = "/v1beta/models/gemini-embedding-001:embedContent"
    assert forward.read(ASKED, dialect="openai_chat", path="").model == "text-embedding-3-small"
    assert forward.read(b"{}", dialect="gemini", path=path).model == "gemini-embedding-001"
    with pytest.raises(InvalidRequestError, match="model is missing"):
        forward.read(b"{}", dialect="openai_chat", path="")


def answer_of(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps({"error": {"message": message, "code": code, "type": "x", "param": "dimensions"}}).encode()
    return Reply(status=status, headers={"content-type": "application/json", **(headers or {})}, steps=[body])


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (answer_of(400, "dimensions is too large", "invalid_value"), 400, "dimensions is too large"),
        (answer_of(404, "no such model", "model_not_found"), 404, "no such model"),
        (answer_of(401, f"Incorrect API key provided: {SECRET}", "invalid_api_key"), 500, "[key]"),
        (answer_of(400, f"the key {SECRET} was asked for too much", "invalid_value"), 400, "the key [key] was"),
        (answer_of(503, "overloaded", "server_error"), 500, "overloaded"),
        (Reply(before=[Refuse("connect")]), 500, "openai [text-embedding-3-small]: transport"),
        (Reply(steps=[VECTORS[:30], Reset()]), 500, "openai [text-embedding-3-small]: transport"),
    ],
)
async def test_a_providers_refusal_is_reported_and_no_other_is_asked(reply: Reply, status: int, words: str) -> None:
    upstream = Upstream(reply)
    found, error = await upstream.refused()
    assert found == status
    assert words in error["message"]
    assert len(upstream.network.requests) == 1
    assert len(upstream.watcher.ended) == 1


async def test_a_rate_limit_is_the_callers_to_wait_for() -> None:
    upstream = Upstream(answer_of(429, "slow down", "rate_limit_exceeded", {"retry-after": "7"}))
    status, headers, _ = await upstream.ask()
    assert (status, headers["retry-after"]) == (429, "7")
    assert "x-should-retry" not in headers


async def test_a_silent_provider_is_given_up_after_the_targets_timeout() -> None:
    upstream = Upstream(Reply(steps=[VECTORS[:30], Hang()]), {"OPENAI_API_KEY": SECRET, "OPENAI_TIMEOUT": "0.05"})
    status, error = await upstream.refused()
    assert status == 500
    assert "no whole answer within 0.05 s" in error["message"]
    assert upstream.sent.closed is not None


async def test_an_attempt_is_booked_at_its_price_under_the_callers_key() -> None:
    upstream = Upstream()
    await upstream.ask(key="key_1")
    (record,) = upstream.runtime.ledger.records()
    assert (record.model, record.outcome, record.key) == ("text-embedding-3-small", "ok", "key_1")
    assert record.usage.input_tokens == 7
    assert record.cost == 7 * Decimal("0.02") / 1_000_000


@pytest.mark.parametrize("odd", [-7, 1 << 62, 10**30, "many"])
async def test_an_impossible_count_is_not_believed_and_the_attempt_is_estimated(odd: object) -> None:
    answer = json.dumps(json.loads(VECTORS) | {"usage": {"prompt_tokens": odd}}).encode()
    upstream = Upstream(Reply(headers={"content-type": "application/json"}, steps=[answer]))
    assert (await upstream.ask())[2] == answer
    (record,) = upstream.runtime.ledger.records()
    assert (record.settlement, record.usage.input_tokens) == (Settlement.ESTIMATED, len(ASKED) // 4 + 1)


async def test_a_body_is_made_for_a_target_only_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    made: list[str] = []
    plain = OpenAIAsked._request

    def counted(asked: OpenAIAsked, target: Target, embedder: Embedder) -> WireRequest:
        made.append(target.name)
        return plain(asked, target, embedder)

    monkeypatch.setattr(OpenAIAsked, "_request", counted)
    table = f'[targets.spare]\nprovider = "openai"\nmodel = "m"\napi_key = "{SECRET}"\n'
    (tmp_path / "segue.toml").write_text(table)
    settings = load({"SEGUE_LEDGER": "none", **KEYS}, directory=tmp_path)
    for reply, bodies in ((None, 1), (answer_of(503, "down", None), 2)):
        upstream = Upstream(reply)
        upstream.runtime = Runtime(settings, transport=upstream.network)
        await upstream.ask()
        assert len(made) == len(upstream.network.requests) == bodies
        made.clear()


async def test_a_caller_who_leaves_ends_the_attempt_once_and_closes_the_connection() -> None:
    upstream = Upstream(Reply(steps=[Hang()]))
    caller = asyncio.create_task(upstream.ask())
    await asyncio.sleep(0.01)
    assert upstream.network.requests
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert [end.outcome for end in upstream.watcher.ended] == ["cancelled"]
    assert upstream.sent.closed is not None


class Provider(BaseHTTPRequestHandler):
    """Answers with two numbers for each text; asked for base64, as the official SDK does by default, with floats all the same."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = self.path == "/v1/embeddings" and self.headers["authorization"] == f"Bearer {SECRET}"
        data = [{"object": "embedding", "index": i, "embedding": [i, 0.5]} for i in range(len(asked["input"]))]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        body = json.dumps({"object": "list", "model": asked["model"], "data": data, "usage": usage}).encode()
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class TestOfficialSdk:
    @pytest.fixture
    def settings(self) -> Iterator[Settings]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield load({"SEGUE_LEDGER": "none", "OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": address}, directory="/none")
        server.shutdown()
        thread.join()
        server.server_close()

    def test_gets_its_vectors_and_its_errors(self, gateway: str) -> None:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
            answer = client.embeddings.create(model="openai/text-embedding-3-small", input=["one", "two"])
            assert [item.embedding for item in answer.data] == [[0, 0.5], [1, 0.5]]
            assert (answer.model, answer.usage.prompt_tokens) == ("text-embedding-3-small", 2)
            with pytest.raises(openai.NotFoundError, match="set GEMINI_API_KEY"):
                client.embeddings.create(model="gemini-embedding-001", input="x")


@pytest.mark.parametrize(
    ("model", "heir"),
    [
        ("text-embedding-004", "gemini-embedding-001"),
        ("models/text-embedding-004", "gemini-embedding-001"),
        ("gemini/text-embedding-004", "gemini-embedding-001"),
        ("text-similarity-davinci-001", "text-embedding-3-small"),
    ],
)
async def test_a_model_that_was_shut_down_names_its_replacement_and_none_is_asked_unbidden(
    model: str, heir: str
) -> None:
    upstream = Upstream()
    status, _, body = await upstream.ask(json.dumps({"model": model, "input": "one"}).encode())
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (404, "model_not_found")
    assert f"was shut down: use {heir}, and embed all texts again" in error["message"]
    assert not upstream.network.requests
