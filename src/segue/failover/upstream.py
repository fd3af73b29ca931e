"""What answers for a target: the seam between an attempt and the network.

`HttpUpstream` uses a dialect over a transport. Others (a LangChain model, a test's script) implement the same protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from segue.chat.events import Failed, TextDelta, UpstreamEvent
from segue.chat.failure import Failure, FailureKind, Scope
from segue.chat.request import ChatRequest
from segue.errors import InvalidRequestError
from segue.routing.dialect import NO_RESPONSES, dialect_for
from segue.routing.target import Target
from segue.transport import redirects
from segue.transport.base import FastTransport, InFlight, Response, Transport, TransportError
from segue.wire.codec import Call, Decoder, UpstreamCodec, WireRequest
from segue.wire.dialects import upstream
from segue.wire.sse import BOM, EndlessError

ANSWER_MOST = 64 * 1024 * 1024
"""Bytes of an answer, in every dialect; the longest, with images in them, have some 30 MB …"""

EVENTS_MOST = 500_000
"""… and events: twice as many as the longest output of any model has tokens."""

_EVENT = ANSWER_MOST // EVENTS_MOST
"""Bytes that an event of text alone counts at least, so that one limit holds for both."""

SLICE = 32 * 1024
"""Bytes that are decoded before other tasks of the event loop get a turn."""

ERROR_BODY = 64 * 1024
"""Bytes of an error's body that are read; more is of no use …"""

ERROR_WAIT = 1.0
"""… and seconds it is waited for: the status alone is enough."""

DRAIN_WAIT = 0.05
"""Seconds an answer's end is waited for after its last event; closing before it would lose the connection."""

PROBE_WAIT = 5.0
"""Seconds a free probe may take."""

_NO_SUCH_PATH = frozenset({404, 405, 501})
"""Statuses by which an address shows that it does not offer a dialect."""

UNSENT = frozenset({"resolve", "connect", "tls"})
"""Phases of the network before a byte of the request is sent."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt sends. `connect` is in seconds. `dialect` is the one in which the caller wrote the request, "" if in none."""

    request: ChatRequest
    connect: float
    prefill: bool = False
    omit: frozenset[str] = frozenset()
    dialect: str = ""


class Receipt:
    """What an upstream reports of an attempt beside its

    events. `sent`: a part of the request may have been sent. `complete`: the end of the answer was read, and only the end of the body
    may follow. `model`: which model was asked, if the target does not name it. `omitted` and `healed`: what the caller asked for and
    did not get, and what was repaired in the request so that the target takes it. `translated`: the request was written in another
    dialect than the target's, or in none, so that a refusal may be about our translation.
    """

    __slots__ = ("complete", "healed", "model", "omitted", "sent", "status", "translated")

    def __init__(self) -> None:
        self.model = ""
        self.status: int | None = None
        self.omitted: tuple[str, ...] = ()
        self.healed: tuple[str, ...] = ()
        self.sent = False
        self.complete = False
        self.translated = False


class Batches(Protocol):
    """The events of one attempt, in batches; an asynchronous generator is one."""

    def __aiter__(self) -> AsyncIterator[list[UpstreamEvent]]: ...

    async def aclose(self) -> None:
        """Ends the attempt: nothing more is read, and its connection is free or closed."""
        ...


class Upstream(Protocol):
    """Something that answers for a target: a codec over a transport, or a LangChain model."""

    def stream(self, ask: Ask, receipt: Receipt) -> Batches:
        """Events as they arrive; an empty list for bytes without an event. Raises nothing: errors are `Failed` events."""
        ...

    async def probe(self, *, connect: float) -> Failure | None:
        """Sends a free request to learn whether the key and the address work; None if they do."""
        ...


