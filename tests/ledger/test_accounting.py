"""From what providers write about tokens to what is booked: every class at its own price, in each dialect."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from segue.chat.usage import Usage
from segue.client import Segue
from segue.health.quota import QuotaKey, QuotaLimits
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.memory import MemoryStore
from segue.settings_loading import load
from segue.transport.memory import Hang, MemoryTransport, Reply

PRICES = {
    "input": "1",
    "cache_read": "0.1",
    "cache_write": "1.25",
    "cache_write_1h": "2",
    "output": "10",
    "reasoning": "20",
}
"""Dollars a million tokens, which are micro-dollars a token."""


def sse(*events: tuple[str, dict[str, Any]] | dict[str, Any] | str) -> list[bytes]:
    lines = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("", event)
        text = data if isinstance(data, str) else json.dumps(data)
        lines.append((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())
    return lines


CLAUDE_START = {
    "input_tokens": 100,
    "cache_read_input_tokens": 50,
    "cache_creation_input_tokens": 70,
    "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 30},
    "output_tokens": 1,
}
CLAUDE = sse(
    ("message_start", {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": CLAUDE_START}}),
    ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello there."}}),
    ("content_block_stop", {"type": "content_block_stop", "index": 0}),
    ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}}),
    ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}}),
    ("message_stop", {"type": "message_stop"}),
)  # fmt: skip
CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 10},
}
CHAT = sse(
    {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello there."}}]},
    {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": CHAT_USAGE},
    "[DONE]",
)  # fmt: skip


def gemini(text: str, thoughts: int, spoken: int, **more: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 40, "thoughtsTokenCount": thoughts}
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
    return {"candidates": [candidate], "usageMetadata": {**counts, "candidatesTokenCount": spoken}}


GEMINI = sse(gemini("Hello ", 3, 2), gemini("there.", 5, 20, finishReason="STOP"))

WHOLE = [
    (
        "claude",
        CLAUDE,
        Usage(
            input_tokens=100, cache_read_tokens=50, cache_write_tokens=40, cache_write_1h_tokens=30, output_tokens=20
        ),
        100 + 5 + 50 + 60 + 200,
    ),
    (
        "openai",
        CHAT,
        Usage(input_tokens=40, cache_read_tokens=60, output_tokens=30, reasoning_tokens=10),
        40 + 6 + 200 + 200,
    ),
    (
        "gemini",
        GEMINI,
        Usage(input_tokens=60, cache_read_tokens=40, output_tokens=25, reasoning_tokens=5),
        60 + 4 + 200 + 100,
    ),
]


def segue_of(provider: str, reply: Reply, store: MemoryStore, *, scale: int = 1) -> Segue:
    environ = {"SEGUE_CHAIN": provider, f"{provider.upper()}_API_KEY": "k", "SEGUE_LEDGER": "none"}
    settings = load(environ, directory="/nonexistent")
    table = {name: str(Decimal(price) * scale) for name, price in PRICES.items()}
    settings = msgspec.structs.replace(settings, prices={"*": table})
    return Segue(settings, ledger=store, transport=MemoryTransport([reply]))


def only(store: MemoryStore) -> AttemptRecord:
    (record,) = store.records()
    return record


@pytest.mark.parametrize(("provider", "stream", "usage", "micro"), WHOLE, ids=lambda value: str(value)[:6])
async def test_every_class_of_tokens_is_booked_at_its_own_price_and_the_last_report_counts(
    provider: str, stream: list[bytes], usage: Usage, micro: int
) -> None:
    store = MemoryStore()
    segue = segue_of(provider, Reply(headers={"content-type": "text/event-stream"}, steps=stream), store)
    answer = await segue.acomplete("Hello")
    record = only(store)
    assert (record.settlement, record.usage) == (Settlement.SETTLED, usage)
    assert record.cost == answer.cost == Decimal(micro) / 1_000_000


@pytest.mark.parametrize(
    "counts",
    [
        {"prompt_tokens": 1 << 62},
        {"completion_tokens": -35},
        {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0},
    ],
)
async def test_an_answer_without_a_report_to_believe_is_booked_at_what_was_sent_and_delivered(
    counts: dict[str, int],
) -> None:
    counted = CHAT_USAGE | counts if counts.get("total_tokens") is None else counts
    steps = [
        *CHAT[:2],
        *sse({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": counted}, "[DONE]"),
    ]
    booked = []
    for stream in (steps, [*CHAT[:2], *sse("[DONE]")]):
        store = MemoryStore()
        segue = segue_of("openai", Reply(headers={"content-type": "text/event-stream"}, steps=stream), store)
        keys = segue.runtime.engine.keys(segue.runtime.targets["openai"])
        quota = QuotaKey(keys.credential, keys.model)
        segue.runtime.engine.quota.configure(quota, QuotaLimits(input_tokens_per_minute=1000))
        answer = await segue.acomplete("Hello")
        record = only(store)
        assert (record.settlement, record.outcome) == (Settlement.ESTIMATED, "ok")
        left = segue.runtime.engine.quota.left(quota, time.monotonic(), time.time())
        assert left["minute", "tokens"] == 1000 - record.usage.prompt_tokens
        assert record.usage.output_tokens > 0
        assert answer.usage == Usage()
        booked.append((record.usage, record.cost, record.bound))
    assert booked[0] == booked[1]


async def test_a_caller_who_leaves_is_booked_for_the_reported_prompt_and_what_came() -> None:
    store = MemoryStore()
    steps = [*CLAUDE[:3], Hang()]
    segue = segue_of("claude", Reply(headers={"content-type": "text/event-stream"}, steps=steps), store)
    async with segue.stream("Hello", max_tokens=50) as stream:
        await stream.batch()
    record = only(store)
    assert (record.outcome, record.settlement) == ("cancelled", Settlement.ESTIMATED)
    assert record.usage.prompt_tokens == 220
    assert record.cost is not None
    assert record.bound == Decimal(220 * 2 + 50 * 20) / 1_000_000
    assert record.cost <= record.bound


async def test_a_price_that_changes_reprices_no_old_record() -> None:
    store = MemoryStore()
    for scale in (1, 3):
        reply = Reply(headers={"content-type": "text/event-stream"}, steps=CHAT)
        await segue_of("openai", reply, store, scale=scale).acomplete("Hello")
    assert sorted(record.cost or 0 for record in store.records()) == [
        Decimal(446) / 1_000_000,
        Decimal(3 * 446) / 1_000_000,
    ]
