"""Event loops come and go, and clients by the hundred: each loop's connections are closed, and clients share one thread."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import Any

import pytest

from segue import Sandbox, Segue
from segue.portal import Portal, shared_portal
from segue.settings import Settings


def threads() -> int:
    return sum(thread.name == "segue" for thread in threading.enumerate())


@pytest.fixture
def unraised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was warned of where nothing can be raised: in finalizers."""
    unraisable: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: unraisable.append(str(found.exc_value)))
    return unraisable


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("orderly", [True, False])
def test_a_loop_that_was_closed_leaves_no_connection_open(
    settings: Settings, unraised: list[str], orderly: bool
) -> None:
    client = Segue(settings)

    async def ask() -> str:
        return (await client.acomplete("Hi")).text

    for _ in range(3):
        if orderly:
            asyncio.run(ask())
        else:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(ask())
            loop.close()
    asyncio.run(ask())
    gc.collect()
    assert unraised == []
    client.close()


def test_a_hundred_clients_share_one_thread(settings: Settings) -> None:
    before = threads()
    clients = [Segue(settings) for _ in range(100)]
    for client in clients[:20]:
        client.complete("Hi")
    assert threads() <= before + 1
    for client in clients:
        client.close()
    assert threads() <= before


def test_a_callback_may_call_another_client(box: Sandbox, settings: Settings) -> None:
    """It runs in the loop that both share; it is given another one instead of waiting for ever for its own."""
    first, second = Segue(settings), Segue(settings)

    def check(text: str) -> str | None:
        return None if second.complete("Is it right?").text else "no"

    assert first.complete("Hi", validate=check).text
    first.close()
    second.close()


def test_a_portal_ends_when_the_last_who_shares_it_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.portal._shared", None)  # a client that another test forgot may still share it

    async def here() -> Any:
        return threading.current_thread()

    one, other = shared_portal(), shared_portal()
    assert one is other
    thread = one.run(here())
    one.close()
    assert thread.is_alive()
    other.close()
    thread.join(10)
    assert not thread.is_alive()
    assert shared_portal() is not one
    assert isinstance(one, Portal)