class HttpUpstream:
    """A target reached over HTTP in one of the dialects: `codec`'s, or the other one that a target with `responses` offers."""

    def __init__(self, target: Target, codec: UpstreamCodec, transport: Transport, wall: Callable[[], float]) -> None:
        self._target = target
        self._codec = codec
        self._wall = wall
        self.transport = transport
        self.fast = transport if isinstance(transport, FastTransport) else None

    def stream(self, ask: Ask, receipt: Receipt) -> HttpBatches:
        return HttpBatches(self, ask, receipt)

    def encode(self, ask: Ask, receipt: Receipt) -> tuple[WireRequest, UpstreamCodec] | Failure:
        """What is to be sent; a failure where no request can be made of it."""
        codec = self._codec_for(ask)
        defaults = _defaults(ask.request, self._target)
        request = msgspec.structs.replace(ask.request, **defaults) if defaults else ask.request
        try:
            wire = codec.encode(request, self._call(ask))
        except InvalidRequestError as error:
            return Failure(kind=FailureKind.CAPABILITY, message=error.message, param=error.param or "messages")
        except RecursionError:
            deep = "the request is nested too deeply: make the schemas of its tools flatter"
            return Failure(kind=FailureKind.CALLER, message=deep, param="tools")
        except UnicodeEncodeError:
            half = "a text holds half of a surrogate pair, which cannot be sent: remove it"
            return Failure(kind=FailureKind.CALLER, message=half, param="messages")
        receipt.omitted = tuple(name for name in wire.omitted if name not in defaults)
        receipt.healed = wire.healed
        receipt.translated = ask.dialect != codec.dialect
        return wire, codec

    async def probe(self, *, connect: float) -> Failure | None:
        """Requests the list of models."""
        ask = Ask(request=ChatRequest(messages=()), connect=connect)
        try:
            async with asyncio.timeout(PROBE_WAIT):
                wire = self._codec.list_models(self._call(ask))
                answer = await redirects.send(self.transport, wire, connect=connect)
                try:
                    return None if 200 <= answer.status < 300 else await self.refusal(self._codec, answer)
                finally:
                    answer.close()
        except TransportError as error:
            return _transport_failure(error)
        except TimeoutError:
            return Failure(kind=FailureKind.STALL, message=f"no answer to a free probe within {PROBE_WAIT:g} s")

    async def refusal(self, codec: UpstreamCodec, answer: Response) -> Failure:
        body = await _error_body(answer)
        failure = codec.failure(answer.status, answer.headers, body, wall=self._wall())
        tried = codec.dialect != self._target.dialect and not self._target.responses
        if tried and (answer.status in _NO_SUCH_PATH or failure.kind is FailureKind.MODEL_GONE):
            return msgspec.structs.replace(failure, kind=FailureKind.CAPABILITY, param=NO_RESPONSES)
        return failure

    def _codec_for(self, ask: Ask) -> UpstreamCodec:
        dialect = dialect_for(self._target, ask.request, ask.omit)
        return self._codec if dialect == self._target.dialect else upstream(dialect)

    def _call(self, ask: Ask) -> Call:
        target = self._target
        return Call(
            model=target.model,
            base_url=target.base_url,
            key=target.key,
            headers=target.headers,
            stream=target.streams,
            omit=ask.omit,
            prefill=ask.prefill,
            quirks=target.quirks,
            tries_responses=target.tries_responses and not target.responses and NO_RESPONSES not in ask.omit,
        )


