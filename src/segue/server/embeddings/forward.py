"""Embeddings, in OpenAI's shape or in Gemini's: passed on to the one provider that has the model.

There is no failover to another model: the vectors of different models do not mix, and an index that holds both gives wrong results.
For the same reason no model is chosen for the caller. A provider's answer passes unchanged; its refusal is translated to the caller's
dialect. An attempt is reported to the engine's listeners like any other, so it is booked, counted and held against budgets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from segue.budgets.lease import Budget
from segue.chat.failure import Failure, FailureKind
from segue.errors import AttemptSummary, InvalidRequestError, SegueError
from segue.failover import error_mapping
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.upstream import UNSENT, whole_body
from segue.routing.fitness import elsewhere
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.server.asgi import Reply
from segue.server.embeddings.shapes import GeminiAsked, OpenAIAsked
from segue.transport import redirects
from segue.transport.base import TransportError
from segue.wire.codec import WireRequest
from segue.wire.dialects import ingress, upstream
from segue.wire.sse import EndlessError

WAIT: Final = 60.0
"""Seconds for the whole answer, where the target has no timeout."""

BYTES_PER_TOKEN: Final = 4
"""Bytes of a request's body a token, for the estimate that stands until the provider has counted."""

_CALLERS: Final = frozenset(
    {FailureKind.CALLER, FailureKind.CAPABILITY, FailureKind.POLICY, FailureKind.MODEL_GONE, FailureKind.RATE}
)
"""Failures that the caller can correct: answered with the provider's status. All others are a 500."""


Asked = OpenAIAsked | GeminiAsked


class _Got(NamedTuple):
    """A whole answer, or why there is none. `sent`: a part of the request may have been sent."""

    status: int | None = None
    content_type: str = "application/json"
    body: bytes = b""
    failure: Failure | None = None
    sent: bool = True


def read(body: bytes, *, dialect: str, path: str) -> Asked:
    """A caller's request, with its `model`. Raises `InvalidRequestError` for one that names none or can't be read."""
    return GeminiAsked(body, path) if dialect == GeminiAsked.dialect else OpenAIAsked(body)


async def forward(
    runtime: Runtime, asked: Asked, *, key: str = "", budgets: Sequence[Budget] = (), regions: Sequence[str] = ()
) -> Reply:
    """The provider's answer to a request, or an error in the caller's dialect.

    `key` is the id of the caller's key, for the ledger. `regions`: where it may be processed, () is anywhere.
    """
    try:
        target, wire = asked.addressed(runtime)
        if regions and (reason := elsewhere(target, regions)):
            raise InvalidRequestError(reason, param="model")
        start = _start(runtime, target, asked.size, key)
        async with runtime.paid(start, budgets):
            got = await _attempt(runtime, start, wire, asked)
        await runtime.written()
    except SegueError as error:
        error.request_id = error.request_id or runtime.engine.new_id()
        return ingress(asked.dialect).error(error)
    if got.failure is not None:
        refused = _error(got.failure, target)
        refused.request_id = start.request_id
        return ingress(asked.dialect).error(refused)
    return got.status or 200, {"content-type": got.content_type, **_about(start)}, got.body


def _start(runtime: Runtime, target: Target, size: int, key: str) -> AttemptStart:
    engine = runtime.engine
    return AttemptStart(
        attempt_id=engine.new_id(),
        request_id=engine.new_id(),
        target=target,
        chain="",
        wall=engine.wall(),
        prompt_tokens=size // BYTES_PER_TOKEN + 1,
        max_tokens=0,
        hedge=False,
        continuation=False,
        metadata={"key": key} if key else {},
        operation="embeddings",
    )


def _about(start: AttemptStart) -> dict[str, str]:
    """The headers of an answer, as for any other request."""
    target = start.target
    headers = {
        "x-request-id": start.request_id,
        "request-id": start.request_id,
        "x-segue-target": target.name,
        "x-segue-model": target.model.id,
        "x-segue-attempts": "1",
    }
    return {**headers, "x-segue-simulated": "true"} if target.simulated else headers


async def _attempt(runtime: Runtime, start: AttemptStart, wire: WireRequest, asked: Asked) -> _Got:
    """Sends once, and reports the beginning and the end to the listeners."""
    engine, now = runtime.engine, asyncio.get_running_loop().time
    began = now()
    engine.began(start)
    try:
        got = await _send(runtime, start.target, wire, asked.dialect)
    except BaseException:
        engine.ended(AttemptEnd(start=start, outcome="cancelled", seconds=now() - began))
        raise
    usage = asked.usage(got.body) if got.failure is None else None
    engine.ended(
        AttemptEnd(
            start=start,
            outcome=got.failure.kind if got.failure is not None else "ok",
            seconds=now() - began,
            failure=got.failure,
            usage=usage,
            usage_is_final=usage is not None,
            status=got.status,
            sent=got.sent,
            shown=got.failure is None,
        )
    )
    return got


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


def _error(failure: Failure, target: Target) -> SegueError:
    tried = AttemptSummary(
        target=target.name,
        model=target.model.id,
        outcome=failure.kind,
        reason=failure.message,
        status=failure.status,
        recovers_in=failure.retry_after,
    )
    if failure.kind not in _CALLERS:
        return error_mapping.exhausted([tried])
    error = error_mapping.stopped(failure, target.name, [tried])
    error.retry_after = failure.retry_after
    return error
