"""Stand-ins, and servers over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from career_coach import stand_in
from segue import Sandbox

from .harness import Server

Serve = Callable[..., Server]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Stand-ins that take some 0.2 s for a question and 1.5 s for a learning path."""
    with Sandbox(reply=stand_in.reply, delay=0.002) as made:
        yield made


@pytest.fixture
def quick_box() -> Iterator[Sandbox]:
    with Sandbox(reply=stand_in.reply) as made:
        yield made


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server over a sandbox; all are stopped at the end."""
    started: list[Server] = []

    def start(box: Sandbox, **options: Any) -> Server:
        server = Server(box, tmp_path / "coach.sqlite3", **options).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
