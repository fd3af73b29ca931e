"""Embeddings in Gemini's shape: over a scripted network, and with google-genai over sockets to the simulated providers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from google import genai

from segue import Sandbox
from segue.ledger.stores.memory import MemoryStore
from segue.runtime import Runtime
from segue.server import embeddings as forward
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply

from .conftest import served

SECRET = "a-key-that-looks-like-none"
KEYS = {"GEMINI_API_KEY": SECRET, "OPENAI_API_KEY": SECRET, "CLAUDE_API_KEY": SECRET}
ROOT = "https://generativelanguage.googleapis.com/v1beta/models"
ANSWER = b'{ "embeddings": [{"values":[0.25,-0.5]}], "usageMetadata": {"promptTokenCount": 7}, "unheard_of": 1}'
MODEL = "gemini-embedding-001"


class Upstream:
    """A `Segue` before a scripted network, asked in Gemini's shape."""

    def __init__(self, reply: Reply | None = None, **environ: str) -> None:
        self.network = MemoryTransport(lambda request: reply or Reply(steps=[ANSWER]))
        settings = load({"SEGUE_LEDGER": "none", **(environ or KEYS)}, directory="/nonexistent")
        self.runtime = Runtime(settings, transport=self.network, ledger=MemoryStore())

    async def ask(self, path: str, body: Any, key: str = "") -> tuple[int, bytes]:
        asked = forward.read(json.dumps(body).encode(), dialect="gemini", path=f"/v1beta/models/{path}")
        status, _, answer = await forward.forward(self.runtime, asked, key=key)
        assert SECRET not in answer.decode()
        return status, answer

    @property
    def sent(self) -> tuple[str, dict[str, Any]]:
        (only,) = self.network.requests
        assert only.request.headers["x-goog-api-key"] == SECRET
        return only.request.url, json.loads(only.request.body)


def batch(model: str, *texts: str, **more: Any) -> dict[str, Any]:
    return {"requests": [{"model": model, "content": {"parts": [{"text": text}]}, **more} for text in texts]}


@pytest.mark.parametrize("word", [MODEL, f"gemini/{MODEL}", f"gemini%2F{MODEL}"])
async def test_a_batch_goes_to_gemini_under_the_models_own_name_and_its_answer_as_it_is(word: str) -> None:
    upstream = Upstream()
    body = batch(f"models/{word}", "one", "two", taskType="RETRIEVAL_QUERY", unheard_of={"a": 1})
    assert await upstream.ask(f"{word}:batchEmbedContents", body | {"more": [1]}) == (200, ANSWER)
    right = batch(f"models/{MODEL}", "one", "two", taskType="RETRIEVAL_QUERY", unheard_of={"a": 1})
    assert upstream.sent == (f"{ROOT}/{MODEL}:batchEmbedContents", right | {"more": [1]})


