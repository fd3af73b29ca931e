from __future__ import annotations

import gc
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import trustme

from segue.transport.base import Transport

from .harness import SOCKET_TRANSPORTS, Harness, MemoryHarness, SocketHarness, socket_harness

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, *map(str.lower, PROXY_VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def bounded_time() -> Iterator[None]:
    """A test that hangs fails."""

    def too_late(*_: object) -> None:
        raise TimeoutError("this test hangs")

    previous = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_to_the_collector() -> Iterator[None]:
    """A socket or a session that was not closed warns when it is collected, and warnings are errors."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority, named by the environment as the one to trust."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


@pytest.fixture(params=list(SOCKET_TRANSPORTS.values()), ids=list(SOCKET_TRANSPORTS))
def make(request: pytest.FixtureRequest) -> Callable[[], Transport]:
    """Each implementation over sockets."""
    factory: Callable[[], Transport] = request.param
    return factory


@pytest.fixture
async def sockets(make: Callable[[], Transport]) -> AsyncIterator[SocketHarness]:
    async with socket_harness(make) as harness:
        yield harness


@pytest.fixture
async def tls_sockets(make: Callable[[], Transport], trusted: trustme.CA) -> AsyncIterator[SocketHarness]:
    async with socket_harness(make, authority=trusted) as harness:
        yield harness


VARIANTS = [("memory", "")] + [(name, way) for name in SOCKET_TRANSPORTS for way in ("chunked", "length", "close-tls")]


@pytest.fixture(params=VARIANTS, ids=lambda variant: "-".join(filter(None, variant)))
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    """Each implementation, over sockets with each way of framing a body and with TLS."""
    name, way = request.param
    if name == "memory":
        memory = MemoryHarness()
        yield memory
        await memory.transport.aclose()
        return
    framing, _, tls = way.partition("-")
    authority = request.getfixturevalue("trusted") if tls else None
    async with socket_harness(SOCKET_TRANSPORTS[name], framing=framing, authority=authority) as sockets:
        yield sockets
