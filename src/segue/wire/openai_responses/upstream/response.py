"""An answer's bytes as events: a stream of the Responses API, or the response as one JSON document.

An answer is a list of output items. Each is announced (`output_item.added`), sent in deltas and repeated as a whole when it is
done; the terminal repeats all of them. What came in deltas is not taken twice, and what came only as a whole is taken from there.
Terminals: `response.completed`, `.incomplete`, `.failed` and `.cancelled`; the response's own `status` decides. An `error` event
is one too. An end of bytes is not, nor is `[DONE]`, which some providers send after the terminal. When a message is done and no
other item has started, the answer is complete for now: a provisional `Finished` reports it. A message of the phase `commentary` announces
more.

An item is known by its id, a call by its `call_id` too, else by the index in the output. Some servers change the id with each event, so an
id that is not known is no new item; others give several items one index, or none, so an item that is announced, or done a second time under
another id, takes its keys over.

Tool calls are numbered as they appear. A reasoning item ends with its signature, with which it can be sent back (`items.py`).
Items of other kinds, such as searches that the provider ran, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from segue.chat.events import (
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.usage import Usage
from segue.wire.arguments import is_object, json_text
from segue.wire.lenient import UNREADABLE, Unreadable, is_filler, plain_text
from segue.wire.openai import citations
from segue.wire.openai.framing import FramedDecoder
from segue.wire.openai_responses.upstream import errors
from segue.wire.openai_responses.upstream.commentary import Commentary
from segue.wire.openai_responses.upstream.messages import DIALECT, signature
from segue.wire.openai_responses.upstream.repeats import Repeats
from segue.wire.openai_responses.upstream.shapes import (
    TYPED,
    DeltaEvent,
    Item,
    ItemEvent,
    Readers,
    WireResponse,
    lenient,
)
from segue.wire.sources import Sources
from segue.wire.sse import ServerSentEvent

_SHORTEST = 16
"""Bytes; no event of the dialect is shorter."""
_ABORTED = frozenset({"cancelled", "in_progress", "queued"})
"""States in which no answer ends: the response is still in progress."""


class _Call:
    __slots__ = ("ended", "name", "number", "pieces")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.pieces: list[str] = []
        self.ended = False

    @property
    def whole(self) -> bool:
        return is_object("".join(self.pieces))


class _Unusable(Exception):
    """The items do not form an answer."""


class AnswerDecoder(FramedDecoder):
    """Decodes one answer."""

    __slots__ = (
        "_begun",
        "_calls",
        "_commentary",
        "_done",
        "_emitted",
        "_numbered",
        "_parts",
        "_phase",
        "_refusal",
        "_repeats",
        "_sources",
        "_started",
        "_thoughts",
        "_whole_so_far",
    )

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._numbered: list[_Call] = []
        self._calls: dict[int | str, _Call] = {}
        self._emitted: set[int | str] = set()
        """Items of which deltas came, by id and by index; what is below is keyed in the same way."""
        self._done: dict[int | str, str] = {}
        """The types of the items that are done."""
        self._thoughts: dict[int | str, tuple[str, int]] = {}
        """How a reasoning item is shown, openly or by its summary, and which part of that it has reached."""
        self._parts: set[tuple[int | str, int]] = set()
        """Parts that came only whole: of which item, and which of its parts."""
        self._refusal: list[str] = []
        self._sources = Sources()
        self._repeats = Repeats()
        self._commentary = Commentary()
        self._phase = ""
        """That of the message that was announced last."""
        self._begun: set[int | str] = set()
        """Items that are not done."""
        self._whole_so_far = False

    def _event(self, event: ServerSentEvent, events: list[UpstreamEvent]) -> None:
        data = event.data.strip()
        if event.event == "error":
            self._fail(events, errors.of_bytes(data) or errors.of_text(data))
            return
        if len(data) < _SHORTEST and (data == b"[DONE]" or is_filler(data)):
            return
        try:
            self._read(event.event, data, events, TYPED)
        except UNREADABLE:
            self._reread(event, data, events)
        except (_Unusable, Unreadable) as error:
            self._fail(events, errors.broken(str(error)))

    def _reread(self, event: ServerSentEvent, data: bytes, events: list[UpstreamEvent]) -> None:
        """Handles an event that the typed decoder refused."""
        if failure := errors.of_bytes(data):
            self._fail(events, failure)
            return
        try:
            self._read(event.event, data, events, lenient(self._leniency))
        except Unreadable as error:
            if not self._reframed(event, events):
                self._fail(events, errors.broken(f"an event that can't be read: {error}"))
        except _Unusable as error:
            self._fail(events, errors.broken(str(error)))

    def _read(self, name: str, data: bytes, events: list[UpstreamEvent], read: Readers) -> None:
        """Handles an event. OpenAI names its type beside the data too, so that it need not be decoded twice."""
        match name if name.startswith("response.") else read.any(data).type:
            case "response.output_text.delta":
                self._text(read.delta(data), events)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" as kind:
                self._thought(read.delta(data), kind, events)
            case (
                "response.output_text.done" | "response.refusal.done" | "response.content_part.done"
                | "response.reasoning_text.done" | "response.reasoning_summary_text.done"
            ) as kind:  # fmt: skip
                self._part_done(read.delta(data), kind.removesuffix(".done"), events)
            case "response.function_call_arguments.delta":
                self._arguments(read.delta(data), events)
            case "response.function_call_arguments.done":
                self._arguments_done(read.delta(data), events)
            case "response.output_text.annotation.added":
                events += self._sources.new(citations.read([read.delta(data).annotation]))
            case "response.refusal.delta":
                self._refused(read.delta(data))
            case "response.output_item.added":
                self._added(read.item(data), events)
            case "response.output_item.done":
                self._item_done(read.item(data), events)
            case "response.created" | "response.in_progress" | "response.queued":
                self._start(_response(data, read), events)
            case (
                "response.completed" | "response.done" | "response.incomplete" | "response.failed" | "response.cancelled"
            ) as kind:  # fmt: skip
                self._terminal(_response(data, read), kind.removeprefix("response."), events)
            case kind if not kind.startswith("response.") and (failure := errors.of_bytes(data)):
                self._fail(events, failure)

    def _whole(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """A document: a response, or an error with a 2xx status."""
        try:
            self._document_read(TYPED.document(data), data, events)
        except UNREADABLE:
            try:
                self._document_read(lenient(self._leniency).document(data), data, events)
            except Unreadable as error:
                self._fail(events, errors.of_bytes(data) or errors.broken(f"a document that can't be read: {error}"))

    def _document_read(self, response: WireResponse, data: bytes, events: list[UpstreamEvent]) -> None:
        if response.status is None and response.output is None:
            self._fail(events, errors.of_bytes(data) or errors.broken("a document that is not a response"))
            return
        try:
            self._terminal(response, "completed", events)
        except (_Unusable, Unreadable) as error:
            self._fail(events, errors.broken(str(error)))

    def _start(self, response: WireResponse, events: list[UpstreamEvent]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(response.id or "", response.model or ""))

    # Deltas.

    def _text(self, event: DeltaEvent, events: list[UpstreamEvent]) -> None:
        if event.delta:
            index = event.output_index
            if index is None or index not in self._emitted or index in self._done:
                self._emitted.update(_keys(index, event.item_id))
            if event.logprobs:
                events.append(Logprobs(tuple(event.logprobs)))
            self._say_text(event.delta, events)

    def _say_text(self, text: str, events: list[UpstreamEvent]) -> None:
        self._repeats.texts.append(text)
        if self._commentary.waiting:
            self._show(self._commentary.feed(text), events)
        else:
            events.append(TextDelta(text, self._phase))

    def _refused(self, event: DeltaEvent) -> None:
        self._emitted.update(_keys(event.output_index, event.item_id))
        self._refusal.append(event.delta)

    def _thought(self, event: DeltaEvent, kind: str, events: list[UpstreamEvent]) -> None:
        """Some servers send the same as the thinking itself and as its summary: what came first of an item counts."""
        if not event.delta:
            return
        keys = _keys(event.output_index, event.item_id)
        here = (kind, event.summary_index or 0)
        before = next((self._thoughts[key] for key in keys if key in self._thoughts), here)
        if kind != before[0]:
            return
        self._thoughts.update(dict.fromkeys(keys, here))
        events.append(ThinkingDelta(event.delta if here == before else f"\n\n{event.delta}"))

    def _part_done(self, event: DeltaEvent, kind: str, events: list[UpstreamEvent]) -> None:
        """The whole of a part, which counts where its item came in no deltas; up to two such events speak of one part."""
        keys = _keys(event.output_index, event.item_id)
        came = self._emitted.intersection(keys) or self._thoughts.keys() & set(keys)
        if not keys or (came and not any(item in keys for item, _ in self._parts)):
            return
        place = (keys[-1], event.content_index or event.summary_index or 0)
        if place in self._parts:
            return
        part = event.part if isinstance(event.part, dict) else {"text": event.text, "refusal": event.refusal}
        if "reasoning" in kind or part.get("type") in ("reasoning_text", "summary_text"):
            whole = DeltaEvent(_thought_text(part.get("text")), output_index=event.output_index, item_id=event.item_id)
            self._thought(whole, kind, events)
        else:
            self._part(part, keys, events)
        self._parts.add(place)

    def _arguments(self, event: DeltaEvent, events: list[UpstreamEvent]) -> None:
        """Pieces of a call that was not announced are skipped: they come again when it is done."""
        call = self._known(_keys(event.output_index, event.item_id))
        if call is not None and event.delta:
            if call.ended:
                raise _Unusable("a tool call went on after its end")
            call.pieces.append(event.delta)
            events.append(ToolCallDelta(call.number, arguments=event.delta))

    def _arguments_done(self, event: DeltaEvent, events: list[UpstreamEvent]) -> None:
        call = self._known(_keys(event.output_index, event.item_id))
        if call is not None and not call.pieces:
            self._add_arguments(call, event.arguments, events)

    def _add_arguments(self, call: _Call, raw: object, events: list[UpstreamEvent]) -> None:
        if arguments := _json_text(raw):
            call.pieces.append(arguments)
            events.append(ToolCallDelta(call.number, arguments=arguments))

    # Items.

    def _added(self, event: ItemEvent, events: list[UpstreamEvent]) -> None:
        keys = _item_keys(event.output_index, event.item)
        if not self._begun.issuperset(keys):
            self._forget(keys)
        self._begun.update(keys)
        if event.item.type == "message":
            self._phase = _word(event.item.phase)
        if event.item.type == "function_call" and event.item.name:
            self._begin(event.item, keys, events)
        elif self._whole_so_far:
            events.append(ThinkingDelta())  # revokes the provisional end
        self._whole_so_far = False

    def _item_done(self, event: ItemEvent, events: list[UpstreamEvent]) -> None:
        item, keys = event.item, _item_keys(event.output_index, event.item)
        ids = [key for key in keys if isinstance(key, str)]
        if ids and self._done.keys().isdisjoint(ids):
            self._forget_done(keys)
        if self._done.keys().isdisjoint(keys):
            self._take(item, keys, events)
        self._begun.difference_update(keys)
        if item.type == "message" and item.status != "incomplete" and item.phase != "commentary" and not self._begun:
            self._whole_so_far = True
            events.append(Finished(self._reason(FinishReason.STOP), refusal="".join(self._refusal), provisional=True))

    def _forget_done(self, keys: list[int | str]) -> None:
        self._forget([key for key in keys if key in self._done])

    def _forget(self, keys: list[int | str]) -> None:
        """These are from now on the keys of another item."""
        for key in keys:
            self._done.pop(key, None)
            self._calls.pop(key, None)
            self._thoughts.pop(key, None)
        self._emitted.difference_update(keys)
        self._begun.difference_update(keys)
        self._parts = {part for part in self._parts if part[0] not in keys}

    def _take(self, item: Item, keys: list[int | str], events: list[UpstreamEvent]) -> None:
        """A whole item: the part of it that was not emitted yet."""
        self._done.update(dict.fromkeys(keys, item.type))
        match item.type:
            case "message":
                self._message(item, keys, events)
            case "reasoning":
                self._reasoning(item, keys, events)
            case "function_call":
                self._call_done(item, keys, events)

    def _message(self, item: Item, keys: list[int | str], events: list[UpstreamEvent]) -> None:
        emitted = bool(self._emitted.intersection(keys))
        self._phase = _word(item.phase)
        for part in _tables(item.content):
            if not emitted:
                self._part(part, keys, events)
            events += self._sources.new(citations.read(part.get("annotations")))
        if self._commentary.waiting:
            self._show(self._commentary.end(), events)
        if item.phase == "commentary":
            self._commentary.ended("".join(plain_text(part.get("text")) for part in _tables(item.content)))

    def _show(self, after_commentary: str, events: list[UpstreamEvent]) -> None:
        if after_commentary:
            events += TextDelta("\n\n", "commentary"), TextDelta(after_commentary, self._phase)

    def _part(self, part: dict[str, Any], keys: list[int | str], events: list[UpstreamEvent]) -> None:
        if text := plain_text(part.get("text")):
            if tokens := _tokens(part.get("logprobs")):
                events.append(Logprobs(tokens))
            self._say_text(text, events)
        refusal = _word(part.get("refusal"))
        if refusal:
            self._refusal.append(refusal)
        if text or refusal:
            self._emitted.update(keys)

    def _reasoning(self, item: Item, keys: list[int | str], events: list[UpstreamEvent]) -> None:
        text = ""
        if not self._thoughts.keys() & set(keys):
            parts = _tables(item.summary) or _tables(item.content)
            text = "\n\n".join(_thought_text(part.get("text")) for part in parts)
        encrypted = _word(item.encrypted_content)
        if encrypted:
            events.append(ThinkingDelta(text, signature(_word(item.id), encrypted), dialect=DIALECT))
        elif text:
            events.append(ThinkingDelta(text))

    def _begin(self, item: Item, keys: list[int | str], events: list[UpstreamEvent]) -> _Call:
        if (known := self._known(keys)) is not None:
            return known
        name, given = _word(item.name), _word(item.call_id) or _word(item.id)
        if not name or not given:
            raise _Unusable(f"a tool call has no {'id' if name else 'name'}")
        call = _Call(len(self._numbered), name)
        self._numbered.append(call)
        self._calls.update(dict.fromkeys(keys, call))
        events.append(ToolCallDelta(call.number, given, name))
        return call

    def _call_done(self, item: Item, keys: list[int | str], events: list[UpstreamEvent]) -> None:
        call = self._begin(item, keys, events)
        if not call.pieces:
            self._add_arguments(call, item.arguments, events)
        if item.status != "incomplete" or call.whole:
            self._end_call(call, events)

    def _end_call(self, call: _Call, events: list[UpstreamEvent]) -> None:
        if call.ended:
            return
        call.ended = True
        if not call.pieces:
            events.append(ToolCallDelta(call.number, arguments="{}"))
        events.append(ToolCallEnd(call.number))

    def _known(self, keys: Iterable[int | str]) -> _Call | None:
        return next((self._calls[key] for key in keys if key in self._calls), None)

    # The end.

    def _terminal(self, response: WireResponse, event_status: str, events: list[UpstreamEvent]) -> None:
        self._start(response, events)
        status = response.status or event_status
        failed = status == "failed" or bool(response.error)
        aborted = status in _ABORTED
        if not failed and not aborted:
            before = self._done.copy()
            for index, item in enumerate(response.output or ()):
                keys = _item_keys(index, item)
                known = any(before.get(key) == item.type for key in keys)
                if not self._is_repeated(item, keys, known, events) and not known:
                    self._forget_done(keys)
                    self._take(item, keys, events)
        if response.usage is not None:
            events.append(UsageReport(response.usage.read() or Usage()))
        if failed:
            self._fail(events, errors.of_document({"error": response.error or {"code": "server_error"}}))
        elif aborted:
            self._fail(events, errors.broken(f"the provider ended the answer with status {status!r}"))
        else:
            self._finish(response, status, events)

    def _is_repeated(self, item: Item, keys: list[int | str], known: bool, events: list[UpstreamEvent]) -> bool:
        """Whether the content of the terminal's item was sent before. `known`: an item of this kind that had one of its keys was."""
        match item.type:
            case "message":
                parts = _tables(item.content)
                if self._repeats.has_text("".join(plain_text(part.get("text")) for part in parts)):
                    for part in () if known else parts:
                        events += self._sources.new(citations.read(part.get("annotations")))
                    return True
            case "function_call":
                call = self._known(keys)
                if call is not None and call.name == item.name and (known or not call.ended):
                    self._repeats.is_repeated(call.number)
                    return known
                same = (one for one in self._numbered if one.name == item.name)
                return any(self._repeats.has_call(one.number, one.pieces, _json_text(item.arguments)) for one in same)
            case "reasoning":
                seen = bool(self._thoughts) or "reasoning" in self._done.values()
                return seen and not any(key in self._thoughts for key in keys)
        return False

    def _finish(self, response: WireResponse, status: str, events: list[UpstreamEvent]) -> None:
        self._show(self._commentary.end(), events)
        details = response.incomplete_details
        raw = (_word(details.get("reason")) if isinstance(details, dict) else "") or status
        reason = FinishReason.STOP
        if raw == "content_filter":
            reason = FinishReason.CONTENT_FILTER
        elif status == "incomplete":
            # The answer was cut, so the item is incomplete.
            reason = FinishReason.LENGTH
        reason = self._reason(reason)
        for call in self._numbered:
            if reason is not FinishReason.LENGTH or call.whole:
                self._end_call(call, events)
        events.append(Finished(reason, raw, "".join(self._refusal)))
        self._finished = self.complete = True

    def _reason(self, reported: FinishReason) -> FinishReason:
        if self._refusal:
            return FinishReason.CONTENT_FILTER
        return FinishReason.TOOL_CALLS if reported is FinishReason.STOP and self._numbered else reported


