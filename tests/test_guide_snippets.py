"""Code as it is written after the original guide, run unchanged: registry, fallback, retries, tracking, monitoring, error handling.

Three providers stand behind loopback addresses and speak their own dialects over real HTTP; the settings come from the environment.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from tenacity import RetryError, retry, retry_if_exception, stop_after_attempt, wait_none

from segue import (
    APIConnectionError,
    ClaudeClient,
    ConfigurationError,
    GeminiClient,
    LLMClient,
    LLMRegistry,
    LLMServiceUnavailableError,
    LLMUsageTracker,
    OpenAIClient,
    RateLimitError,
    call_llm_with_fallback,
    generate_with_retry,
    monitor_llm_performance,
    preferred_order,
    registry,
)
from segue.chat.events import Finished, FinishReason, Started, TextDelta, UsageReport
from segue.chat.usage import Usage
from segue.guide.functions import get_llm_client
from segue.wire.dialects import ingress

DIALECTS = {"gemini": "gemini", "openai": "openai_chat", "claude": "claude"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Providers:
    """Gemini, OpenAI and Claude on one loopback port, told apart by the path.

    A broken one answers with its HTTP status; `soon_well` is the number of requests after which it is healthy again.
    """

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}
        self.soon_well: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.seen: list[Any] = []
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)

    def answer(self, name: str, body: bytes, path: str, query: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        self.asked[name] += 1
        if (status := self.broken.get(name)) is not None and self.asked[name] <= self.soon_well.get(name, 1_000):
            return status, "application/json", msgspec.json.encode({"error": {"message": f"{name} is down"}})
        codec = ingress(DIALECTS[name])
        asked = codec.decode(body, path=path, query=query, headers=headers)
        self.seen.append((name, asked.model, asked.request))
        encoder = codec.encoder(asked, id="a1", created=1)
        usage = Usage(input_tokens=9, output_tokens=4)
        events = [
            Started(id="a1", model=asked.model),
            TextDelta(f"{name}의 "),
            TextDelta("답변"),
            UsageReport(usage),
            Finished(FinishReason.STOP),
        ]
        data = b"".join(encoder.feed(event) for event in events)
        return 200, encoder.content_type, data + getattr(encoder, "end", bytes)()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        providers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                url = urlsplit(self.path)
                _, name, rest = url.path.split("/", 2)
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                status, kind, data = providers.answer(name, body, f"/{rest}", url.query, headers)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Providers]:
    made = Providers()
    monkeypatch.chdir(tmp_path)
    # The guide's waits, a hundred times shorter.
    Path("segue.toml").write_text("[policy]\nround_wait = [0.04, 0.1]\nquick_retry = [0.0, 0.01]\n")
    environment = {
        "GEMINI_API_KEY": "AI-secret",
        "OPENAI_API_KEY": "sk-secret",
        "CLAUDE_API_KEY": "sk-ant-secret",
        "GEMINI_BASE_URL": made.url("gemini") + "/v1beta",
        "OPENAI_BASE_URL": made.url("openai") + "/v1",
        "CLAUDE_BASE_URL": made.url("claude"),
        "OPENAI_MODEL": "gpt-4.1",
        "SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield made
    registry.backend.engine().close()
    made.close()


async def test_the_registry_as_the_guide_declares_it(providers: Providers) -> None:
    assert preferred_order == ["gemini", "openai", "claude"]
    assert registry.get_available_clients() == ["gemini", "openai", "claude"]
    client = registry.create_client("openai")
    assert isinstance(client, LLMClient)
    response = await client.ainvoke([SystemMessage(content="당신은 면접관입니다."), HumanMessage(content="질문 하나")])
    assert isinstance(response, AIMessage)
    assert response.content == "openai의 답변"
    llm = registry.get_client_with_fallback()
    assert (await llm.ainvoke([HumanMessage(content="질문")])).content == "gemini의 답변"


async def test_the_guides_clients_with_the_guides_settings(providers: Providers) -> None:
    clients = [
        OpenAIClient(model="gpt-4-1106-preview", temperature=0.7, max_tokens=1500, timeout=30),
        ClaudeClient(model="claude-3-5-sonnet-20241022", temperature=0.7, max_tokens=1500, timeout=30),
        GeminiClient(model="gemini-1.5-flash", temperature=0.7, max_tokens=1500, timeout=30),
    ]
    messages = [HumanMessage(content="안녕")]
    answers = [(await client.ainvoke(messages)).content for client in clients]
    assert answers == ["openai의 답변", "claude의 답변", "gemini의 답변"]
    assert [model for _, model, _ in providers.seen] == [
        "gpt-4-1106-preview",
        "claude-3-5-sonnet-20241022",
        "gemini-1.5-flash",
    ]
    assert {request.max_tokens for _, _, request in providers.seen} == {1500}


async def test_streaming_with_astream(providers: Providers) -> None:
    text = ""
    async for chunk in OpenAIClient().astream([HumanMessage(content="안녕")]):
        text += str(chunk.content)
    assert text == "openai의 답변"


async def test_the_guides_fallback_function(providers: Providers) -> None:
    messages: list[BaseMessage] = [SystemMessage(content="짧게."), HumanMessage(content="안녕")]
    assert await call_llm_with_fallback(messages) == "gemini의 답변"
    providers.broken = {"gemini": 503, "openai": 429}
    started = time.perf_counter()
    assert await call_llm_with_fallback(messages) == "claude의 답변"
    assert time.perf_counter() - started < 4.0, "that is the guide's shortest wait before another round"


async def test_all_providers_failing_is_the_guides_error(providers: Providers) -> None:
    providers.broken = {"gemini": 503, "openai": 503, "claude": 503}
    with pytest.raises(LLMServiceUnavailableError, match="All LLM providers failed") as raised:
        await call_llm_with_fallback([HumanMessage(content="안녕")])
    assert {attempt.target for attempt in raised.value.attempts} == {"gemini", "openai", "claude"}
    assert "secret" not in str(raised.value)
    assert str(LLMServiceUnavailableError("All LLM providers failed")) == "All LLM providers failed"


async def test_no_key_at_all_is_the_guides_error_too_and_says_what_to_set(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.setenv("SEGUE_LEDGER", "none")
    with pytest.raises(LLMServiceUnavailableError, match=r"All LLM providers failed: .*GEMINI_API_KEY"):
        await call_llm_with_fallback([HumanMessage(content="안녕")])
    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY"):
        await generate_with_retry("안녕")


async def test_the_guides_own_loop_over_single_clients(providers: Providers, caplog: Any) -> None:
    logger = logging.getLogger("guide")

    async def by_hand(messages: list[BaseMessage]) -> str:
        for provider in ["gemini", "openai", "claude"]:
            try:
                client = get_llm_client(provider)
                response = await client.ainvoke(messages)
                return str(response.content)
            except RateLimitError:
                logger.warning("%s rate limited, trying next provider", provider)
            except APIConnectionError:
                logger.warning("%s connection failed, trying next provider", provider)
            except Exception as error:
                logger.error("%s failed: %s", provider, type(error).__name__)
        raise LLMServiceUnavailableError("All LLM providers failed")

    providers.broken = {"gemini": 429, "openai": 503}
    started = time.perf_counter()
    assert await by_hand([HumanMessage(content="안녕")]) == "claude의 답변"
    assert time.perf_counter() - started < 4.0
    assert "gemini rate limited" in caplog.text
    assert "openai failed: LLMServiceUnavailableError" in caplog.text
    providers.broken["claude"] = 500
    with pytest.raises(LLMServiceUnavailableError, match="All LLM providers failed"):
        await by_hand([HumanMessage(content="안녕")])


async def test_a_provider_that_cannot_be_reached_is_a_connection_error(providers: Providers, monkeypatch: Any) -> None:
    monkeypatch.setenv("GEMINI_BASE_URL", "http://127.0.0.1:9/v1beta")
    with pytest.raises(APIConnectionError):
        await get_llm_client("gemini").ainvoke("안녕")


async def test_generate_with_retry_tries_one_provider_three_times(providers: Providers) -> None:
    assert await generate_with_retry("안녕") == "gemini의 답변"
    assert await generate_with_retry("안녕", provider="claude") == "claude의 답변"
    providers.asked.clear()
    providers.broken = {"openai": 503}
    with pytest.raises(LLMServiceUnavailableError):
        await generate_with_retry("안녕", "openai")
    assert providers.asked == {"openai": 3}


async def test_generate_with_retry_answers_once_the_provider_is_back(providers: Providers) -> None:
    providers.broken = {"gemini": 503}
    providers.soon_well = {"gemini": 2}
    assert await generate_with_retry("안녕", "gemini") == "gemini의 답변"
    assert providers.asked == {"gemini": 3}


async def test_tenacity_around_a_client_tries_as_often_as_it_says(providers: Providers) -> None:
    @retry(stop=stop_after_attempt(3), wait=wait_none())
    async def ask(prompt: str, provider: str = "gemini") -> str:
        client = get_llm_client(provider)
        response = await client.ainvoke([HumanMessage(content=prompt)])
        return str(response.content)

    assert await ask("안녕") == "gemini의 답변"
    providers.asked.clear()
    providers.broken = {"openai": 400}
    with pytest.raises(RetryError):
        await ask("안녕", "openai")
    assert providers.asked == {"openai": 3}


async def test_tenacity_can_see_that_an_error_has_been_retried_already(providers: Providers) -> None:
    tries = []

    @retry(
        stop=stop_after_attempt(3),
        wait=wait_none(),
        retry=retry_if_exception(lambda e: getattr(e, "is_retryable", True)),
    )
    async def ask() -> str:
        tries.append(1)
        return await generate_with_retry("안녕", "openai")

    providers.broken = {"openai": 503}
    with pytest.raises(LLMServiceUnavailableError):
        await ask()
    assert len(tries) == 1


async def test_the_guides_tracker_and_monitor(providers: Providers, caplog: Any, tmp_path: Path) -> None:
    tracker = LLMUsageTracker(tmp_path / "tracked.sqlite3")

    @monitor_llm_performance
    async def questions(prompt: str) -> str:
        response = await registry.get_client_with_fallback().ainvoke([HumanMessage(content=prompt)])
        metadata = response.response_metadata
        assert response.usage_metadata is not None
        tracker.track_request(metadata["target"], response.usage_metadata["total_tokens"], metadata["cost"])
        return str(response.content)

    with caplog.at_level(logging.INFO, logger="segue"):
        assert await questions("이력서") == "gemini의 답변"
    assert "LLM call succeeded in" in caplog.text
    stats = tracker.get_daily_stats()
    assert stats["gemini_requests"] == 1
    assert stats["gemini_tokens"] == 13
    assert stats["gemini_cost"] >= 0

    providers.broken = {"gemini": 503, "openai": 503, "claude": 503}
    with caplog.at_level(logging.INFO, logger="segue"), pytest.raises(LLMServiceUnavailableError):
        await questions("이력서")
    assert "LLM call failed after" in caplog.text


async def test_the_ledger_books_what_the_clients_asked_by_itself(providers: Providers) -> None:
    await registry.get_client_with_fallback().ainvoke("안녕")
    stats = LLMUsageTracker().get_daily_stats()
    assert (stats["gemini_requests"], stats["gemini_tokens"]) == (1, 13)


class HTTPException(Exception):
    """FastAPI's, for a handler that is written with it."""

    def __init__(self, status_code: int, detail: str) -> None:
        super().__init__(detail)
        self.status_code = status_code


