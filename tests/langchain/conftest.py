"""Providers without a network: three dialects answered by our own server side, as each test scripts it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.langchain.backend import Backend
from segue.langchain.clients import LLMClient
from segue.langchain.registry import LLMRegistry
from segue.policy import Policy
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest
from segue.wire.dialects import ingress

USAGE = Usage(input_tokens=10, cache_read_tokens=4, cache_write_tokens=2, output_tokens=7, reasoning_tokens=3)

_DIALECTS = {"gemini": "gemini", "openai": "openai_chat", "claude": "claude"}


class Say(msgspec.Struct, frozen=True):
    """An answer: its events between the start and the end. `cut`: the connection ends after so many of them."""

    events: tuple[ChatEvent, ...]
    reason: FinishReason = FinishReason.STOP
    usage: Usage = USAGE
    cut: int | None = None
    refusal: str = ""


class Fail(msgspec.Struct, frozen=True):
    status: int
    message: str = "down"


def text(*pieces: str, **options: Any) -> Say:
    return Say(tuple(TextDelta(piece) for piece in pieces), **options)


def call(name: str, arguments: str, id: str = "call_1") -> Say:
    return Say((ToolCalled(0, ToolCall(id=id, name=name, arguments=arguments)),), FinishReason.TOOL_CALLS)


def thought(reasoning: str, answer: str, signature: str = "sig==") -> Say:
    return Say((ThinkingDelta(reasoning), ThinkingDelta(signature=signature, dialect="claude"), TextDelta(answer)))


def events(*given: ChatEvent) -> Say:
    called = any(isinstance(event, ToolCalled) for event in given)
    return Say(given, FinishReason.TOOL_CALLS if called else FinishReason.STOP)


class Far:
    """What stands behind the providers' addresses. Each answers as scripted, repeating the last answer; without a script, with its own name.

    `asked` is what they were asked, in order; `models` with which models; `keys` with which headers.
    """

    say = staticmethod(text)
    call = staticmethod(call)
    thought = staticmethod(thought)
    events = staticmethod(events)
    fail = Fail

    def __init__(self) -> None:
        self._script: dict[str, list[Say | Fail]] = defaultdict(list)
        self.asked: list[tuple[str, ChatRequest]] = []
        self.models: list[str] = []
        self.headers: list[dict[str, str]] = []

    def tell(self, provider: str, *answers: Say | Fail) -> None:
        self._script[provider] = list(answers)

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.asked]

    def __call__(self, wire: WireRequest) -> Reply:
        url = urlsplit(wire.url)
        name = (url.hostname or "").partition(".")[0]
        codec = ingress(_DIALECTS.get(name, "openai_chat"))
        asked = codec.decode(wire.body, path=url.path, query=url.query, headers=wire.headers)
        self.asked.append((name, asked.request))
        self.models.append(asked.model)
        self.headers.append(wire.headers)
        script = self._script[name]
        answer = (script.pop(0) if len(script) > 1 else script[0]) if script else text(f"{name} says hello")
        if isinstance(answer, Fail):
            body = msgspec.json.encode({"error": {"message": answer.message, "type": "error"}})
            return Reply(status=answer.status, headers={"content-type": "application/json"}, steps=[body])
        encoder = codec.encoder(asked, id="id1", created=1)
        steps = [encoder.feed(Started(id="id1", model=asked.model))]
        for number, event in enumerate(answer.events):
            if number == answer.cut:
                break
            steps.append(encoder.feed(event))
        else:
            steps.append(encoder.feed(UsageReport(answer.usage)))
            steps.append(encoder.feed(Finished(answer.reason, refusal=answer.refusal)))
            if callable(end := getattr(encoder, "end", None)):
                steps.append(end())
        return Reply(headers={"content-type": encoder.content_type}, steps=[step for step in steps if step])


ENVIRONMENT = {
    "GEMINI_API_KEY": "gemini-secret",
    "OPENAI_API_KEY": "openai-secret",
    "CLAUDE_API_KEY": "claude-secret",
    "GEMINI_BASE_URL": "http://gemini.test/v1beta",
    "OPENAI_BASE_URL": "http://openai.test/v1",
    "CLAUDE_BASE_URL": "http://claude.test",
    "OPENAI_MODEL": "gpt-4.1",
    "SEGUE_LEDGER": "none",
}


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def environment() -> dict[str, str]:
    """What the settings are read from; a test may change it before it asks for a backend."""
    return dict(ENVIRONMENT)


@pytest.fixture
def backend(far: Far, environment: dict[str, str]) -> Iterator[Backend]:
    settings = load(environment, directory="/nonexistent")
    # Nothing here is about waiting: whatever fails in a passing way is not tried again.
    policy = Policy(rounds=1, quick_retry=(0.0, 0.0), hedge=False)
    settings = msgspec.structs.replace(settings, policy=policy)
    made = Backend(settings, transport=MemoryTransport(far))
    yield made
    made.engine().close()


@pytest.fixture
def registry(backend: Backend) -> LLMRegistry:
    return LLMRegistry(backend=backend)


@pytest.fixture
def llm(backend: Backend) -> LLMClient:
    """The chain of all three."""
    return LLMClient(backend=backend)
