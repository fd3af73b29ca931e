"""The example plug-in, installed as a user would install it, and a provider that speaks its dialect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to put on PYTHONPATH."""
    target = tmp_path_factory.mktemp("plugin")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", target, PLUGIN], check=True, timeout=120
    )
    return target


class Lines(ThreadingHTTPServer):
    """A provider that speaks `lines`. `whole` answers are complete; else each breaks off in its second word."""

    daemon_threads = True

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Lines

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        lines = [{"say": "It is "}, {"say": "Rayleigh scattering."}, {"end": "stop", "read": 9, "wrote": 5}]
        if not self.server.whole:
            lines = []
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def broken() -> Iterator[Lines]:
    server = Lines(whole=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def whole() -> Iterator[Lines]:
    server = Lines(whole=True)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def environment(installed: Path, broken: Lines, whole: Lines, tmp_path: Path) -> dict[str, str]:
    """A chain of two targets in the plug-in's dialect, the one that the plug-in's policy asks first broken; its store; its hook."""
    (tmp_path / "segue.toml").write_text(
        f"""
        chain = ["zebra", "ant"]
        policy = "alphabet"
        [targets.ant]
        dialect = "lines"
        base_url = "{broken.address}"
        model = "small"
        [targets.zebra]
        dialect = "lines"
        base_url = "{whole.address}"
        model = "large"
        """
    )
    unset = ("SEGUE_", "GEMINI_", "OPENAI_", "CLAUDE_", "ANTHROPIC_", "GOOGLE_", "MONGODB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    return {
        **kept,
        "PYTHONPATH": str(installed),
        "SEGUE_HOME": str(tmp_path),
        "SEGUE_HOOKS": "blocklist",
        "SEGUE_LEDGER": f"jsonl://{tmp_path / 'attempts.jsonl'}",
    }
