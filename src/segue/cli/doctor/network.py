"""The doctor's questions to the network: is the provider there, does it take the key, does it know the model, what time is it.

Each is asked for its list of models, which costs nothing. Whatever happens, a target's answer is there within its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohappyeyeballs import AddrInfoType, start_connection

from segue.catalog.providers import PROVIDERS
from segue.chat.failure import Failure, FailureKind
from segue.cli.doctor.offline import Checkup
from segue.embedded.model_file import problem_with
from segue.errors import ConfigurationError
from segue.failover.local_upstream import LocalUpstream
from segue.routing.resolve import variable
from segue.routing.target import Target
from segue.transport.base import Transport, TransportError
from segue.transport.default import default_transport
from segue.transport.proxies import Proxies
from segue.transport.tls import tls_context
from segue.wire.codec import Call
from segue.wire.dialects import upstream

MOST = 4 * 1024 * 1024
"""Bytes of a list of models that are read."""
SKEW = (30.0, 300.0)
"""Seconds that this machine's clock may be off before that is a warning, and a fault: signatures and certificates then fail."""
SOON = 90
"""Days before a model's end from which the provider's own word on it is a warning."""


class PingResult(msgspec.Struct, frozen=True, kw_only=True):
    """`steps` tells the seconds of the name look-up, the connection and TLS; `skew` by how many seconds this clock is ahead."""

    status: int
    body: bytes
    headers: dict[str, str]
    seconds: float
    steps: dict[str, float]
    skew: float | None


def ask_all(targets: Sequence[Target], timeout: float) -> list[Checkup]:
    """What all targets say, asked at once, each within `timeout` seconds."""
    try:
        transport = default_transport()
    except ConfigurationError as error:
        return [
            Checkup(
                about="network", what="proxy", state="fault", finding=str(error), advice="correct or unset the variable"
            )
        ]

    async def ask() -> list[tuple[list[Checkup], float | None]]:
        try:
            return list(await asyncio.gather(*(check_reach(target, transport, timeout=timeout) for target in targets)))
        finally:
            await transport.aclose()

    answers = asyncio.run(ask())
    skews = {target.name: skew for target, (_, skew) in zip(targets, answers, strict=True) if skew is not None}
    return [check for checks, _ in answers for check in checks] + list(check_clock(skews))


async def check_reach(target: Target, transport: Transport, *, timeout: float) -> tuple[list[Checkup], float | None]:
    """What a target says, and by how many seconds this machine's clock is ahead of its; None if it does not tell."""
    if target.file:
        problem = problem_with(target.file)
        text = f"{target.file} runs on this machine when it is first asked" if problem is None else problem
        check = Checkup(about=target.name, what="file", state="ok", finding=text)
        return [check if problem is None else _fault(target, "file", text, "or name another file")], None
    if len(target.lookup) > 1:
        return [await _local(target, transport, timeout)], None
    try:
        async with asyncio.timeout(timeout):
            answer = await _ask(target, transport, timeout)
    except TimeoutError:
        text = f"silent for {timeout:g} s at {_place(target)}"
        return [_fault(target, "reach", text, "look at the network and its firewall, or try a longer --timeout")], None
    except TransportError as error:
        return [_fault(target, "reach", error.message, _network_advice(target, error.phase))], None
    parts = [f"{name} {seconds * 1000:.0f} ms" for name, seconds in answer.steps.items()]
    text = ", ".join([f"answers in {answer.seconds * 1000:.0f} ms", *parts])
    found = [Checkup(about=target.name, what="reach", state="ok", finding=text)]
    return found + list(_judged(target, answer)), answer.skew


async def _local(target: Target, transport: Transport, timeout: float) -> Checkup:
    """Whether there is a local server to close the chain with."""
    failure = await LocalUpstream(target, PROVIDERS, transport, time.time).probe(connect=timeout)
    if failure is None:
        return Checkup(about=target.name, what="reach", state="ok", finding="a local server with a model runs")
    return Checkup(
        about=target.name, what="reach", state="warning", finding=failure.message, advice="start one, e.g. ollama serve"
    )


