"""Two gateways, each in its own process, and a crowd of callers on one budget."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from segue import Sandbox
from segue.budgets.admission import store_of
from segue.catalog.prices import cost, price_of
from segue.ledger.stores.mongodb_connection import shared_connection
from segue.settings_loading import load

CALLERS = 200
BUDGET = Decimal("0.015")
BODY = {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "go on"}]}


@contextmanager
def replica(environ: dict[str, str], home: Path) -> Iterator[str]:
    """The address of a gateway in its own process."""
    home.mkdir(exist_ok=True)
    code = """
import socket, uvicorn
from segue.server.serve import ServeOptions, build, uvicorn_options
from segue.settings_loading import load
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
options = ServeOptions(grace=2.0)
uvicorn.Server(uvicorn.Config(build(load(), options), **uvicorn_options(options))).run(sockets=[listener])
"""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=home,
        env={**kept, **environ, "HOME": str(home), "SEGUE_HOME": environ.get("SEGUE_HOME", str(home))},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/chat/completions"
        process.terminate()
        assert process.wait(20) in (0, -15)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def call_until_it_is_spent(addresses: list[str]) -> Counter[str]:
    """What became of the requests of all callers, each of whom goes on until the budget is spent."""
    seen: Counter[str] = Counter()
    turn = itertools.cycle(addresses)
    until = time.monotonic() + 60

    async def caller(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            async with session.post(next(turn), json=BODY) as reply:
                body = await reply.text()
                kind = "ok" if reply.status == 200 else f"{reply.status} {'spent' if 'midnight' in body else 'held'}"
                seen[kind] += 1
            if kind == "429 spent":
                return
            if kind != "ok":
                await asyncio.sleep(0.2)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(caller(session) for _ in range(CALLERS)))
    return seen


@pytest.mark.parametrize("shared", ["mongodb", pytest.param("sqlite", marks=pytest.mark.long)])
def test_two_replicas_and_two_hundred_callers_do_not_overspend(
    shared: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with Sandbox(reply="numbered") as box, ExitStack() as running:
        environ = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": box.base_url("openai"),
            "SEGUE_CHAIN": "openai",
            "SEGUE_DAILY_BUDGET": str(BUDGET),
        }
        if shared == "mongodb":
            environ["MONGODB_URL"] = request.getfixturevalue("mongodb_url")
        else:
            environ["SEGUE_HOME"] = str(tmp_path)
        addresses = [running.enter_context(replica(environ, tmp_path / name)) for name in ("one", "two")]
        seen = asyncio.run(call_until_it_is_spent(addresses))
        running.close()
        now = datetime.datetime.now(datetime.UTC)
        prices = price_of("openai", box.bill[0].model, now)
        assert prices is not None
        billed = sum((cost(entry.usage, prices) for entry in box.bill), Decimal(0))
    settings = load(environ, directory=tmp_path)
    if shared == "sqlite":
        settings = load({**environ, "SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3")}, directory=tmp_path)
    spent = store_of(settings).spent(now.date().isoformat())
    if settings.mongodb_url:
        shared_connection(settings.mongodb_url).close()
    assert set(seen) <= {"ok", "429 spent", "429 held"}
    assert seen["429 spent"] == CALLERS
    assert Decimal(spent["all"]).scaleb(-12) == billed
    assert BUDGET * Decimal("0.9") < billed <= BUDGET
