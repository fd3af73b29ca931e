"""Looks sent to watchers: one for all, none without a watcher, and never more than a few for a slow one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from segue.errors import InvalidRequestError
from segue.monitoring.redaction import Redactor
from segue.runtime import Runtime
from segue.server.asgi import AsgiChannel
from segue.server.dashboard import feed as module
from segue.server.dashboard.feed import BEHIND, WATCHERS, Feed, Watcher
from segue.server.exchange import Bounds, Exchange
from segue.settings import Settings
from segue.settings_loading import load

from ..conftest import served

LIMIT = 20.0


class Caller:
    """The far side of an open stream: reads what comes while it is `reading`, stays until it `leaves`."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self.left = asyncio.Event()
        self.read: list[bytes] = []
        self.ended = False
        self.channel = AsgiChannel(self.receive, self.send)
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reading.wait()
        if message["type"] == "http.response.body":
            self.read.append(message["body"])
            self.ended = not message["more_body"]

    def exchange(self) -> Exchange:
        return Exchange(self.channel, Bounds(), method="GET", path="/", raw_path="/", query="", headers={})

    @property
    def looks(self) -> int:
        return b"".join(self.read).count(b"event: now\n")


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    settings: Settings = load({"SEGUE_LEDGER": "none", "GEMINI_API_KEY": "k"}, directory="/nonexistent")
    made = Runtime(settings)
    yield made
    await made.aclose()


@contextlib.asynccontextmanager
async def watching(feed: Feed, *callers: Caller) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(feed.watch(caller.exchange())) for caller in callers]
    try:
        yield tasks
    finally:
        for caller in callers:
            caller.reading.set()
            caller.left.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Any) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.005)


async def test_one_look_is_sent_to_all_who_watch(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    callers = [Caller() for _ in range(5)]
    async with watching(feed, *callers):
        await until(lambda: all(caller.looks >= 4 for caller in callers))
        assert feed.looks <= max(caller.looks for caller in callers) + 2
    await until(lambda: feed.watchers == 0)


async def test_nothing_is_looked_at_while_no_one_watches(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    caller = Caller()
    async with watching(feed, caller):
        await until(lambda: caller.looks >= 2)
    await until(lambda: feed._looking is None)
    looks = feed.looks
    await asyncio.sleep(0.1)
    assert feed.looks == looks


async def test_those_who_ask_within_a_second_get_the_same_look(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor())
    looks = await asyncio.gather(*(feed.now() for _ in range(20)))
    assert len(set(looks)) == 1
    assert feed.looks == 1


async def test_one_more_than_may_watch_is_refused(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    async with watching(feed, *(Caller() for _ in range(WATCHERS))):
        await until(lambda: feed.watchers == WATCHERS)
        with pytest.raises(InvalidRequestError) as caught:
            await feed.watch(Caller().exchange())
        assert (caught.value.status, caught.value.code) == (503, "too_many_watchers")
    await until(lambda: feed.watchers == 0)


def test_no_more_than_a_few_looks_wait_for_one_who_does_not_read() -> None:
    watcher = Watcher()
    for turn in range(BEHIND + 3):
        watcher.tell(b"look")
        assert len(watcher.waiting) <= BEHIND
        assert watcher.dropped is (turn >= BEHIND)
        if watcher.dropped:
            break
    assert not watcher.waiting, "what it will not read is not kept"


async def test_a_slow_reader_is_let_go_and_the_others_go_on(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    slow, quick = Caller(), Caller()
    async with watching(feed, slow, quick) as (dropped, _):
        await until(lambda: slow.looks >= 1)
        slow.reading.clear()
        before = quick.looks
        await until(lambda: quick.looks >= before + BEHIND + 3)
        slow.reading.set()
        await asyncio.wait_for(dropped, LIMIT)
        assert slow.ended
        assert quick.looks > before
        assert feed.watchers == 1


async def test_a_server_that_is_asked_to_end_does_not_wait_for_watchers(runtime: Runtime) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    caller = Caller()
    async with watching(feed, caller) as (open_stream,):
        await until(lambda: caller.looks >= 1)
        caller.channel.ending = True
        await asyncio.wait_for(open_stream, LIMIT)
        assert caller.ended


async def test_a_ledger_that_cannot_be_read_ends_no_stream(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Feed(runtime, Redactor(), every=0.01)
    caller, look, broken = Caller(), module.look, True

    def sometimes(*arguments: Any) -> Any:
        if broken:
            raise OSError("the disk is gone")
        return look(*arguments)

    async with watching(feed, caller):
        await until(lambda: caller.looks >= 1)
        monkeypatch.setattr(module, "look", sometimes)
        await until(lambda: b":\n\n" in caller.read)
        broken, before = False, caller.looks
        await until(lambda: caller.looks > before)
    assert "can't read the ledger" in caplog.text


def test_a_gateway_that_is_asked_to_end_does_not_wait_for_open_dashboards() -> None:
    settings = load({"SEGUE_LEDGER": "none", "GEMINI_API_KEY": "k"}, directory="/nonexistent")
    seen, ended = threading.Event(), threading.Event()

    def watch(address: str) -> None:
        with httpx.stream("GET", f"{address}/dashboard/api/v1/events", timeout=LIMIT) as answer:
            for line in answer.iter_lines():
                if line == "event: now":
                    seen.set()
        ended.set()

    with served(settings, timeout_graceful_shutdown=50) as address:
        watching = threading.Thread(target=watch, args=(address,))
        watching.start()
        assert seen.wait(LIMIT)
        left = time.monotonic()
    assert time.monotonic() - left < LIMIT
    assert ended.wait(LIMIT), "the stream was cut, not ended"
    watching.join()
