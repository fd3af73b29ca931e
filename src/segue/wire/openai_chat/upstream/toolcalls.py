"""Tool calls put together from their pieces.

OpenAI sends calls one after the other: a piece with index, id and name, then pieces of arguments under the same index. Others
leave out the index or the id, send whole calls at once, all under index 0, repeat the name or make up a new id with each piece.
A piece therefore goes to the call of its index; under a known index a new call begins only where another id comes with a name,
or where a name comes with arguments though those of the call are already whole. Without index or id, a name begins a call.

Arguments are whole when the provider says so (the next call, the terminal) and they parse, or at a terminal other than `length`.
"""

from __future__ import annotations

import hashlib

import msgspec

from segue.chat.events import ToolCallDelta, ToolCallEnd, UpstreamEvent
from segue.wire.lenient import UNREADABLE
from segue.wire.openai_chat.upstream.shapes import ToolCallPiece


class _Call:
    __slots__ = ("arguments", "ended", "given_id", "name", "number", "signature")

    def __init__(self, given_id: str) -> None:
        self.number = -1
        self.given_id = given_id
        self.name = ""
        self.arguments: list[str] = []
        self.signature = ""
        self.ended = False

    def is_another(self, given: str, text: str) -> bool:
        """Whether a piece that has a name, but is sent under this call's index, begins the next call."""
        if given and self.given_id and given != self.given_id:
            return True
        # The two looks at brackets spare a provider that repeats the name from being parsed at each piece.
        closed = bool(self.name and self.arguments) and self.arguments[-1].endswith("}")
        return closed and text.startswith("{") and self.whole

    @property
    def whole(self) -> bool:
        try:
            return isinstance(msgspec.json.decode("".join(self.arguments)), dict)
        except UNREADABLE:
            return False


class MalformedCall(Exception):
    """The pieces make no call."""


class ToolCalls:
    """The calls of one answer."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_named")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._named = 0

    def __len__(self) -> int:
        """How many calls have been announced."""
        return self._named

    def feed(self, piece: ToolCallPiece, answer: str, events: list[UpstreamEvent]) -> None:
        """Adds what the piece says to `events`. `answer` is the answer's id, of which missing call ids are made."""
        # Mistral's clients send "null" for no id.
        given = "" if piece.id in (None, "null") else str(piece.id)
        function = piece.function
        name = (function.name if function else None) or ""
        arguments = function.arguments if function else None
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        text = arguments or ""
        call = self._find(piece.index, given, name, text)
        if call is None:
            if not (given or name or text):
                return
            call = self._begin(piece.index, given, events)
        if call.ended:
            if text.strip():
                raise MalformedCall("a tool call went on after its end")
            return
        if text:
            call.arguments.append(text)
        self._say(call, name, text, thought_signature(piece), answer, events)

    def finish(self, events: list[UpstreamEvent], *, cut: bool) -> None:
        """The answer is at its end; `cut` says it ran into the output limit, so that open arguments are not whole."""
        for call in self._calls:
            if call.ended or (cut and not call.whole):
                continue
            if not call.name:
                raise MalformedCall("a tool call has no name")
            if not call.arguments:
                events.append(ToolCallDelta(call.number, arguments="{}"))
            call.ended = True
            events.append(ToolCallEnd(call.number))

    @property
    def all_whole(self) -> bool:
        return all(call.ended or not call.arguments or call.whole for call in self._calls)

    def _find(self, index: int | None, given: str, name: str, text: str) -> _Call | None:
        last = self._calls[-1] if self._calls else None
        if index is not None:
            call = self._by_index.get(index)
            return None if call and name and call.is_another(given, text) else call
        if given:
            return self._by_id.get(given) or (None if name else last)
        return None if name else last

    def _begin(self, index: int | None, given: str, events: list[UpstreamEvent]) -> _Call:
        if self._calls and not (last := self._calls[-1]).ended and last.name and last.whole:
            last.ended = True
            events.append(ToolCallEnd(last.number))
        call = _Call(given)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        if given:
            self._by_id[given] = call
        return call

    def _say(self, call: _Call, name: str, text: str, signature: str, answer: str, events: list[UpstreamEvent]) -> None:
        if call.name:
            if text or signature:
                events.append(ToolCallDelta(call.number, arguments=text, signature=signature))
            return
        call.signature = call.signature or signature
        if name:
            # What came before the name was kept back: the first piece of an event stream carries id and name.
            call.name = name
            call.number = self._named
            self._named += 1
            call_id = call.given_id or _made_id(answer, call.number, name)
            events.append(ToolCallDelta(call.number, call_id, name, "".join(call.arguments), call.signature))


def thought_signature(piece: ToolCallPiece) -> str:
    """Gemini's signature of a call, "" if there is none."""
    google = piece.extra_content.get("google") if isinstance(piece.extra_content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""


def _made_id(answer: str, number: int, name: str) -> str:
    return "call_" + hashlib.sha256(f"{answer}/{number}/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
