"""What callers send and what providers are sent, through the gateway: names there and back, what is reported, refusals that

go on. The upstream here keeps its requests, and sends what the test has written for it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from segue import LLMClient, Segue, user
from segue.chat.messages import Message, ToolCall
from segue.chat.request import Tool
from segue.secret import Secret
from segue.settings import Settings, TargetSettings

from .conftest import served

CLAUDE = "claude-sonnet-5-5"


class Upstream:
    """Answers each request with what `says` makes of its body: a status and a body, an event stream where the status is 200."""

    def __init__(self, says: Callable[[dict[str, Any]], tuple[int, bytes]]) -> None:
        self._says = says
        self.got: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.address = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        body = json.loads(await reader.readexactly(size) or b"{}")
        status, reply = 200, b'{"data": []}'
        if head.startswith(b"POST"):
            self.got.append(body)
            self.heads.append(head.decode())
            status, reply = self._says(body)
        kind = b"text/event-stream" if status == 200 else b"application/json"
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            % (status, kind, len(reply))
        )
        writer.write(reply)
        await writer.drain()
        writer.close()


@contextmanager
def upstream(says: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[Upstream]:
    made, ready = Upstream(says), threading.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        server = await asyncio.start_server(made.take, "127.0.0.1", 0)
        made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        async with server:
            await stopping.wait()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


def target(dialect: str, address: str, model: str, **more: Any) -> TargetSettings:
    base = address + "/v1" if dialect.startswith("openai") else address
    return TargetSettings(dialect=dialect, base_url=base, model=model, api_key=Secret("k"), **more)


def settings(**targets: TargetSettings) -> Settings:
    return Settings(chain=tuple(targets), targets=targets, ledger=None)


def claude_events(*events: dict[str, Any]) -> bytes:
    start = {
        "type": "message_start",
        "message": {"id": "m", "model": CLAUDE, "usage": {"input_tokens": 1, "output_tokens": 1}},
    }
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in (start, *events))


def claude_calls(name: str, arguments: str) -> bytes:
    """A call whose arguments come in pieces of three characters."""
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    pieces = [arguments[n : n + 3] for n in range(0, len(arguments), 3)]
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": p}}
        for p in pieces
    ]
    return claude_events(
        {"type": "content_block_start", "index": 0, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )


def claude_says(text: str) -> bytes:
    return claude_events(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )


def chat_says(text: str) -> bytes:
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    return b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()


def refused(message: str) -> tuple[int, bytes]:
    return 400, json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()


SEARCH = {
    "type": "object",
    "properties": {"$filter": {"type": "string"}, "top": {"type": "integer"}},
    "required": ["$filter"],
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_comes_back_by_the_names_that_the_caller_gave(stream: bool) -> None:
    def says(body: dict[str, Any]) -> tuple[int, bytes]:
        (tool,) = body["tools"]
        first, second = tool["input_schema"]["properties"]
        return 200, claude_calls(tool["name"], json.dumps({first: "a eq '$filter'", second: 3}))

    function = {"name": "graph.search", "parameters": SEARCH}
    asked = {
        "model": "c",
        "stream": stream,
        "messages": [{"role": "user", "content": "find it"}],
        "tools": [{"type": "function", "function": function}],
    }
    with upstream(says) as provider, served(settings(c=target("claude", provider.address, CLAUDE))) as gateway:
        answer = httpx.post(f"{gateway}/v1/chat/completions", json=asked, timeout=20)
    assert answer.status_code == 200, answer.text
    assert provider.got[0]["tools"][0]["name"] == "graph_search"
    assert list(provider.got[0]["tools"][0]["input_schema"]["properties"]) == ["_filter", "top"]
    if stream:
        deltas = [
            json.loads(line[6:])["choices"][0]["delta"]
            for line in answer.text.split("\n")
            if line.startswith("data: {")
        ]
        calls = [call["function"] for delta in deltas for call in delta.get("tool_calls", [])]
        called = {"name": calls[0]["name"], "arguments": "".join(call["arguments"] for call in calls)}
    else:
        called = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]
    assert called["name"] == "graph.search"
    assert json.loads(called["arguments"]) == {"$filter": "a eq '$filter'", "top": 3}


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_healed_and_left_out_is_reported_in_the_head(stream: bool) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "user", "content": "b"},
    ]
    asked = {
        "model": "c",
        "stream": stream,
        "messages": turns,
        "logit_bias": {"1": 1},
        "tools": [{"type": "web_search"}],
    }
    with (
        upstream(lambda _: (200, claude_says("fine"))) as provider,
        served(settings(c=target("claude", provider.address, CLAUDE))) as gateway,
    ):
        answer = httpx.post(f"{gateway}/v1/chat/completions", json=asked, timeout=20)
    assert answer.headers["x-segue-healed"] == "call-without-result"
    assert set(answer.headers["x-segue-omitted"].split(",")) == {"tools.web_search", "logit_bias"}


def test_what_the_settings_say_and_the_caller_did_not_is_not_reported_as_left_out() -> None:
    asked = {"model": "c", "messages": [{"role": "user", "content": "a"}]}
    with upstream(lambda _: (200, chat_says("fine"))) as provider:
        one = settings(c=target("openai_chat", provider.address, "gpt-6-luna", provider="openai", temperature=0.7))
        with served(one) as gateway:
            plain = httpx.post(f"{gateway}/v1/chat/completions", json=asked, timeout=20)
            warm = httpx.post(f"{gateway}/v1/chat/completions", json=asked | {"temperature": 0.5}, timeout=20)
    assert "temperature" not in provider.got[0]
    assert "x-segue-omitted" not in plain.headers
    assert warm.headers["x-segue-omitted"] == "temperature"


def test_the_library_and_langchain_tell_it_in_sentences() -> None:
    turns = (user("a"), Message("assistant", (ToolCall(id="x", name="f"),)), user("b"))
    with upstream(lambda _: (200, chat_says("fine"))) as provider:
        one = settings(c=target("openai_chat", provider.address, "some-model"))
        with Segue(one) as segue:
            answer = segue.complete(turns)
        reply = LLMClient(engine=Segue(one), chain="c").invoke(
            [
                HumanMessage("a"),
                AIMessage("", tool_calls=[{"id": "x", "name": "f", "args": {}}]),
                HumanMessage("b"),
            ]
        )
    assert answer.healed == ("call-without-result",)
    assert answer.notices == ("a tool call had no result: one was added that says so",)
    assert reply.response_metadata["healed"] == ["call-without-result"]
    assert reply.response_metadata["notices"] == list(answer.notices)


REFUSALS = [
    "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12",
    "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: call_1.",
    "messages.0.content.1.image.source.base64: The image was specified using the image/png media type, but appears to be image/jpeg",
    'messages: roles must alternate between "user" and "assistant"',
    "messages.0.content.0.document.source: PDF documents are only accepted here by their url",
]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CHAT = ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]})
MESSAGES = ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2000})


@pytest.mark.parametrize("message", REFUSALS)
def test_a_refusal_of_what_was_translated_goes_on_to_the_next_target(message: str) -> None:
    path, asked = CHAT
    with upstream(lambda _: refused(message)) as first, upstream(lambda _: (200, chat_says("fine"))) as second:
        targets = settings(
            a=target("claude", first.address, CLAUDE), b=target("openai_chat", second.address, "some-model")
        )
        with served(targets) as gateway:
            answer = httpx.post(gateway + path, json={"model": "auto", **asked}, timeout=20)
            again = httpx.post(gateway + path, json={"model": "auto", **asked}, timeout=20)
    assert (answer.status_code, answer.headers["x-segue-target"]) == (200, "b")
    assert answer.json()["choices"][0]["message"]["content"] == "fine"
    assert again.headers["x-segue-attempts"] == "2", "the first target is well: it is asked again"


def test_where_every_target_refuses_it_the_caller_gets_the_last_ones_reason_as_a_400() -> None:
    path, asked = CHAT
    with upstream(lambda _: refused(REFUSALS[0])) as first, upstream(lambda _: refused(REFUSALS[1])) as second:
        targets = settings(a=target("claude", first.address, CLAUDE), b=target("claude", second.address, CLAUDE))
        with served(targets) as gateway:
            answer = httpx.post(gateway + path, json={"model": "auto", **asked}, timeout=20)
    assert answer.status_code == 400
    assert "JSON schema is invalid" in answer.json()["error"]["message"]


def test_a_refusal_in_the_callers_own_dialect_is_the_callers_at_once() -> None:
    path, asked = MESSAGES
    with upstream(lambda _: refused(REFUSALS[4])) as first, upstream(lambda _: (200, chat_says("fine"))) as second:
        targets = settings(
            a=target("claude", first.address, CLAUDE), b=target("openai_chat", second.address, "some-model")
        )
        with served(targets) as gateway:
            answer = httpx.post(gateway + path, json={"model": "auto", **asked}, timeout=20)
    assert answer.status_code == 400
    assert second.got == []


def test_a_tool_of_the_library_comes_back_by_its_name() -> None:
    def says(body: dict[str, Any]) -> tuple[int, bytes]:
        return 200, claude_calls(body["tools"][0]["name"], "{}")

    with upstream(says) as provider, Segue(settings(c=target("claude", provider.address, CLAUDE))) as segue:
        answer = segue.complete("go", tools=(Tool(name="fs.read", parameters={"type": "object", "properties": {}}),))
    assert [call.name for call in answer.tool_calls] == ["fs.read"]


BETAS = "claude-code-20250219,prompt-caching-2024-07-31,context-1m-2025-08-07"


def test_betas_that_are_no_longer_known_are_left_out_alone_and_from_then_on() -> None:
    """Public: QuantumNous/new-api#2975, github/gh-aw-firewall#3656, zed-industries/zed#42715."""

    def says(body: dict[str, Any]) -> tuple[int, bytes]:
        if "prompt-caching" in provider.heads[-1]:
            return refused(
                "Unexpected value(s) `prompt-caching-2024-07-31`, `context-1m-2025-08-07` for the `anthropic-beta` header. "
                "Please consult our documentation at docs.anthropic.com or try again without the header."
            )
        return 200, claude_says("fine")

    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": BETAS}
    path, asked = MESSAGES
    with upstream(says) as provider, served(settings(c=target("claude", provider.address, CLAUDE))) as gateway:
        first, second = (
            httpx.post(gateway + path, json={"model": "c", **asked}, headers=headers, timeout=20) for _ in "12"
        )
    assert (first.status_code, second.status_code) == (200, 200)
    assert (first.headers["x-segue-attempts"], second.headers["x-segue-attempts"]) == ("2", "1")
    assert second.headers["x-segue-omitted"] == "betas.prompt-caching-2024-07-31,betas.context-1m-2025-08-07"
    assert ["anthropic-beta: claude-code-20250219\r" in head.lower() for head in provider.heads] == [False, True, True]


