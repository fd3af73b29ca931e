"""A request for embeddings, asked of the targets that have its model, one after the other.

There is no failover to another model: the vectors of different models do not mix, and an index that holds both gives wrong results.
For the same reason no model is chosen for the caller. Attempts are reported to the engine's listeners like any other, so they are
booked, counted and held against budgets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from segue.budgets.lease import Budget
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import Usage
from segue.embeddings.requests import Addressed, Asked
from segue.errors import AttemptSummary, InvalidRequestError, SegueError
from segue.failover import error_mapping
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.upstream import UNSENT, whole_body
from segue.routing.fitness import elsewhere
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.transport import redirects
from segue.transport.base import TransportError
from segue.wire.codec import WireRequest
from segue.wire.dialects import upstream
from segue.wire.sse import EndlessError

WAIT: Final = 60.0
"""Seconds for the whole answer, where the target has no timeout."""

BYTES_PER_TOKEN: Final = 4
"""Bytes of a request's body a token, for the estimate that stands until the provider has counted."""

_FINAL: Final = frozenset({FailureKind.CALLER, FailureKind.CAPABILITY, FailureKind.POLICY})
"""Failures that are the same at every target of the model."""
_CALLERS: Final = _FINAL | {FailureKind.MODEL_GONE, FailureKind.RATE}
"""Failures that the caller can correct: answered with the provider's status. All others are a 500."""


class Reply(NamedTuple):
    """A provider's whole answer. `attempts` are all that were made, the last of them at `target`."""

    body: bytes
    status: int
    content_type: str
    usage: Usage | None
    target: Target
    request_id: str
    attempts: tuple[AttemptSummary, ...]


class _Got(NamedTuple):
    """A whole answer, or why there is none. `sent`: a part of the request may have been sent."""

    status: int | None = None
    content_type: str = "application/json"
    body: bytes = b""
    failure: Failure | None = None
    sent: bool = True
    usage: Usage | None = None


async def embed(
    runtime: Runtime,
    asked: Asked,
    *,
    metadata: Mapping[str, str] | None = None,
    budgets: Sequence[Budget] = (),
    regions: Sequence[str] = (),
) -> Reply:
    """The provider's answer. The next target with the same model is asked after a failure that another may not have.

    `regions`: where it may be processed, () is anywhere. Raises `InvalidRequestError` for a request that no target can serve, and
    `LLMServiceUnavailableError` if all targets failed; both have their `request_id`.
    """
    request_id = runtime.engine.new_id()
    tried: list[AttemptSummary] = []
    try:
        for target, request in _allowed(asked.addressed(runtime), regions):
            wire = request()
            start = _start(runtime, target, asked.size, request_id, metadata or {})
            async with runtime.paid(start, budgets):
                got = await _attempt(runtime, start, wire, asked, tried)
            failure = got.failure
            if failure is None:
                await runtime.written()
                status = got.status or 200
                return Reply(got.body, status, got.content_type, got.usage, target, request_id, tuple(tried))
            error = _error(failure, target, tried)
            if failure.kind in _FINAL:
                break
        await runtime.written()
        raise error
    except SegueError as raised:
        raised.request_id = raised.request_id or request_id
        raise


def _allowed(addressed: list[Addressed], regions: Sequence[str]) -> list[Addressed]:
    if not regions:
        return addressed
    reasons = [elsewhere(target, regions) for target, _ in addressed]
    allowed = [one for one, reason in zip(addressed, reasons, strict=True) if not reason]
    if not allowed:
        raise InvalidRequestError(reasons[0] or "", param="model")
    return allowed


def _start(runtime: Runtime, target: Target, size: int, request_id: str, metadata: Mapping[str, str]) -> AttemptStart:
    engine = runtime.engine
    return AttemptStart(
        attempt_id=engine.new_id(),
        request_id=request_id,
        target=target,
        chain="",
        wall=engine.wall(),
        prompt_tokens=size // BYTES_PER_TOKEN + 1,
        max_tokens=0,
        hedge=False,
        continuation=False,
        metadata=dict(metadata),
        operation="embeddings",
    )


async def _attempt(
    runtime: Runtime, start: AttemptStart, wire: WireRequest, asked: Asked, tried: list[AttemptSummary]
) -> _Got:
    """Sends once, and reports the beginning and the end to the listeners and in `tried`."""
    engine, now = runtime.engine, asyncio.get_running_loop().time
    began = now()
    engine.began(start)
    try:
        got = await _send(runtime, start.target, wire, asked.dialect)
    except BaseException:
        engine.ended(AttemptEnd(start=start, outcome="cancelled", seconds=now() - began))
        raise
    failure = got.failure
    usage = asked.usage(got.body) if failure is None else None
    end = AttemptEnd(
        start=start,
        outcome=failure.kind if failure is not None else "ok",
        seconds=now() - began,
        failure=failure,
        usage=usage,
        usage_is_final=usage is not None,
        status=got.status,
        sent=got.sent,
        shown=failure is None,
    )
    engine.ended(end)
    tried.append(
        AttemptSummary(
            target=start.target.name,
            model=start.target.model.id,
            outcome=end.outcome,
            reason=failure.message if failure is not None else "",
            status=got.status,
            seconds=end.seconds,
            recovers_in=failure.retry_after if failure is not None else None,
            attempt_id=start.attempt_id,
        )
    )
    return got._replace(usage=usage)


async def _send(runtime: Runtime, target: Target, wire: WireRequest, dialect: str) -> _Got:
    wait = target.timeout or WAIT
    try:
        async with asyncio.timeout(wait):
            answer = await redirects.send(runtime.transport, wire, connect=runtime.settings.policy.connect)
            try:
                body = await whole_body(answer)
            finally:
                answer.close()
    except TimeoutError:
        return _Got(failure=Failure(kind=FailureKind.STALL, message=f"no whole answer within {wait:g} s"))
    except TransportError as error:
        failure = Failure(kind=FailureKind.TRANSPORT, message=error.message, code=error.phase)
        return _Got(failure=failure, sent=error.phase not in UNSENT)
    except EndlessError as error:
        return _Got(failure=Failure(kind=FailureKind.BROKEN, message=str(error)))
    if 200 <= answer.status < 300:
        return _Got(answer.status, answer.headers.get("content-type", "application/json"), body)
    failure = upstream(dialect).failure(answer.status, answer.headers, body, wall=runtime.engine.wall())
    return _Got(answer.status, failure=_without_key(failure, target))


def _without_key(failure: Failure, target: Target) -> Failure:
    """A provider may quote the key it refuses, and a key may have any form."""
    if not target.key:
        return failure
    return msgspec.structs.replace(failure, message=failure.message.replace(target.key.reveal(), "[key]"))


def _error(failure: Failure, target: Target, tried: Sequence[AttemptSummary]) -> SegueError:
    if failure.kind not in _CALLERS:
        return error_mapping.exhausted(tried)
    error = error_mapping.stopped(failure, target.name, tried)
    error.retry_after = failure.retry_after
    return error
