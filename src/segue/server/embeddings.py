"""`POST /v1/embeddings`, in OpenAI's shape: passed on to the one provider that has the model.

There is no failing over to another model: the vectors of different models do not mix, and an index that holds both finds nothing right.
For the same reason no model is chosen for the caller. What a provider answers goes through as it is; what it refuses is told in OpenAI's
shape. An attempt is told to the engine's listeners like any other, so it is booked, counted and held against budgets.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import msgspec

from segue.catalog.embeddings import EMBEDDERS, Embedder
from segue.catalog.providers import PROVIDERS
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import Usage
from segue.client import Segue
from segue.errors import AttemptSummary, InvalidRequestError, SegueError
from segue.failover import outcome
from segue.failover.listener import AttemptEnd, AttemptStart
from segue.failover.upstream import UNSENT
from segue.routing.resolve import with_model
from segue.routing.target import Target
from segue.server.exchange import Reply
from segue.transport.base import TransportError
from segue.wire.codec import Call, WireRequest
from segue.wire.dialects import ingress, upstream
from segue.wire.openai_chat.chunks import UNREADABLE
from segue.wire.openai_chat.upstream import auth_headers

WAIT: Final = 60.0
"""Seconds for the whole answer, where the target has no timeout of its own."""

BYTES_PER_TOKEN: Final = 4
"""Of a request's body, for the estimate that stands until the provider has counted."""

DIALECT: Final = "openai_chat"

SPOKEN_WITH: Final = (DIALECT, "openai_responses")
"""The dialects of a target that may have embeddings though nothing is known of its provider."""

_CALLERS: Final = frozenset(
    {FailureKind.CALLER, FailureKind.CAPABILITY, FailureKind.POLICY, FailureKind.MODEL_GONE, FailureKind.RATE}
)
"""What the caller can do something about: told with the provider's own status. All else is ours, and a 500."""


class _Counted(msgspec.Struct):
    prompt_tokens: int = 0


class _Answered(msgspec.Struct):
    usage: _Counted | None = None


class _Got(NamedTuple):
    """What came back: a whole answer, or why there is none. `sent`: a part of the request may have gone out."""

    status: int | None = None
    content_type: str = "application/json"
    body: bytes = b""
    failure: Failure | None = None
    sent: bool = True


def model_of(body: bytes) -> str:
    """The model that a request asks for. Raises `InvalidRequestError` for a body that is no object or names none."""
    return _read(body)[1]


async def forward(segue: Segue, body: bytes, *, key: str = "") -> Reply:
    """The provider's answer to a request, or an error in OpenAI's shape. `key` is the id of the caller's key, for the books."""
    try:
        fields, word = _read(body)
        target, embedder = _choose(segue, word)
        fields["model"] = msgspec.Raw(msgspec.json.encode(target.model.id))
        start = _start(segue, target, body, key)
        got = await _attempt(segue, start, _request(target, embedder, msgspec.json.encode(fields)))
        await segue.written()
    except SegueError as error:
        return ingress(DIALECT).error(error)
    if got.failure is not None:
        return ingress(DIALECT).error(_error(got.failure, target))
    return got.status or 200, {"content-type": got.content_type, **_about(start)}, got.body