BESIDE_TOOLS = (
    "Function tools with reasoning_effort are not supported for gpt-6-luna in /v1/chat/completions. "
    "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
)


def responses_says(text: str) -> bytes:
    item = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": text}]}
    event = {
        "type": "response.completed",
        "response": {"id": "r", "model": "m", "status": "completed", "output": [item]},
    }
    return b"event: response.completed\ndata: %b\n\n" % json.dumps(event).encode()


@pytest.mark.parametrize("speaks", [True, False])
def test_tools_on_an_openai_model_at_another_address_go_where_its_refusal_says(speaks: bool) -> None:
    """Public: openai/openai-openapi#541, aaif-goose/goose#11413, laurent22/joplin#16451."""

    def says(body: dict[str, Any]) -> tuple[int, bytes]:
        if "/responses" in provider.heads[-1].split(" ")[1]:
            return (200, responses_says("fine")) if speaks else (404, b'{"error": {"message": "Not Found"}}')
        if body.get("reasoning_effort") != "none":
            error = {
                "message": BESIDE_TOOLS,
                "type": "invalid_request_error",
                "param": "reasoning_effort",
                "code": None,
            }
            return 400, json.dumps({"error": error}).encode()
        return 200, chat_says("fine")

    path, asked = CHAT
    with upstream(says) as provider:
        own = TargetSettings(base_url=provider.address + "/v1", model="gpt-6-luna", api_key=Secret("k"))
        with served(Settings(chain=("openai",), targets={"openai": own}, ledger=None)) as gateway:
            first, second = (httpx.post(gateway + path, json={"model": "auto", **asked}, timeout=20) for _ in "12")
    asked_at = [head.split(" ")[1].rpartition("/")[2] for head in provider.heads]
    assert [answer.json()["choices"][0]["message"]["content"] for answer in (first, second)] == ["fine", "fine"]
    assert asked_at == (
        ["completions", "responses", "responses"]
        if speaks
        else ["completions", "responses", "completions", "completions"]
    )
    assert second.headers["x-segue-attempts"] == "1", "it is learned"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_of_2023_gets_its_function_call(stream: bool) -> None:
    asked = {
        "model": "c",
        "stream": stream,
        "messages": [{"role": "user", "content": "weather?"}],
        "functions": [
            {"name": "get.weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
        ],
        "function_call": "auto",
    }
    says = claude_calls("get_weather", '{"city": "Paris"}')
    with (
        upstream(lambda _: (200, says)) as provider,
        served(settings(c=target("claude", provider.address, CLAUDE))) as gateway,
    ):
        answer = httpx.post(f"{gateway}/v1/chat/completions", json=asked, timeout=20)
    assert answer.status_code == 200, answer.text
    assert provider.got[0]["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    if stream:
        choices = [json.loads(line[6:])["choices"][0] for line in answer.text.split("\n") if line.startswith("data: {")]
        (call,) = [choice["delta"]["function_call"] for choice in choices if "function_call" in choice["delta"]]
        reason = choices[-1]["finish_reason"]
    else:
        (choice,) = answer.json()["choices"]
        call, reason = choice["message"]["function_call"], choice["finish_reason"]
        assert "tool_calls" not in choice["message"]
    assert (call["name"], json.loads(call["arguments"]), reason) == ("get.weather", {"city": "Paris"}, "function_call")