async def test_a_handler_answers_500_with_a_clear_message_when_all_fail(providers: Providers) -> None:
    async def handler(resume: str) -> dict[str, str]:
        try:
            return {"questions": await call_llm_with_fallback([HumanMessage(content=resume)])}
        except LLMServiceUnavailableError as error:
            raise HTTPException(status_code=500, detail=str(error)) from error

    assert await handler("이력서") == {"questions": "gemini의 답변"}
    providers.broken = {"gemini": 403, "openai": 401, "claude": 402}
    with pytest.raises(HTTPException) as raised:
        await handler("이력서")
    assert raised.value.status_code == 500
    for provider in ("gemini", "openai", "claude"):
        assert provider in str(raised.value)


class MyOpenAIClient(LLMClient):
    """The guide's shape: an `__init__` without arguments that sets `client`."""

    def __init__(self) -> None:
        self.api_key = "sk-mine"
        self.provider_name = "mine"
        self.client = FakeListChatModel(responses=["내 클라이언트"])


async def test_a_new_provider_in_the_guides_manner(providers: Providers) -> None:
    own = LLMRegistry()
    own.register("mine", MyOpenAIClient, streams=False)
    client = own.create_client("mine")
    assert isinstance(client, MyOpenAIClient)
    assert (client.provider_name, client.streams) == ("mine", True)
    client.streams = False
    assert (await client.ainvoke("안녕")).content == "내 클라이언트"
    assert "sk-mine" not in repr(client)
    assert own.get_available_clients() == ["gemini", "openai", "claude", "mine"]
    providers.broken = {"gemini": 503, "openai": 503, "claude": 503}
    response = await own.get_client_with_fallback().ainvoke([HumanMessage(content="안녕")])
    assert response.content == "내 클라이언트"


async def test_many_requests_at_once(providers: Providers) -> None:
    llm = registry.get_client_with_fallback()
    responses = await asyncio.gather(*(llm.ainvoke([HumanMessage(content=f"질문 {n}")]) for n in range(10)))
    assert {str(response.content) for response in responses} == {"gemini의 답변"}


def test_calls_without_an_event_loop_and_with_one_loop_after_another(providers: Providers) -> None:
    assert registry.get_client_with_fallback().invoke("안녕").content == "gemini의 답변"
    for _ in range(3):
        assert asyncio.run(call_llm_with_fallback([HumanMessage(content="안녕")])) == "gemini의 답변"
    assert "".join(str(chunk.content) for chunk in ClaudeClient().stream("안녕")) == "claude의 답변"