def _read(body: bytes) -> tuple[dict[str, msgspec.Raw], str]:
    """The request's fields, each as it was written, and its model."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except UNREADABLE as error:
        raise InvalidRequestError(f"the body is no JSON object: {error}") from error
    try:
        model = msgspec.json.decode(fields["model"], type=str).strip().removeprefix("models/")
    except (KeyError, *UNREADABLE):
        model = ""
    if not model or model in ("auto", "default"):
        reason = "model is missing: name one, for vectors of different models do not mix"
        raise InvalidRequestError(reason, param="model", code="model_required")
    return fields, model


def _choose(segue: Segue, word: str) -> tuple[Target, Embedder]:
    """Who has the model. Raises `InvalidRequestError` that says what to set."""
    name, slash, model = word.partition("/")
    if slash and model and name in segue.names:
        return _named(segue, name, model)
    maker = next((provider for provider, embedder in EMBEDDERS.items() if embedder.knows(word)), None)
    if maker is None:
        raise _unknown(word, "its provider is not known: write it as target/model")
    for name in segue.names:
        if segue.provider_of(name) == maker and segue.usable(name):
            return with_model(segue.target(name), word), EMBEDDERS[maker]
    raise _unknown(word, f"it is {maker}'s, which has no key: {_remedy(maker)}")


def _named(segue: Segue, name: str, model: str) -> tuple[Target, Embedder]:
    if not segue.usable(name):
        raise _unknown(f"{name}/{model}", f"the target {name} has no key: {_remedy(name)}")
    target = segue.target(name)
    embedder = EMBEDDERS.get(target.provider)
    if embedder is None and target.provider not in PROVIDERS and target.dialect in SPOKEN_WITH:
        embedder = Embedder()
    if embedder is None:
        raise InvalidRequestError(
            f"{target.provider} has no embeddings in OpenAI's shape: use a model of {', '.join(EMBEDDERS)}",
            param="model",
            code="embeddings_unsupported",
        )
    return with_model(target, model), embedder


def _unknown(word: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"model {word!r}: {why}", param="model", status=404, code="model_not_found")


def _remedy(name: str) -> str:
    return f"set {name.upper().replace('-', '_')}_API_KEY"


def _request(target: Target, embedder: Embedder, body: bytes) -> WireRequest:
    call = Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )
    headers = {"content-type": "application/json", "accept": "application/json", **auth_headers(call)}
    return WireRequest(method="POST", url=embedder.url(target.base_url), headers=headers, body=body)


def _start(segue: Segue, target: Target, body: bytes, key: str) -> AttemptStart:
    engine = segue.engine
    return AttemptStart(
        attempt_id=engine.new_id(),
        request_id=engine.new_id(),
        target=target,
        chain="",
        wall=engine.wall(),
        prompt_tokens=len(body) // BYTES_PER_TOKEN + 1,
        max_tokens=0,
        hedge=False,
        continuation=False,
        metadata={"key": key} if key else {},
    )


def _about(start: AttemptStart) -> dict[str, str]:
    """What the head of an answer tells of it, as for any other request."""
    target = start.target
    headers = {
        "x-request-id": start.request_id,
        "x-segue-target": target.name,
        "x-segue-model": target.model.id,
        "x-segue-attempts": "1",
    }
    return {**headers, "x-segue-simulated": "true"} if target.simulated else headers


async def _attempt(segue: Segue, start: AttemptStart, wire: WireRequest) -> _Got:
    """Sends once, and tells the listeners of the beginning and of the end, whatever it is."""
    engine, now = segue.engine, asyncio.get_running_loop().time
    began = now()
    engine.began(start)
    try:
        got = await _send(segue, start.target, wire)
    except BaseException:
        engine.ended(AttemptEnd(start=start, outcome="cancelled", seconds=now() - began))
        raise
    usage = _usage(got)
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


async def _send(segue: Segue, target: Target, wire: WireRequest) -> _Got:
    wait = target.timeout or WAIT
    try:
        async with asyncio.timeout(wait):
            answer = await segue.transport.send(wire, connect=segue.settings.policy.connect)
            try:
                pieces = []
                while data := await answer.read():
                    pieces.append(data)
            finally:
                answer.close()
    except TimeoutError:
        return _Got(failure=Failure(kind=FailureKind.STALL, message=f"no whole answer within {wait:g} s"))
    except TransportError as error:
        failure = Failure(kind=FailureKind.TRANSPORT, message=error.message, code=error.phase)
        return _Got(failure=failure, sent=error.phase not in UNSENT)
    body = b"".join(pieces)
    if 200 <= answer.status < 300:
        return _Got(answer.status, answer.headers.get("content-type", "application/json"), body)
    failure = upstream(DIALECT).failure(answer.status, answer.headers, body, wall=segue.engine.wall())
    return _Got(answer.status, failure=_without_key(failure, target))


def _without_key(failure: Failure, target: Target) -> Failure:
    """A provider may quote the key it refuses, and a key need not look like one."""
    if not target.key:
        return failure
    return msgspec.structs.replace(failure, message=failure.message.replace(target.key.reveal(), "[key]"))


def _usage(got: _Got) -> Usage | None:
    """What the provider counted, if it says."""
    if got.failure is not None:
        return None
    try:
        counted = msgspec.json.decode(got.body, type=_Answered).usage
    except UNREADABLE:
        return None
    return Usage(input_tokens=counted.prompt_tokens) if counted is not None and counted.prompt_tokens > 0 else None


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
        return outcome.exhausted([tried])
    error = outcome.stopped(failure, target.name, [tried])
    error.retry_after = failure.retry_after
    return error