async def _ask(target: Target, transport: Transport, timeout: float) -> PingResult:
    steps = {} if Proxies().concern(target.base_url) else await _steps(target)
    codec = upstream(target.dialect)
    call = Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )
    began, wall = time.monotonic(), time.time()
    answer = await transport.send(codec.list_models(call), connect=timeout)
    try:
        seconds = time.monotonic() - began
        body = b""
        while len(body) < MOST and (data := await answer.read()):
            body += data
    finally:
        answer.close()
    skew = _skew(answer.headers.get("date"), wall + seconds)
    return PingResult(
        status=answer.status, body=body, headers=dict(answer.headers), seconds=seconds, steps=steps, skew=skew
    )


async def _steps(target: Target) -> dict[str, float]:
    """The seconds of each step on the way to a connection; raises `TransportError` with the one that failed."""
    parts = urlsplit(target.base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    taken: dict[str, float] = {}
    with _Step("resolve", "DNS", taken, f"the name {host} can't be resolved"):
        addresses = await _resolved(host, port)
    with _Step("connect", "TCP", taken, f"no connection to {host}:{port}"):
        _, writer = await asyncio.open_connection(sock=await start_connection(addresses, happy_eyeballs_delay=0.25))
    try:
        if parts.scheme == "https":
            with _Step("tls", "TLS", taken, f"no TLS with {host}:{port}"):
                await writer.start_tls(
                    tls_context(os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None),
                    server_hostname=host,
                )
    finally:
        writer.close()
    return taken


class _Step:
    """Times a step; an error in it carries the step's name."""

    def __init__(self, phase: str, name: str, taken: dict[str, float], failed: str) -> None:
        self._phase, self._name, self._taken, self._failed = phase, name, taken, failed

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._taken[self._name] = time.monotonic() - self._began
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            known = error.errno if isinstance(error, ConnectionError) else None
            reason = (
                getattr(error, "verify_message", "") or (os.strerror(known) if known else error.strerror) or str(error)
            )
            raise TransportError(self._phase, f"{self._failed}: {reason}") from error


async def _resolved(host: str, port: int) -> list[AddrInfoType]:
    """The host's addresses. Asked in a thread that is not waited for at the end, since a dead resolver holds it for half a minute."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[AddrInfoType]] = loop.create_future()

    def tell(addresses: list[AddrInfoType], error: OSError | None) -> None:
        if found.done():
            return  # the result is no longer wanted
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses)

    def look() -> None:
        addresses: list[AddrInfoType] = []
        failed: OSError | None = None
        try:
            addresses += socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(tell, addresses, failed)

    threading.Thread(target=look, name="segue-doctor-dns", daemon=True).start()
    return await found


def _judged(target: Target, answer: PingResult) -> Iterator[Checkup]:
    if 200 <= answer.status < 300:
        if target.key:
            yield Checkup(about=target.name, what="key", state="ok", finding="the key is accepted")
        yield from _listed(target, answer.body)
        return
    if answer.status in (404, 405):
        message = f"it has no list of models (HTTP {answer.status}), so the key can't be tried for free"
        yield Checkup(about=target.name, what="key", state="note", finding=message)
        return
    failure = upstream(target.dialect).failure(answer.status, answer.headers, answer.body, wall=time.time())
    yield _refused(target, failure, answer.status)


def _refused(target: Target, failure: Failure, status: int) -> Checkup:
    message = f"{failure.message} (HTTP {status})"
    name = f"{variable(target.name)}_API_KEY"
    preset = PROVIDERS.get(target.provider)
    page = preset.key_page if preset is not None else ""
    if failure.kind is FailureKind.AUTH:
        advice = f"make a new key{f' at {page}' if page else ''} and set {name}"
        return _fault(target, "key", f"the key is refused: {message}", advice)
    if failure.kind is FailureKind.MONEY:
        return _fault(target, "quota", f"no credit is left: {message}", f"top up{f' at {page}' if page else ''}")
    advice = "wait: it will pass" if failure.kind in (FailureKind.RATE, FailureKind.OVERLOAD) else "look at the address"
    return Checkup(about=target.name, what="reach", state="warning", finding=message, advice=advice)


class _Listed(msgspec.Struct):
    """A model in any of the dialects' lists: OpenAI's and Anthropic's `id`, Google's `name`."""

    id: str = ""
    name: str = ""
    shutdown_date: str | int | None = None
    retires_at: str | None = None


class _List(msgspec.Struct):
    data: list[_Listed] | None = None
    models: list[_Listed] | None = None
    has_more: bool = False
    nextPageToken: str = ""


def _listed(target: Target, body: bytes) -> Iterator[Checkup]:
    """What the provider's own list says of the target's model."""
    try:
        page = msgspec.json.decode(body, type=_List)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    names = {(model.id or model.name).removeprefix("models/"): model for model in page.data or page.models or ()}
    if target.lookup:
        state, message = ("ok", f"it has {', '.join(names)}") if names else ("fault", "it has no model")
        yield Checkup(about=target.name, what="model", state=state, finding=message, advice="" if names else "load one")  # type: ignore[arg-type]
        return
    model = names.get(target.model.id)
    if model is None:
        if names and not page.has_more and not page.nextPageToken:
            message = f"{target.model.id} is not among the {len(names)} models that it lists"
            advice = f"see whether {variable(target.name)}_MODEL is right"
            yield Checkup(about=target.name, what="model", state="warning", finding=message, advice=advice)
        return
    yield from _announced(target, _day(model.shutdown_date if model.shutdown_date is not None else model.retires_at))


def _announced(target: Target, end: date | None) -> Iterator[Checkup]:
    """An end that the provider names and our data does not."""
    today = datetime.now(UTC).date()
    if end is None or end == target.model.shutdown or (end - today).days > SOON:
        return
    passed = "was" if end <= today else "is to be"
    message = f"{target.model.id} {passed} shut down on {end}, says the provider"
    heir = target.model.successor
    advice = (
        f"set {variable(target.name)}_MODEL={heir}" if heir else f"name another model in {variable(target.name)}_MODEL"
    )
    yield Checkup(about=target.name, what="model", state="warning", finding=message, advice=advice)


def _day(value: str | int | None) -> date | None:
    """A day as an ISO date or moment, or in epoch seconds."""
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC).date()
        return date.fromisoformat(value[:10]) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _skew(header: str | None, wall: float) -> float | None:
    """Seconds by which this clock is ahead. The header has whole seconds, so less than one is nothing."""
    try:
        return wall - parsedate_to_datetime(header or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def check_clock(skews: Mapping[str, float]) -> Iterator[Checkup]:
    """`skews` is what each provider's clock says: the middle one is believed, as one of them may be wrong itself."""
    if not skews:
        return
    middle = sorted(skews.values())[len(skews) // 2]
    off = abs(middle)
    if off < SKEW[0]:
        yield Checkup(about="clock", what="time", state="ok", finding=f"right to {max(1.0, off):.0f} s")
        return
    message = f"this machine's clock is {off:.0f} s {'ahead' if middle > 0 else 'behind'}"
    advice = "set it by NTP, e.g. timedatectl set-ntp true"
    yield Checkup(
        about="clock", what="time", state="fault" if off >= SKEW[1] else "warning", finding=message, advice=advice
    )


def _fault(target: Target, what: str, text: str, advice: str) -> Checkup:
    return Checkup(about=target.name, what=what, state="fault", finding=text, advice=advice)


def _place(target: Target) -> str:
    return urlsplit(target.base_url).netloc.rpartition("@")[2]


def _network_advice(target: Target, phase: str) -> str:
    address = f"{variable(target.name)}_BASE_URL"
    preset = PROVIDERS.get(target.provider)
    if phase == "resolve":
        return f"look at the machine's DNS and at {address}"
    if phase == "tls":
        return "if a proxy breaks TLS open, put its authority's certificate into SSL_CERT_FILE"
    if preset is not None and preset.local:
        return f"start {preset.title}, or take {target.name} out of the chain"
    return f"look at the network, at HTTPS_PROXY, and at {address}"
