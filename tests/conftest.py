"""What all tests share."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

asyncio.set_event_loop(None)
# Otherwise pytest-asyncio 1.5 has Python 3.11 make a loop that nobody closes, and whichever test runs when it is collected fails.

MONGOD = os.environ.pop("MONGODB_URL", "")
"""A real server to test with, e.g. `mongodb://127.0.0.1:27017`; taken out of the environment, lest every other test write to it."""


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that speaks MongoDB's wire protocol: `MONGODB_URL` if it is given, else nx-27017."""
    if MONGOD:
        yield MONGOD.rstrip("/")
        return
    directory = tmp_path_factory.mktemp("mongodb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = ("--log-file", directory / "log", "--pid-file", directory / "pid")
    process = subprocess.Popen(
        [sys.executable, "-m", "nx_27017.nx_27017", "--data-dir", "memory", "--port", str(port), *files],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port, process, directory)
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes], directory: Path) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, (directory / "log").read_text()
        time.sleep(0.05)
    raise AssertionError("nx-27017 did not start within 30 s")


@pytest.fixture
def mongodb_url(mongodb_server: str) -> Iterator[str]:
    """URL of an empty database, which is dropped afterwards."""
    name = f"segue_test_{uuid.uuid4().hex[:12]}"
    yield f"{mongodb_server}/{name}"
    if MONGOD:
        with MongoClient[dict[str, object]](mongodb_server) as client:
            client.drop_database(name)
