"""Connections that are kept for the next request, and what can have become of them in the meantime."""

from __future__ import annotations

import asyncio

import pytest

from .faults import hang_up, reset
from .upstream import Act, Ask, Line, Strike, Upstream, answering
from .world import ASKING, AT_ONCE, CHAINS, World, streamed, world, wrong_answer

WAYS_TO_GO = {"hung up": hang_up, "reset": reset}


def closing(strike: Strike) -> Act:
    """The usual answer; afterwards, while the connection is idle, it goes."""

    async def act(line: Line, ask: Ask) -> None:
        await answering()(line, ask)
        await asyncio.sleep(0.02)
        await strike(line, ask)

    return act


LAST_CHUNK = b"0\r\n\r\n"


def whole_body(ask: Ask) -> bytes:
    """The whole answer as one chunk."""
    speech, text = ask.speech, ask.rest()
    body = speech.opening() + speech.token(text) + speech.terminal(1) + speech.trailing(1)
    return b"%x\r\n%b\r\n" % (len(body), body)


async def one_packet(line: Line, ask: Ask) -> None:
    """The whole body at once, its end included."""
    await line.head(f"Content-Type: {ask.speech.content_type}")
    await line.send(whole_body(ask) + LAST_CHUNK)
    line.busy = False


async def ask_twice(here: World, chain: tuple[str, ...], *, pause: float = 0.0, second_by: str = "") -> None:
    outcome = await streamed(here.client)
    assert not [*wrong_answer(outcome, chain[0])]
    await asyncio.sleep(pause)
    outcome = await streamed(here.client)
    assert not [*wrong_answer(outcome, second_by or chain[0])]
    assert await here.outlived(outcome.ended) <= AT_ONCE
    assert not here.unsettled()


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
@pytest.mark.parametrize("way", WAYS_TO_GO)
async def test_a_connection_that_went_while_idle_is_replaced_unseen(way: str, chain: tuple[str, ...]) -> None:
    first = Upstream(closing(WAYS_TO_GO[way]))
    async with world(first, chain=chain) as here:
        await ask_twice(here, chain, pause=0.1)
        assert [len(line.asks) for line in first.lines] == [1, 1]


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
@pytest.mark.parametrize("way", WAYS_TO_GO)
async def test_a_kept_connection_that_goes_as_it_is_used_is_tried_once_on_a_fresh_one(
    way: str, chain: tuple[str, ...]
) -> None:
    """The race that no client can avoid: the provider closes just as the next request arrives."""
    first = Upstream(one_packet, answering("request", WAYS_TO_GO[way]))
    async with world(first, chain=chain) as here:
        await ask_twice(here, chain)
        assert [len(line.asks) for line in first.lines] == [2, 1]


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
@pytest.mark.parametrize("way", WAYS_TO_GO)
async def test_a_fresh_connection_that_goes_too_is_the_targets_failure(way: str, chain: tuple[str, ...]) -> None:
    gone = answering("request", WAYS_TO_GO[way])
    first = Upstream(one_packet, gone, gone)
    async with world(first, chain=chain) as here:
        await ask_twice(here, chain, second_by=chain[1])
        assert [len(line.asks) for line in first.lines] == [2, 1]


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
@pytest.mark.parametrize("phase", ["headers", "preamble", "middle"])
async def test_a_request_that_was_answered_in_part_is_never_sent_again_unseen(
    phase: str, chain: tuple[str, ...]
) -> None:
    first = Upstream(one_packet, answering(phase, reset))
    async with world(first, chain=chain) as here:
        await ask_twice(here, chain, second_by=chain[1])
        assert len(first.asks) == 2


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
async def test_a_connection_is_used_again(chain: tuple[str, ...], asking: str) -> None:
    first = Upstream(usual=one_packet)
    async with world(first, chain=chain) as here:
        for _ in range(3):
            assert not [*wrong_answer(await ASKING[asking](here.client), chain[0])]
        assert [len(line.asks) for line in first.lines] == [3]


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0] for chain in CHAINS])
async def test_a_connection_is_used_again_although_the_bodys_end_comes_a_little_later(
    chain: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.failover.upstream.DRAIN_WAIT", 5.0)
    ended = asyncio.Event()

    async def act(line: Line, ask: Ask) -> None:
        await line.head(f"Content-Type: {ask.speech.content_type}")
        await line.send(whole_body(ask))
        line.busy = False
        await asyncio.sleep(0.005)
        await line.send(LAST_CHUNK)
        ended.set()

    first = Upstream(usual=act)
    async with world(first, chain=chain) as here:
        for _ in range(3):
            assert not [*wrong_answer(await streamed(here.client), chain[0])]
            await ended.wait()
            ended.clear()
            await asyncio.sleep(0.1)
        assert [len(line.asks) for line in first.lines] == [3]