class HttpBatches:
    """What comes of one request. No asynchronous generator: the event loop would keep account of each.

    It is read in one of two ways: without a wait, by `begin` and `poll` while `plain`, and with waits, as any `Batches`. The second may
    follow the first at any point, and goes on where that stopped.
    """

    __slots__ = (
        "_answer", "_ask", "_body", "_codec", "_decoder", "_events", "_over", "_receipt", "_sent", "_taken", "_text_of", "_upstream", "_wire", "plain",
    )  # fmt: skip

    _body: _Bounded

    def __init__(self, upstream: HttpUpstream, ask: Ask, receipt: Receipt) -> None:
        self._upstream = upstream
        self._ask = ask
        self._receipt = receipt
        self._wire: WireRequest | None = None
        self._codec: UpstreamCodec | None = None
        self._sent: InFlight | None = None
        self._answer: Response | None = None
        self._decoder: Decoder | None = None
        self._text_of: Callable[[bytes], str] | None = None
        self._taken = 0
        self._events = 0
        self._over = False
        self.plain = False

    # Without a wait.

    def begin(self) -> InFlight | None:
        """Sends, and returns what comes of it; None, and sends nothing, where that can't be done without a wait."""
        fast = self._upstream.fast
        try:
            if fast is not None and self._encode() is None and self._wire is not None:
                self._sent = fast.begin(self._wire, connect=self._ask.connect)
        except TransportError:
            return None  # it is raised again where it is sent with a wait
        if self._sent is not None:
            self._receipt.sent = self.plain = True
        return self._sent

    def poll(self) -> list[UpstreamEvent] | None:
        """The events of what has arrived, an empty list for bytes without an event; None if nothing has, or if only waits lead on: then
        `plain` is False."""
        sent = self._sent
        assert sent is not None
        if self._decoder is None and not self._open(sent):
            return None
        decoder = self._decoder
        assert decoder is not None
        if sent.pieces:
            taken = self._taken + sent.unread
            if sent.unread > SLICE or taken > ANSWER_MOST:
                self.plain = False
                return None
            self._taken = taken
            try:
                return self._decoded(decoder.feed(sent.take()), decoder)
            except Exception as error:
                return self._failed(_defect(error))
        self.plain = sent.error is None
        return self._ended(decoder) if sent.complete else None

    def poll_text(self) -> str:
        """The text of what has arrived, where that is one usual event of text alone; "" where it may be anything else: then `poll`."""
        sent, text_of = self._sent, self._text_of
        if sent is None or text_of is None or len(sent.pieces) != 1:
            return ""
        size = len(data := sent.pieces[0])
        taken = self._taken + (size if size > _EVENT else _EVENT)
        if size > SLICE or taken > ANSWER_MOST:
            return ""
        if text := text_of(data):
            sent.take()
            self._taken = taken
        return text

    def drain(self) -> None:
        """The answer is complete, and nothing is read any more: its connection is free once the body has ended, too."""
        self._over = True
        if self._sent is not None:
            self._sent.drain(DRAIN_WAIT)

    @property
    def over(self) -> bool:
        """Whether no more events come."""
        return self._over

    def _open(self, sent: InFlight) -> bool:
        """Takes the head of an answer; False if it is not there yet, or not a plain one."""
        if not sent.answered:
            self.plain = sent.error is None
            return False
        if not 200 <= sent.status < 300 or "content-encoding" in sent.headers or self._codec is None:
            self.plain = False
            return False
        self._receipt.status = sent.status
        self._forget_body()
        self._decoder = self._codec.decoder(sent.headers.get("content-type", ""))
        self._text_of = getattr(self._decoder, "text_of", None)
        return True

    # With waits.

    def __aiter__(self) -> HttpBatches:
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        if self._over:
            raise StopAsyncIteration
        try:
            if self._answer is None and (failure := await self._begin()) is not None:
                return self._failed(failure)
            return await self._more()
        except TransportError as error:
            self._receipt.sent = error.phase not in UNSENT
            return self._failed(_transport_failure(error))
        except EndlessError as error:
            return self._failed(Failure(kind=FailureKind.BROKEN, message=str(error)))
        except BaseException:
            self.close()
            raise

    async def aclose(self) -> None:
        self.close()

    async def _begin(self) -> Failure | None:
        if (failure := self._encode()) is not None:
            return failure
        wire, codec, upstream, connect = self._wire, self._codec, self._upstream, self._ask.connect
        assert wire is not None
        assert codec is not None
        self._receipt.sent = True
        if self._sent is None or upstream.fast is None:
            answer = await redirects.send(upstream.transport, wire, connect=connect)
        else:
            answer = await upstream.fast.answer(self._sent, wire, connect=connect)
            answer = await redirects.followed(answer, upstream.transport, wire, connect=connect)
        self._answer = answer
        self._receipt.status = answer.status
        if not 200 <= answer.status < 300:
            return await upstream.refusal(codec, answer)
        self._forget_body()
        self._decoder = self._decoder or codec.decoder(answer.headers.get("content-type", ""))
        self._body = _Bounded(answer, taken=self._taken)
        return None

    async def _more(self) -> list[UpstreamEvent]:
        decoder = self._decoder
        assert decoder is not None
        if not decoder.complete and (data := await self._body.read()):
            return self._decoded(decoder.feed(data), decoder)
        if decoder.complete:
            if self._answer is not None:
                await _drain(self._answer)
            self.close()
            raise StopAsyncIteration
        return self._ended(decoder)

    # Both.

    def _encode(self) -> Failure | None:
        if self._wire is None:
            made = self._upstream.encode(self._ask, self._receipt)
            if isinstance(made, Failure):
                return made
            self._wire, self._codec = made
        return None

    def _forget_body(self) -> None:
        """The request is not sent again: it would be kept as long as the answer takes."""
        if self._wire is not None:
            self._wire = msgspec.structs.replace(self._wire, body=b"")

    def _decoded(self, events: list[UpstreamEvent], decoder: Decoder) -> list[UpstreamEvent]:
        self._events += len(events)
        if self._events > EVENTS_MOST:
            raise EndlessError(f"the answer has more than {EVENTS_MOST} events")
        self._receipt.complete = decoder.complete
        return self._restored(events if len(events) < 2 else joined_texts(events))

    def _ended(self, decoder: Decoder) -> list[UpstreamEvent]:
        events = decoder.eof()
        self.close()
        return self._restored(events)

    def _restored(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        return events if self._wire is None or self._wire.answers is None else self._wire.answers.restored(events)

    def _failed(self, failure: Failure) -> list[UpstreamEvent]:
        self.close()
        return [Failed(failure)]

    def close(self) -> None:
        """Nothing more is read; a socket whose answer has not ended is closed."""
        self._over = True
        if self._answer is not None:
            self._answer.close()
        elif self._sent is not None:
            self._sent.abort("the answer was closed")


class _Bounded:
    """An answer's body in slices, within the bounds of any answer, of which `taken` bytes were read before."""

    def __init__(self, answer: Response, *, taken: int = 0) -> None:
        self._answer = answer
        self._rest = b""
        self._bytes = taken

    async def read(self) -> bytes:
        """The next bytes; b"" at the end. Raises `EndlessError`."""
        if self._rest:
            await asyncio.sleep(0)
            data = self._rest
        else:
            data = await self._answer.read()
            self._bytes += len(data)
            if self._bytes > ANSWER_MOST:
                raise EndlessError(f"the answer is longer than {ANSWER_MOST >> 20} MiB")
        self._rest = data[SLICE:]
        return data[:SLICE] if self._rest else data


def joined_texts(events: list[UpstreamEvent]) -> list[UpstreamEvent]:
    """Pieces of text that came in one read, as one: the reader has less to do, and gets them no later."""
    joined: list[UpstreamEvent] = []
    texts: list[str] = []
    phase = ""
    for event in events:
        if isinstance(event, TextDelta) and event.phase == phase:
            texts.append(event.text)
            continue
        if texts:
            joined.append(TextDelta("".join(texts), phase))
            texts.clear()
        if isinstance(event, TextDelta):
            texts.append(event.text)
            phase = event.phase
        else:
            joined.append(event)
    if texts:
        joined.append(TextDelta("".join(texts), phase))
    return joined


def _defaults(request: ChatRequest, target: Target) -> dict[str, float | int | str]:
    """The target's settings where the caller set nothing."""
    changes: dict[str, float | int | str] = {}
    if request.temperature is None and target.temperature is not None:
        changes["temperature"] = target.temperature
    if request.max_tokens is None and target.max_tokens is not None:
        changes["max_tokens"] = target.max_tokens
    if request.effort is None and request.thinking_budget is None and target.effort is not None:
        changes["effort"] = target.effort
    return changes


async def _drain(answer: Response) -> None:
    """Reads what follows the end of the answer, which is only the end of the body: only then can the connection be reused."""
    timer = asyncio.get_running_loop().call_later(DRAIN_WAIT, answer.close)
    try:
        while await answer.read():
            pass
    except TransportError:
        pass
    finally:
        timer.cancel()


async def _error_body(answer: Response) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(ERROR_WAIT):
            while len(body) < ERROR_BODY and (data := await answer.read()):
                body += data
    except (TransportError, TimeoutError):
        pass
    return body[:ERROR_BODY].removeprefix(BOM)


async def whole_body(answer: Response) -> bytes:
    """All of an answer's body. Raises `TransportError`, and `EndlessError` for one that is longer than any answer."""
    bounded, body = _Bounded(answer), bytearray()
    while data := await bounded.read():
        body += data
    return bytes(body)


def _defect(error: Exception) -> Failure:
    """A decoder that raises anything but `EndlessError` has a defect; the chain still continues."""
    endless = isinstance(error, EndlessError)
    message = str(error) if endless else f"the upstream raised {type(error).__name__}"
    return Failure(kind=FailureKind.BROKEN, message=message)


def _transport_failure(error: TransportError) -> Failure:
    scope = Scope.ENDPOINT if error.phase in UNSENT else Scope.MODEL
    return Failure(kind=FailureKind.TRANSPORT, message=error.message, code=error.phase, scope=scope)
