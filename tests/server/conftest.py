"""A gateway on a real socket, in its own thread, before simulated providers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from segue import Sandbox
from segue.runtime import Runtime
from segue.server.app import Gateway
from segue.server.auth import Gatekeeper
from segue.server.dashboard.stand_ins import StandIns
from segue.server.exchange import Bounds
from segue.server.metrics import Metrics
from segue.server.serve import ServeOptions, uvicorn_options
from segue.settings import Settings
from segue.settings_loading import load

Serving = Callable[..., str]


@contextmanager
def served(
    settings: Settings,
    *,
    gatekeeper: Gatekeeper | None = None,
    bounds: Bounds | None = None,
    listeners: Sequence[Any] = (),
    stand_ins: StandIns | None = None,
    **options: Any,
) -> Iterator[str]:
    """The address of a gateway that runs until the block is left."""
    metrics = Metrics()
    watching = [metrics, *([gatekeeper] if gatekeeper is not None else []), *listeners]
    runtime = Runtime(settings, listeners=watching)
    gateway = Gateway(runtime, metrics=metrics, gatekeeper=gatekeeper, bounds=bounds, stand_ins=stand_ins)
    config = uvicorn.Config(gateway, **{**uvicorn_options(ServeOptions(port=0, grace=1.0)), **options, "port": 0})
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="gateway", daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), "the gateway did not end"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "box" in request.fixturenames:
        sandbox: Sandbox = request.getfixturevalue("box")
        for name in sandbox.providers:
            sandbox.heal(name)


@pytest.fixture
def settings(box: Sandbox) -> Settings:
    return box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))


@pytest.fixture
def gateway(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address
