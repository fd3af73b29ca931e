"""Tool calls put together from their pieces.

OpenAI sends calls one after the other: a piece with index, id and name, then pieces of arguments under the same index. Others
leave out the index or the id, send whole calls at once, all under index 0, use one id for two calls, repeat the name or send it
in pieces, invent a new id or index with each piece, or repeat a whole call at the end.
A piece therefore goes to the call of its index. Under a known index a new call begins only where another id comes with a name and
the arguments so far are whole, or where a name comes with arguments though those of the call are whole. A piece without a name
goes to the call of its id, else to the last one. Without index or id, a name begins a call.

Arguments are complete when the provider signals it (the next call, a stop reason) and they parse, or at the end of the bytes unless the
reason was `length`. `{}` may be a placeholder for arguments that are still to come, so the next call does not end them.
"""

from __future__ import annotations

import hashlib

from segue.chat.events import ToolCallDelta, ToolCallEnd, UpstreamEvent
from segue.wire.arguments import is_object, joined_arguments, json_text
from segue.wire.openai.toolcall_piece import ToolCallPiece, thought_signature


class _Call:
    __slots__ = ("arguments", "ended", "given_id", "name", "number", "signature")

    def __init__(self, given_id: str) -> None:
        self.number = -1
        self.given_id = given_id
        self.name = ""
        self.arguments: list[str] = []
        self.signature = ""
        self.ended = False

    def is_another(self, given: str, name: str, text: str) -> bool:
        """Whether a piece that has a name, but is sent under this call's index or id, begins the next call."""
        # The two looks at brackets spare a provider that repeats the name from being parsed at each piece.
        closed = bool(self.arguments) and self.arguments[-1].rstrip().endswith("}")
        if given and self.given_id and given != self.given_id:
            return not self.arguments or (closed and self.whole)
        closed = closed and bool(self.name)
        if given and given == self.given_id:
            return closed and name != self.name and self.whole
        return closed and text.startswith("{") and self.whole

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    @property
    def whole(self) -> bool:
        return is_object(self.text)


class MalformedCall(Exception):
    """The pieces do not form a call."""


class ToolCalls:
    """The calls of one answer."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_ids", "_in_order", "_named")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._ids: set[str] = set()
        self._in_order = True
        """Whether all calls before the last have ended, so that it may be ended by the next."""
        self._named = 0

    def __len__(self) -> int:
        """How many calls have been announced."""
        return self._named

    def feed(self, piece: ToolCallPiece, answer: str, events: list[UpstreamEvent]) -> None:
        """Adds the piece's events to `events`. `answer` is the answer's id, of which missing call ids are made."""
        # Mistral's clients send "null" for a missing id.
        given = "" if piece.id in (None, "null") else str(piece.id)
        function = piece.function
        name = (function.name if function else None) or ""
        arguments = function.arguments if function else None
        if isinstance(arguments, dict):
            arguments = json_text(arguments)
        text = arguments or ""
        call = self._find(piece.index, given, name, text)
        if call is None:
            if not (given or name or text):
                return
            call = self._begin(piece.index, given, events)
        if call.ended:
            if text.strip() and joined_arguments([*call.arguments, text]) is None:
                raise MalformedCall("a tool call went on after its end")
            return
        if text:
            call.arguments.append(text)
        self._emit(call, given, name, text, thought_signature(piece), answer, events)

    def end_whole(self, events: list[UpstreamEvent], *, cut: bool) -> None:
        """A stop reason came: ends the calls whose arguments are whole. Others may go on; `cut` says they ran into the output limit."""
        for call in self._calls:
            if not call.name and call.arguments and not cut:
                raise MalformedCall("a tool call has no name")
            if call.name and not call.ended and call.whole:
                self._end(call, events)

    def end_rest(self, events: list[UpstreamEvent]) -> None:
        """Nothing more comes: ends the calls that are still open."""
        for call in self._calls:
            if call.name and not call.ended:
                self._end(call, events)

    def _end(self, call: _Call, events: list[UpstreamEvent]) -> None:
        if not call.arguments:
            events.append(ToolCallDelta(call.number, arguments="{}"))
        call.ended = True
        events.append(ToolCallEnd(call.number))

    @property
    def all_whole(self) -> bool:
        return all(call.ended or call.whole or joined_arguments(call.arguments) is not None for call in self._calls)

    def _find(self, index: int | None, given: str, name: str, text: str) -> _Call | None:
        last = self._calls[-1] if self._calls else None
        known = self._by_id.get(given) if given else None
        if index is not None:
            call = self._by_index.get(index)
            if name:
                return None if call and call.is_another(given, name, text) else call
            return known or call or (None if given else last)
        if known is not None:
            return None if name and known.is_another(given, name, text) else known
        return None if name else last

    def _begin(self, index: int | None, given: str, events: list[UpstreamEvent]) -> _Call:
        if self._in_order:
            self._end_last(events)
            self._in_order = not self._calls or self._calls[-1].ended
        call = _Call(given)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        if given:
            self._by_id[given] = call
        return call

    def _end_last(self, events: list[UpstreamEvent]) -> None:
        last = self._calls[-1] if self._calls else None
        if last is not None and not last.ended and last.name and last.whole and last.text.strip() != "{}":
            last.ended = True
            events.append(ToolCallEnd(last.number))

    def _emit(
        self, call: _Call, given: str, name: str, text: str, signature: str, answer: str, events: list[UpstreamEvent]
    ) -> None:
        call.given_id = call.given_id or given
        if call.name:
            begun = len(call.arguments) > bool(text)
            whole_name = "" if begun else self._rest_of_name(call, name)
            late_id = given if given and call.given_id == given and self._is_new(given) else ""
            if text or signature or whole_name or late_id:
                events.append(ToolCallDelta(call.number, late_id, whole_name, text, signature))
            return
        call.signature = call.signature or signature
        if name:
            # What came before the name was held back: the first piece of an event stream carries id and name.
            call.name = name
            call.number = self._named
            self._named += 1
            made = _made_id(answer, call.number, name)
            call_id = call.given_id if call.given_id and self._is_new(call.given_id) else made
            events.append(ToolCallDelta(call.number, call_id, name, call.text, call.signature))

    def _is_new(self, id: str) -> bool:
        """Whether no call has the id yet; from now on one has."""
        before = len(self._ids)
        self._ids.add(id)
        return len(self._ids) > before

    def _rest_of_name(self, call: _Call, name: str) -> str:
        """The whole name where a piece of a call without arguments adds to it, else ""."""
        if not name or name == call.name:
            return ""
        call.name = name if name.startswith(call.name) else call.name + name
        return call.name


def _made_id(answer: str, number: int, name: str) -> str:
    return "call_" + hashlib.sha256(f"{answer}/{number}/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
