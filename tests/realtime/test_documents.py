"""Targets that don't stream: their one document is whole, or it is a failure."""

from __future__ import annotations

import pytest

from .upstream import Act, Ask, Line, Upstream
from .world import AT_ONCE, on_each_chain, whole, world, wrong_answer


def document(*, promised: int = 0, sent: float = 1.0, chunked: bool = False, ends: str = "end") -> Act:
    """The answer as one document, of which `sent` (a share) is sent, and `promised` bytes more announced than it has."""

    async def act(line: Line, ask: Ask) -> None:
        body = ask.speech.document(ask.rest())
        framing = "chunked" if chunked else str(len(body) + promised)
        await line.head("Content-Type: application/json", framing=framing)
        await line.body(body[: int(len(body) * sent)])
        match ends:
            case "end":
                line.busy = False
                if chunked:
                    await line.end()
            case "hang up":
                line.hang_up()
            case "reset":
                line.reset()

    return act


CUT = {
    "Content-Length is too long": document(promised=64, ends="hang up"),
    "Content-Length is too long, then a reset": document(promised=64, ends="reset"),
    "Content-Length is too long, then silence": document(promised=64, ends="hang"),
    "half of Content-Length": document(sent=0.5, ends="hang up"),
    "nothing of Content-Length": document(sent=0.0, ends="hang up"),
    "all chunks but the last": document(chunked=True, ends="hang up"),
    "all chunks but the last, then a reset": document(chunked=True, ends="reset"),
    "half a document, properly ended": document(sent=0.5, chunked=True),
    "no document, properly ended": document(sent=0.0, chunked=True),
}


async def test_a_whole_document_is_the_answer() -> None:
    async def case(chain: tuple[str, ...]) -> None:
        async with world(*(Upstream(usual=document()) for _ in chain), chain=chain, streams=False) as here:
            outcome = await whole(here.client)
            assert not [*wrong_answer(outcome, chain[0])]
            assert await here.outlived(outcome.ended) <= AT_ONCE

    await on_each_chain(case)


@pytest.mark.parametrize("cut", CUT)
async def test_a_cut_document_is_never_passed_off_as_whole(cut: str) -> None:
    async def case(chain: tuple[str, ...]) -> None:
        upstreams = [Upstream(usual=CUT[cut]), Upstream(usual=document()), Upstream(usual=document())]
        async with world(*upstreams, chain=chain, streams=False) as here:
            outcome = await whole(here.client)
            assert not [*wrong_answer(outcome, chain[1])]
            assert await here.outlived(outcome.ended) <= AT_ONCE
            assert not here.unsettled()

    await on_each_chain(case)
