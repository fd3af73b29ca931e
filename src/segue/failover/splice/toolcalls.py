"""Tool calls, held back until they are whole: a caller never sees half a call.

A call is whole when its arguments are the JSON text of an object (no text at all stands for an empty one). Some providers end
a call that ran into the token limit as if it were complete, and report the limit only with the finish reason. So an ended call whose
arguments do not prove it complete stays in doubt until the next event: a finish for length drops it, anything else settles it.
"""

from __future__ import annotations

import msgspec

from segue.chat.events import ToolCallDelta
from segue.chat.messages import ToolCall
from segue.wire.arguments import is_object, joined_arguments


class MalformedToolCallError(ValueError):
    """A tool call has no name, or its arguments are not a JSON object."""


class _Open:
    """A call whose pieces are still arriving."""

    __slots__ = ("arguments", "id", "name", "signature")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.signature = ""
        self.arguments: list[str] = []


class ToolCallCollector:
    """Collects one attempt's tool calls. A method that finds one malformed raises `MalformedToolCallError`."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._doubtful: ToolCall | None = None

    @property
    def in_doubt(self) -> bool:
        return self._doubtful is not None

    def add(self, delta: ToolCallDelta) -> None:
        call = self._open.setdefault(delta.index, _Open())
        call.id = delta.id or call.id
        call.name = delta.name or call.name
        call.signature += delta.signature
        call.arguments.append(delta.arguments)

    def end(self, index: int) -> list[ToolCall]:
        """The upstream reports a call as complete; returns it if that is certain. To be called when nothing is in doubt."""
        if (found := self._open.pop(index, None)) is None:
            return []
        call = _joined(found)
        if _is_whole(call):
            return [call]
        self._doubtful = call
        return []

    def settle(self) -> list[ToolCall]:
        """The answer goes on, so a call in doubt was not cut by the answer's end; returns that call."""
        if (doubtful := self._doubtful) is None:
            return []
        self._doubtful = None
        return [_settled(doubtful)]

    def finish(self, *, cut: bool) -> list[ToolCall]:
        """The answer is over; returns what is left. `cut`: it ended by a token limit or the like, and incomplete calls are dropped."""
        pending = [self._doubtful] if self._doubtful is not None else []
        pending += [_joined(self._open[index]) for index in sorted(self._open)]
        self._open.clear()
        self._doubtful = None
        return [call for call in pending if _is_whole(call)] if cut else [_settled(call) for call in pending]


def _joined(call: _Open) -> ToolCall:
    text = "".join(call.arguments)
    if text.strip() and not is_object(text):
        text = joined_arguments(call.arguments) or text
    return ToolCall(id=call.id, name=call.name, arguments=text, signature=call.signature)


def _is_whole(call: ToolCall) -> bool:
    return bool(call.name) and is_object(call.arguments)


def _settled(call: ToolCall) -> ToolCall:
    if call.name and not call.arguments.strip():
        return msgspec.structs.replace(call, arguments="{}")
    if not _is_whole(call):
        raise MalformedToolCallError(call.name)
    return call