def _keys(index: int | None, id: object) -> list[int | str]:
    """The keys of an item: its id, and its index in the output."""
    keys: list[int | str] = [id] if isinstance(id, str) and id else []
    return keys if index is None else [*keys, index]


def _item_keys(index: int | None, item: Item) -> list[int | str]:
    """The keys of an item, those by which most tell it first. A call without an id is known by its `call_id`, as at llama.cpp."""
    keys = _keys(index, item.id)
    if item.type == "function_call" and (call := _word(item.call_id)) and call not in keys:
        keys.insert(1 if isinstance(item.id, str) and item.id else 0, call)
    return keys


def _response(data: bytes, read: Readers) -> WireResponse:
    """The response of an event; some servers send its fields beside the event's type (github.com/7836246/cursor2api/issues/114)."""
    return read.response(data).response or read.document(data)


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _thought_text(value: object) -> str:
    """An unreadable thought does not make the answer fail."""
    try:
        return plain_text(value)
    except Unreadable:
        return ""


def _tokens(value: object) -> tuple[TokenLogprob, ...]:
    try:
        return msgspec.convert(value or (), tuple[TokenLogprob, ...])
    except msgspec.ValidationError:
        return ()


def _tables(value: object) -> list[dict[str, Any]]:
    if isinstance(value, (dict, str)):
        value = [value if isinstance(value, dict) else {"text": value}]
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _json_text(arguments: object) -> str:
    """Arguments are JSON text; some providers send the object itself."""
    return json_text(arguments) if isinstance(arguments, dict) else _word(arguments)
