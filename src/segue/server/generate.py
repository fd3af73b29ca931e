"""Answers one request: the caller's dialect in, the engine's events out, in that dialect again.

A stream's head is sent with the first content, so that a request that no target answers gets an HTTP 500. Only if a target has sent
its head and then been silent for long (`Bounds.ping`) does a stream begin without content, so that no proxy between us and the caller
closes it; if that target fails and no other answers, the dialect's error event reports it inside the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from segue.budgets.lease import Budget
from segue.chat.events import ChatEvent, Finished
from segue.errors import LLMServiceUnavailableError, SegueError
from segue.failover.fast_path import Carrier
from segue.failover.job import Job
from segue.failover.relay import Take
from segue.runtime import Runtime
from segue.server.exchange import CallerWatch, Exchange
from segue.wire.codec import IngressCodec, IngressRequest

EVENT_STREAM = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class GatewayEndedError(LLMServiceUnavailableError):
    """The gateway's grace period ended before the answer did."""

    def __init__(self, *, retry_after: float) -> None:
        super().__init__(
            "the gateway stopped before the answer was complete: send the request again", retry_after=retry_after
        )


Written: TypeAlias = Callable[[], Awaitable[None]]


async def answer(
    exchange: Exchange,
    runtime: Runtime,
    codec: IngressCodec,
    asked: IngressRequest,
    job: Job,
    budgets: Sequence[Budget] = (),
) -> None:
    """Answers a request within `budgets`; what it cost is in the ledger before the answer's last byte, or the error, leaves.

    Raises its `SegueError` while nothing was sent, `CallerLeftError` when the caller has disconnected.
    """
    with exchange.watch() as watch:
        relay = await runtime.open(job, budgets=budgets)
        exchange.request_id = relay.report.request_id
        try:
            if asked.stream:
                await _stream(exchange, codec, asked, relay, watch, runtime.written)
            else:
                await _whole(exchange, codec, asked, relay, watch, runtime.written)
        except SegueError as error:
            if not isinstance(error, GatewayEndedError):
                await runtime.written()
            raise
        finally:
            relay.close()


async def _whole(
    exchange: Exchange, codec: IngressCodec, asked: IngressRequest, relay: Carrier, watch: CallerWatch, written: Written
) -> None:
    encoder = codec.encoder(asked, id=relay.report.request_id, created=int(time.time()))
    body = b""

    def take(event: ChatEvent) -> None:
        nonlocal body
        body += encoder.feed(event)

    while events := await _next(relay, watch, take):
        body += _encoded(encoder.feed, events)
    headers = {"content-type": encoder.content_type}
    await written()
    await exchange.reply((200, headers, body), about(relay))


async def _stream(
    exchange: Exchange, codec: IngressCodec, asked: IngressRequest, relay: Carrier, watch: CallerWatch, written: Written
) -> None:
    encoder = codec.encoder(asked, id=relay.report.request_id, created=int(time.time()))

    async def begin() -> None:
        if not exchange.status:
            await exchange.start(200, {"content-type": encoder.content_type, **EVENT_STREAM, **about(relay)})

    async def ping() -> None:
        if not exchange.status and not relay.answered:
            return
        await begin()
        if data := encoder.ping():
            await exchange.write(data)

    def take(event: ChatEvent) -> Awaitable[None] | None:
        return exchange.put(encoder.feed(event))

    watch.on_silence(ping)
    try:
        while events := await _next(relay, watch, take if exchange.status else None):
            ended = type(events[-1]) is Finished
            data = _encoded(encoder.feed, events)
            if not data and not ended:
                continue
            if ended:
                await written()
            if not exchange.status:
                await begin()
            await exchange.write(data, more=not ended)
            if ended:
                return
    except SegueError as error:
        if not exchange.status:
            raise
        watch.on_silence(None)
        if not isinstance(error, GatewayEndedError):  # no time is left to wait for a disk
            await written()
        await exchange.write(encoder.fail(error), more=False)


async def _next(relay: Carrier, watch: CallerWatch, take: Take | None = None) -> list[ChatEvent]:
    """The next events. Raises `GatewayEndedError` where the server ends the request, whose caller is still there."""
    try:
        return await relay.next(take)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if watch.left or task is None:
            raise
        task.uncancel()
        raise GatewayEndedError(retry_after=1.0) from None


def about(relay: Carrier) -> dict[str, str]:
    """Headers on where the answer comes from, as far as it is known when the head is sent."""
    report = relay.report
    headers = {"x-request-id": report.request_id, "request-id": report.request_id}
    speaker = relay.speaker
    if speaker is not None:
        finished = bool(report.target)
        headers["x-segue-target"] = speaker.name
        headers["x-segue-model"] = speaker.model.id
        headers["x-segue-attempts"] = str(len(report.attempts) + (not finished))
        if speaker.notice:
            headers["x-segue-notice"] = speaker.notice
        if speaker.simulated:
            headers["x-segue-simulated"] = "true"
    if report.route is not None:
        headers["x-segue-route"] = f"{report.route.policy}: {report.route.reason}"
    if report.omitted:
        headers["x-segue-omitted"] = ",".join(report.omitted)
    if report.healed:
        headers["x-segue-healed"] = ",".join(report.healed)
    return headers


def _encoded(feed: Callable[[ChatEvent], bytes], events: Iterable[ChatEvent]) -> bytes:
    return b"".join([feed(event) for event in events])
