"""What all tests share."""

from __future__ import annotations

import asyncio
import gc
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
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from benchmarks.free_port import free_port
from benchmarks.programs import CHROMIUM, chromium
from pymongo import MongoClient

from segue.failover import fast_path
from segue.ledger.stores.mongodb_connection import shared_connection
from segue.secret import Secret

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

pytest.register_assert_rewrite("segue.testing.stores", "segue.testing.dialects")

asyncio.set_event_loop(None)
# Otherwise pytest-asyncio 1.5 makes Python 3.11 create a loop that is never closed, and the test that runs when it is collected fails.

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and every process that a test starts and interrupts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

for profile, same in (("same cases", True), ("new cases", False)):
    hypothesis.settings.register_profile(
        profile, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=same
    )
hypothesis.settings.load_profile("same cases")
# So that a change is judged by itself; `make test-long` looks for new cases.

_HANDED_ON = "MONGODB_URL_OF_TESTS"
MONGOD = os.environ.setdefault(_HANDED_ON, os.environ.pop("MONGODB_URL", ""))
"""A real server to test with, e.g. `mongodb://127.0.0.1:27017`; taken out of the environment, so that no other test writes to it,
and passed on to the processes that share the tests."""

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
"""A checker of accessibility, from `npm install` in the project's root."""

_TALLY = "tally"


@pytest.fixture(scope="session", autouse=True)
def data_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test run neither reads nor writes the ledger and the keys of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEGUE_HOME", raising=False)
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-fast-path", action="store_true", help="every request is carried by a relay")


@pytest.fixture(scope="session", autouse=True)
def road(request: pytest.FixtureRequest) -> Iterator[None]:
    """The fast path, or none in this process and in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--without-fast-path"):
            patch.setattr(fast_path, "_is_plain", lambda job: False)
            patch.setenv("SEGUE_FAST_PATH", "false")
        yield


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that speaks MongoDB's wire protocol: `MONGODB_URL` if it is given, else nx-27017."""
    if MONGOD:
        yield MONGOD.rstrip("/")
        return
    directory = tmp_path_factory.mktemp("mongodb")
    port = free_port()
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or the one that the variable CHROMIUM names. Ends with the module: its event loop must not outlive it, or the
    asynchronous tests of other modules can't start theirs."""
    if CHROMIUM is None:
        pytest.skip("NOTICE: there is no chromium here (apt-get install chromium), so nothing is tested in a browser")
    pytest.importorskip("playwright.sync_api")
    with chromium() as made:
        yield made


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of 1,280 × 800. What it complains of on the console, a breach of its content security policy for one, fails the test.
    `@pytest.mark.parametrize("page", [{"locale": "ko-KR"}], indirect=True)` sets options of the browser's context."""
    trouble: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if (
            message.type == "error" and "the server responded with a status of" not in message.text
        ):  # noted of every one, also where it is expected
            trouble.append(message.text)

    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    made = context.new_page()
    made.set_default_timeout(20_000)
    made.on("console", heard)
    made.on("pageerror", lambda error: trouble.append(str(error)))
    yield made
    context.close()
    assert not trouble, trouble


@pytest.fixture
def axe(page: Page) -> Callable[[], list[str]]:
    """Returns the serious and critical findings of axe-core in the page as it is."""
    if not AXE.exists():
        pytest.skip("NOTICE: axe-core is not installed (npm install), so the pages' accessibility is not checked")

    def findings() -> list[str]:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        grave = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in grave]

    return findings


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


def pytest_collection_finish() -> None:
    """What is loaded by now stays loaded: collections, those that tests ask for among them, need not walk through it each time."""
    gc.collect()
    gc.freeze()


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