async def test_a_single_text_goes_to_gemini_too_also_one_of_an_unknown_model() -> None:
    upstream = Upstream()
    body = {"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 2}
    await upstream.ask("text-embedding-099:embedContent", body)
    url, sent = upstream.sent
    assert url == f"{ROOT}/text-embedding-099:embedContent"
    assert sent == {**body, "model": "models/text-embedding-099"}


async def test_an_attempt_is_booked_with_what_gemini_counted_under_the_callers_key() -> None:
    upstream = Upstream()
    await upstream.ask(f"{MODEL}:batchEmbedContents", batch("m", "x"), key="key_1")
    (record,) = upstream.runtime.ledger.records()
    assert (record.target, record.model, record.outcome, record.key) == ("gemini", MODEL, "ok", "key_1")
    assert record.usage.input_tokens == 7
    assert record.cost


@pytest.mark.parametrize(
    ("environ", "word", "status", "words"),
    [
        (KEYS, "text-embedding-3-small", 400, "openai has no embeddings in Gemini's shape: use POST /v1/embeddings"),
        (KEYS, "openai/text-embedding-3-small", 400, "openai has no embeddings in Gemini's shape"),
        (KEYS, "claude/claude-sonnet-5-5", 400, "claude has no embeddings in Gemini's shape"),
        ({"OPENAI_API_KEY": SECRET}, MODEL, 404, "set GEMINI_API_KEY"),
        ({"OPENAI_API_KEY": SECRET}, f"gemini/{MODEL}", 404, "set GEMINI_API_KEY"),
    ],
)
async def test_a_model_that_gemini_has_not_is_reported_in_geminis_shape(
    environ: dict[str, str], word: str, status: int, words: str
) -> None:
    upstream = Upstream(**environ)
    found, answer = await upstream.ask(f"{word}:batchEmbedContents", batch(word, "x"))
    error = json.loads(answer)["error"]
    assert (found, error["code"]) == (status, status)
    assert words in error["message"]
    assert not upstream.network.requests


async def test_geminis_refusal_is_reported_without_its_key() -> None:
    refusal = {"error": {"code": 400, "message": f"no such dimension for {SECRET}", "status": "INVALID_ARGUMENT"}}
    headers = {"content-type": "application/json"}
    upstream = Upstream(Reply(status=400, headers=headers, steps=[json.dumps(refusal).encode()]))
    status, answer = await upstream.ask(f"{MODEL}:batchEmbedContents", batch("m", "x"))
    assert status == 400
    assert "no such dimension for [key]" in json.loads(answer)["error"]["message"]


class TestOverSockets:
    @pytest.fixture(scope="class")
    @classmethod
    def gateway(cls, box: Sandbox) -> Iterator[str]:
        with served(box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))) as address:
            yield address

    @pytest.mark.parametrize("version", ["v1", "v1beta"])
    def test_google_genai_gets_vectors_of_the_asked_size_and_near_ones_for_near_texts(
        self, gateway: str, version: str
    ) -> None:
        options = genai.types.HttpOptions(base_url=gateway, api_version=version)
        texts = ["a red apple", "a green apple", "stock market news"]
        with genai.Client(api_key="any", http_options=options) as client:
            answer = client.models.embed_content(model=MODEL, contents=texts, config={"output_dimensionality": 64})
            named = client.models.embed_content(model=f"gemini/{MODEL}", contents=texts[0])
        found = [embedding.values or [] for embedding in answer.embeddings or ()]
        assert [len(values) for values in found] == [64, 64, 64]
        near, far = (sum(a * b for a, b in zip(found[0], other, strict=True)) for other in found[1:])
        assert near > far
        assert answer.sdk_http_response is not None
        assert (answer.sdk_http_response.headers or {})["x-segue-target"] == "gemini"
        assert len((named.embeddings or [])[0].values or []) == 256

    def test_a_single_text_by_its_own_method(self, gateway: str) -> None:
        asked = {"content": {"parts": [{"text": "one"}]}}
        answer = httpx.post(f"{gateway}/v1beta/models/{MODEL}:embedContent", json=asked)
        assert len(answer.json()["embedding"]["values"]) == 256

    def test_openais_sdk_gets_the_same_from_either_provider(self, gateway: str) -> None:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
            for model in ("text-embedding-3-small", MODEL):
                answer = client.embeddings.create(model=model, input="one", dimensions=8)
                assert sum(number * number for number in answer.data[0].embedding) == pytest.approx(1)

    @pytest.mark.parametrize(
        ("path", "body", "status", "words"),
        [
            (f"{MODEL}:batchEmbedContents", {"requests": {}}, 400, "requests must be a list of objects"),
            (f"{MODEL}:batchEmbedContents", [], 400, "not a JSON object"),
            (f"{MODEL}:batchEmbedContents", {"requests": [{"content": 1}]}, 400, "no request for embeddings"),
            ("auto:embedContent", {"content": {}}, 400, "vectors of different models do not mix"),
            ("text-embedding-3-small:embedContent", {"content": {}}, 400, "use POST /v1/embeddings"),
        ],
    )
    def test_mistakes_are_named(self, gateway: str, path: str, body: Any, status: int, words: str) -> None:
        answer = httpx.post(f"{gateway}/v1beta/models/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
        assert words in answer.json()["error"]["message"]
