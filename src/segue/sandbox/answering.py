"""One simulated answer on its way to the caller, and the fault that may strike it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right

import msgspec

from segue.catalog.models import find_model
from segue.catalog.tokens import estimate_request_tokens, estimate_tokens
from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.usage import Usage
from segue.sandbox.answers.replies import Reply, tokens_of
from segue.sandbox.bill import BillEntry, prompt_of
from segue.sandbox.faults import AnswerOver, Fault
from segue.sandbox.http import SandboxExchange
from segue.sandbox.refusals import Refusal
from segue.wire.codec import Encoder, IngressRequest

_PHASES_AT_START = ("headers", "whole")
SIGNATURE = "c2ltdWxhdGVk"
"""Claude's proof of its thinking; a simulated one takes any back."""


class Answering:
    """Sends one reply. It is the `Stage` on which a fault acts."""

    def __init__(
        self,
        exchange: SandboxExchange,
        asked: IngressRequest,
        encoder: Encoder,
        reply: Reply,
        *,
        dialect: str,
        pace: float,
    ) -> None:
        self.exchange = exchange
        self.dialect = dialect
        self.model = asked.model
        self.pace = pace
        self.split = False
        self.status: int | None = None
        self.finished = False
        self.cancelled = False
        self._stream = asked.stream
        self._encoder = encoder
        self._prompt = prompt_of(asked.request)
        self._prompt_tokens = estimate_request_tokens(asked.request)
        self._reply, self._tokens = _within(reply, asked.request.max_tokens)
        self._sent = 0

    async def run(self, fault: Fault | None) -> None:
        """Plays the answer to its end, be it the fault's or its own."""
        try:
            await self._reach("request", fault)
            await self._play(fault)
        except AnswerOver:
            pass
        except asyncio.CancelledError:
            self.cancelled = not self.finished
            raise

    def entry(self, provider: str, fault: Fault | None, *, in_full: bool) -> BillEntry:
        """What the answer would cost so far. With `in_full` a caller who goes away is charged for the whole answer."""
        charged = self.status == 200 or (self.cancelled and self.status is None)
        sent = len(self._tokens) if in_full and self.cancelled else self._sent
        return BillEntry(
            provider=provider,
            model=self.model,
            usage=self._usage(sent) if charged else Usage(),
            status=self.status,
            cancelled=self.cancelled,
            finished=self.finished,
            fault=fault.name if fault else None,
            continued=self._reply.continued,
            prompt=self._prompt,
        )

    # What faults do.

    async def refuse(self, refusal: Refusal) -> None:
        self.status = refusal.status
        await self.exchange.respond(*refusal)

    async def say(self, data: bytes) -> None:
        if not self.split:
            await self.exchange.write(data)
            return
        for place in range(len(data)):
            await self.exchange.write(data[place : place + 1])
            await asyncio.sleep(0)

    async def ping(self) -> None:
        await self.exchange.write(self._encoder.ping())

    async def finish(self) -> None:
        await self.say(self._closing())
        self.finished = True
        await self.exchange.end()

    # The answer.

    async def _play(self, fault: Fault | None) -> None:
        if not self._stream:
            await asyncio.sleep(self.pace * len(self._tokens))
        self.status = 200
        await self.exchange.start(200, {"content-type": self._encoder.content_type, "cache-control": "no-cache"})
        for phase in _PHASES_AT_START:
            await self._reach(phase, fault)
        await self.say(self._encoder.feed(Started(model=self.model)))
        await self._reach("preamble", fault)
        pieces = self._pieces()
        if not self._stream:
            self._sent = len(self._tokens)
            await self._document(fault)
            return
        for piece in pieces:
            await self._strike_text(fault)
            if self.pace:
                await asyncio.sleep(self.pace)
            self._sent += 1
            await self.say(piece)
        await self._strike_text(fault, last=True)
        await self.finish()

    async def _document(self, fault: Fault | None) -> None:
        """A whole answer is generated before its first byte is sent; a fault strikes as far in as it would in a stream."""
        document = self._closing()
        if fault is not None and fault.kind.phase == "text":
            place = len(document) * min(fault.after, self._sent) // (self._sent + 1)
            await self.say(document[:place])
            await fault.kind.act(self, fault)
            document = document[place:]
        await self.say(document)
        self.finished = True
        await self.exchange.end()

    def _pieces(self) -> list[bytes]:
        """The answer's content as it is sent, a piece for each token. A call is as many pieces as the dialect has events for it."""
        thoughts: list[ChatEvent] = [ThinkingDelta(token) for token in tokens_of(self._reply.thinking)]
        if thoughts and self.dialect == "claude":
            thoughts.append(ThinkingDelta(signature=SIGNATURE, dialect="claude"))
        words = [TextDelta(token) for token in self._tokens]
        pieces = [self._encoder.feed(event) for event in [*thoughts, *words]]
        self._tokens = [getattr(thought, "text", "") for thought in thoughts] + self._tokens
        for index, call in enumerate(self._reply.calls):
            events = _events(self._encoder.feed(ToolCalled(index, call)), call.arguments)
            items = [call.name, *tokens_of(call.arguments)] if len(events) > 1 else [call.name + call.arguments]
            pieces += events
            self._tokens += items + [""] * (len(events) - len(items))
        return pieces

    def _closing(self) -> bytes:
        report = self._encoder.feed(UsageReport(self._usage(self._sent)))
        return report + self._encoder.feed(Finished(self._reply.reason))

    async def _reach(self, phase: str, fault: Fault | None) -> None:
        if fault is not None and fault.kind.phase == phase:
            await fault.kind.act(self, fault)

    async def _strike_text(self, fault: Fault | None, *, last: bool = False) -> None:
        if fault is None or fault.kind.phase != "text":
            return
        if fault.after == self._sent or (last and fault.after > self._sent):
            await fault.kind.act(self, fault)

    def _usage(self, sent: int) -> Usage:
        if self._reply.usage is not None:
            return self._reply.usage
        text = "".join(self._tokens[:sent])
        return Usage(input_tokens=self._prompt_tokens, output_tokens=estimate_tokens(text))


