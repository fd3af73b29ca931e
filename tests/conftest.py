"""What all tests share."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from pymongo import MongoClient

from segue.ledger.stores.mongodb_connection import shared_connection
from segue.secret import Secret

pytest.register_assert_rewrite("segue.testing.stores", "segue.testing.dialects")

asyncio.set_event_loop(None)
# Otherwise pytest-asyncio 1.5 has Python 3.11 make a loop that nobody closes, and whichever test runs when it is collected fails.

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and every process that a test starts and interrupts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile(
    "shared cores", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared cores")

_HANDED_ON = "MONGODB_URL_OF_TESTS"
MONGOD = os.environ.setdefault(_HANDED_ON, os.environ.pop("MONGODB_URL", ""))
"""A real server to test with, e.g. `mongodb://127.0.0.1:27017`; taken out of the environment, lest every other test write to it, and
handed on to the processes that share the tests."""

_TALLY = "tally"


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
    shared_connection(Secret(f"{mongodb_server}/{name}")).close()
    if MONGOD:
        with MongoClient[dict[str, object]](mongodb_server) as client:
            client.drop_database(name)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str, int], object]:
    """`with tally("what", count): …` adds to the line that the summary has for `what`: how much was tried, in what time."""

    @contextmanager
    def counting(what: str, count: int) -> Iterator[None]:
        began = time.process_time()
        try:
            yield
        finally:
            request.node.user_properties.append((_TALLY, (what, count, time.process_time() - began)))

    return counting


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Read off the reports, which come from whichever process ran the test."""
    totals: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == _TALLY:
                        what, count, seconds = value
                        totals[what][0] += count
                        totals[what][1] += seconds
    for what, (count, seconds) in totals.items():
        terminalreporter.write_line(f"{count:,.0f} {what} in {seconds:.1f} s of one core")
