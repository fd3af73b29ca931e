"""A server of the coach's in a thread of the test's process, over the sandbox's stand-ins."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from career_coach.web.app import create_app
from career_coach.web.store import open_store
from segue import Sandbox, Segue, Settings
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = Path(__file__).parents[1] / "files"
PATIENCE = 30.0
"""Seconds that a test waits for what it asserts."""


class Server:
    """The coach on its own port. `stop` and `start` again keep the store."""

    def __init__(self, box: Sandbox, data: Path, *, mongodb_url: str = "", **options: Any) -> None:
        self._box = box
        self._data = data
        self._mongodb_url = mongodb_url
        self._options: dict[str, Any] = {"simulated": "broken", "lease": 1.0, **options}
        self.url = ""

    def start(self, port: int = 0) -> Server:
        policy = Policy(rounds=1, hedge=False)
        settings = self._box.settings(Settings(ledger="none", policy=policy), every=True)
        segue = Segue(settings, ledger=MemoryStore())
        self.app = create_app(
            segue,
            open_store(self._mongodb_url, self._data),
            sample=(EXAMPLES / "resume_ko.json").read_bytes(),
            **self._options,
        )
        config = uvicorn.Config(self.app, port=port, log_level="error", timeout_graceful_shutdown=3)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def stop(self) -> None:
        self.app.state.service.stop_streams()
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **options)


def until(condition: Callable[[], object]) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


def korean() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / "resume_ko.json").read_text(encoding="utf-8"))
    return document
