"""A request leaves nothing behind that only a garbage collection would free: its prompt dies with it, also when it fails.

Collections are rare in the gateway, so that they cost no answer time. An outage with large prompts would fill the memory between two of
them. Nothing here depends on when garbage is collected: the collector is asked for all that it alone could free.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest

from segue import Sandbox
from segue.chat.request import ChatRequest
from segue.failover.relay import Relay
from segue.server.exchange import Exchange
from segue.settings import Settings
from segue.settings_loading import load

from .gateway import asking, break_all, call, listening, served

FAULTS = ("context_length", "auth", "unavailable", "cut:after=3", "error_event", "garbage", "empty", "quota", "")
OURS = (ChatRequest, Relay, Exchange)


@contextmanager
def uncollected() -> Iterator[list[Any]]:
    """Yields the objects that only a collection would have freed at the block's end."""
    found: list[Any] = []
    gc.collect()
    gc.freeze()  # what is there now is not walked through again
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def settled() -> None:
    """Attempts that were stopped end in the loop's next turns."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "claude", "gemini"])
@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_of_a_request_waits_for_a_collection_whatever_became_of_it(
    box: Sandbox, settings: Settings, dialect: str, stream: bool
) -> None:
    path, body = asking(dialect, stream=stream)
    for fault in FAULTS:
        for name in box.providers:
            box.break_provider(name, fault) if fault else box.heal(name)
        async with served(settings) as gateway:
            await call(gateway, path, body)
            for _ in range(2):  # a client of an earlier test may end meanwhile, once
                with uncollected() as left:
                    answer = await call(gateway, path, body)
                    await settled()
                if len(left) < 20:
                    break
        ours = [type(thing).__name__ for thing in left if isinstance(thing, OURS)]
        assert not ours, f"{fault or 'an answer'} ({answer.status}) keeps {ours}"
        assert len(left) < 20, f"{fault or 'an answer'}: {[type(thing).__name__ for thing in left]}"


async def test_what_was_asked_of_a_target_that_hangs_dies_with_its_deadline(box: Sandbox, settings: Settings) -> None:
    break_all(box, "hang")
    policy = settings.policy.replace(deadline=0.2)
    async with served(msgspec.structs.replace(settings, policy=policy)) as gateway:
        with uncollected() as left:
            answer = await call(gateway, *asking("openai_chat"))
            await settled()
    assert answer.status == 500
    assert not [thing for thing in left if isinstance(thing, OURS)]


EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"begun"}}]}\n\n'
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + EVENT


async def begins_and_waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads a request, keeps none of it, and sends the beginning of an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length:")[2].split()[0])
    while left:
        left -= len(await reader.read(65_536))
    writer.write(BEGUN)
    with suppress(ConnectionError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "claude", "gemini"])
async def test_a_stream_that_waits_holds_its_prompt_once(dialect: str) -> None:
    upstream = await asyncio.start_server(begins_and_waits, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}/v1"
    given = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": address, "SEGUE_CHAIN": "openai", "SEGUE_LEDGER": "none"}
    size = 2_000_000
    async with upstream, served(load(given, directory="/nonexistent")) as gateway, listening(gateway) as port:

        async def ask(text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            path, body = asking(dialect, text, stream=True)
            data = json.dumps(body).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            await reader.readuntil(b"begun")
            return reader, writer

        _, first = await ask("short")
        tracemalloc.start()
        try:
            _, second = await ask("a" * size)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        first.close()
        second.close()
        await settled()
    assert size < held < 1.5 * size
