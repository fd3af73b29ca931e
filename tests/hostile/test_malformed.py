"""No body makes the gateway stumble: what is wrong with it is the caller's mistake, in the caller's dialect, never a defect of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from segue import Sandbox
from segue.server.app import Gateway
from segue.settings import Settings

from .gateway import call, served

TOOL = {"type": "object", "properties": {"x": {"type": "string"}}}
SEEDS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (
        "/v1/chat/completions",
        {
            "model": "auto",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Hi"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    ],
                },
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c", "content": "1"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": TOOL}}],
            "tool_choice": "auto",
            "stop": ["x"],
            "temperature": 0.5,
            "max_tokens": 10,
            "stream_options": {"include_usage": True},
            "response_format": {"type": "text"},
        },
    ),
    "responses": (
        "/v1/responses",
        {
            "model": "auto",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "1"},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"}]},
            ],
            "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "f", "parameters": TOOL}],
            "tool_choice": "auto",
            "text": {"format": {"type": "text"}},
            "reasoning": {"effort": "low"},
            "metadata": {"a": "b"},
            "store": False,
            "previous_response_id": None,
        },
    ),
    "claude": (
        "/v1/messages",
        {
            "model": "auto",
            "max_tokens": 10,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "1"}]}
                    ],
                },
            ],
            "tools": [{"name": "f", "input_schema": TOOL}],
            "tool_choice": {"type": "auto"},
            "thinking": {"type": "disabled"},
            "metadata": {"user_id": "u"},
        },
    ),
    "gemini": (
        "/v1beta/models/auto:generateContent",
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"x": 1}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": TOOL}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
            "generationConfig": {"temperature": 0.5, "maxOutputTokens": 10, "stopSequences": ["x"]},
        },
    ),
    "completions": ("/v1/completions", {"model": "auto", "prompt": "Hi", "max_tokens": 10}),
    "embeddings": ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": ["Hi"]}),
    "gemini embeddings": (
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        {"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "Hi"}]}}]},
    ),
    "claude count": ("/v1/messages/count_tokens", {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}),
    "gemini count": ("/v1beta/models/auto:countTokens", {"contents": [{"parts": [{"text": "Hi"}]}]}),
}
ODD: list[Any] = [
    None, True, 0, -1, 1e308, 2**70, "", "x", "\ud800", "\x00", "a" * 300, [], [[]], [None], {}, {"": None},
    {"type": "x"}, {"type": None}, [{"type": []}], {"type": "item_reference", "id": {}},
]  # fmt: skip
RAW = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"\xff\xfe",
    b'{"model":',
    b"{}" * 2,
    b'{"a":' * 5000,
    b"[" * 100_000,
    b'{"model":"auto","model":1}',
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values within a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = {**document} if isinstance(document, dict) else [*document]
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with served(settings) as made:
        yield made


async def is_answered(gateway: Gateway, path: str, body: bytes) -> None:
    answer = await asyncio.wait_for(call(gateway, path, body), 20)
    assert b"internal error" not in answer.body, (path, body[:300])
    assert answer.status != 500, (path, body[:300], answer.body[:300])
    if answer.headers["content-type"].startswith("application/json"):
        json.loads(answer.body)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_body_that_is_no_request_is_the_callers_mistake(gateway: Gateway, seed: str) -> None:
    path, _ = SEEDS[seed]
    for raw in RAW:
        await is_answered(gateway, path, raw)


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_odd_value_anywhere_is_no_defect_of_ours(gateway: Gateway, seed: str) -> None:
    """Every value of a request in turn is replaced by odd ones."""
    path, document = SEEDS[seed]
    for number, place in enumerate(places(document)):
        for odd in ODD[number % 3 :: 3]:
            await is_answered(gateway, path, json.dumps(changed(document, place, odd)).encode())


@limits(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_several_odd_values_neither(box: Sandbox, settings: Settings, data: st.DataObject) -> None:
    path, document = SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(sorted(places(document), key=repr)))
        document = changed(document, place, data.draw(st.sampled_from(ODD)))
    body = json.dumps(document).encode()

    async def run() -> None:
        async with served(settings) as gateway:
            await is_answered(gateway, path, body)

    asyncio.run(run())