def _events(data: bytes, arguments: str) -> list[bytes]:
    """A call's server-sent events, one by one; that which has its arguments as a text is sent in pieces, as providers do."""
    if b"\n\n" not in data:
        return [data]
    events = [event + b"\n\n" for event in data.removesuffix(b"\n\n").split(b"\n\n")]
    whole = msgspec.json.encode(arguments)
    at = next((number for number, event in enumerate(events) if whole in event), None)
    if at is not None:
        pieces = [events[at].replace(whole, msgspec.json.encode(piece)) for piece in tokens_of(arguments) or ("",)]
        events[at : at + 1] = pieces
    return events


def _within(reply: Reply, limit: int | None) -> tuple[Reply, list[str]]:
    """The reply and its tokens, cut to the request's `max_tokens`. Calls are counted, not cut."""
    tokens = tokens_of(reply.text)
    if reply.calls:
        return reply, tokens
    if limit is None or estimate_tokens(reply.text) <= limit:
        return reply, tokens
    count = bisect_right(range(len(tokens)), limit, key=lambda n: estimate_tokens("".join(tokens[: n + 1])))
    cut = msgspec.structs.replace(reply, text="".join(tokens[:count]), reason=FinishReason.LENGTH)
    return cut, tokens[:count]


def refuses_prefill(provider: str, asked: IngressRequest, dialect: str) -> bool:
    """Whether the provider answers a conversation that ends with the model's own turn with a 400."""
    ends_with_model = asked.request.messages[-1].role == "assistant"
    return ends_with_model and dialect in ("claude", "gemini") and find_model(provider, asked.model).prefill == "none"
