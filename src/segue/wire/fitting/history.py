"""A transcript in the order that every provider takes: each call has a unique id and one result, directly after its turn.

Histories come with calls that a crash or a click on "stop" left without a result, results whose call was trimmed away, results that
came after the user had gone on, ids that are used twice or missing, and arguments that were cut off. OpenAI, Anthropic and Google
each refuse most of these, every time, so a conversation that has one cannot go on. Nothing is removed: a call without a
result gets one that states this, and a result without a call becomes text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from segue.chat.messages import Message, Part, Role, Text, ToolCall, ToolResult
from segue.wire.arguments import is_object, object_text

Place: TypeAlias = tuple[int, int]
"""The number of a message, and of a part in it."""

HEALED: Final = {
    "call-without-result": "a tool call had no result: one was added that says so",
    "result-without-call": "a tool's result answered no call: it was put into a user's turn, as text",
    "result-moved": "a tool's result was not next to its call: it was moved after it",
    "second-result": "a tool call had more than one result: they were joined",
    "repeated-id": "more than one tool call had the same id: the later calls got another",
    "broken-arguments": "a tool call's arguments were not a JSON object: they were wrapped in one",
    "same-name": "several tools had one name: the last of them was offered",
    "ends-with-assistant": "the conversation ended with the model's turn: a user's turn was added that asks to go on",
    "begins-with-assistant": "the conversation began with the model's turn: a user's turn was put before it",
    "little-room": "max_tokens leaves little room to think: the least thinking was requested, and at least 1024 tokens",
}
"""The repairs of a request so that a provider takes it, and their descriptions. The keys are those of `x-segue-healed`."""

NO_RESULT: Final = "No result: the call was interrupted."
_UNNAMED: Final = "unnamed_tool"


class Healed(NamedTuple):
    """`called` names the tools that were called; `what` names the repairs, by the keys of `HEALED`; `places` maps parts to their new
    positions, empty if nothing was done."""

    messages: tuple[Message, ...]
    called: dict[str, None] = {}
    what: tuple[str, ...] = ()
    places: dict[Place, Place] = {}


def heal(messages: Sequence[Message]) -> Healed:
    """The messages as every provider takes them; the same ones where they are in order."""
    if (called := _in_order(messages)) is not None:
        return Healed(tuple(messages), called)
    healing = _Healing()
    for at, message in enumerate(messages):
        healing.add(at, message)
    return healing.done()


def _in_order(messages: Sequence[Message]) -> dict[str, None] | None:
    """The names of the tools that were called, if all is in order; else None."""
    seen: set[str] = set()
    waiting: set[str] = set()
    called: dict[str, None] = {}
    for message in messages:
        role = message.role
        if role == "tool":
            for part in message.parts:
                if type(part) is not ToolResult or part.call_id not in waiting:
                    return None
                waiting.discard(part.call_id)
        elif waiting:
            return None
        elif role == "assistant":
            for part in message.parts:
                if type(part) is ToolCall:
                    id, name = part.id, part.name
                    if not id or not name or id in seen or not is_object(part.arguments):
                        return None
                    seen.add(id)
                    waiting.add(id)
                    called[name] = None
    return None if waiting else called


class _Turn:
    """A turn while it is collected; the results of its `calls` follow it."""

    def __init__(self, role: Role) -> None:
        self.role: Role = role
        self.parts: list[tuple[Place | None, Part]] = []
        self.calls: list[_Call] = []


class _Call:
    def __init__(self, original_id: str, call: ToolCall, turn: _Turn) -> None:
        self.original_id = original_id
        self.call = call
        self.turn = turn
        self.place: Place | None = None
        self.result: ToolResult | None = None


class _Healing:
    def __init__(self) -> None:
        self._turns: list[_Turn] = []
        self._by_id: dict[str, deque[_Call]] = {}
        self._by_name: dict[str, deque[_Call]] = {}
        self._waiting: deque[_Call] = deque()
        self._ids: dict[str, int] = {}
        self._what: dict[str, None] = {}

    def add(self, at: int, message: Message) -> None:
        if message.role == "tool":
            for nth, part in enumerate(message.parts):
                if isinstance(part, ToolResult):
                    self._result((at, nth), part)
            return
        turn = self._turn(message.role)
        for nth, part in enumerate(message.parts):
            turn.parts.append(((at, nth), self._called(part, turn) if isinstance(part, ToolCall) else part))

    def _turn(self, role: Role) -> _Turn:
        """A new turn; a model's turn continues while its calls wait for results, as calls made together do in some transcripts."""
        last = self._turns[-1] if self._turns else None
        if last is None or role != "assistant" or not any(call.result is None for call in last.calls):
            last = _Turn(role)
            self._turns.append(last)
        return last

    def done(self) -> Healed:
        messages: list[Message] = []
        places: dict[Place, Place] = {}

        def add(role: Role, parts: list[tuple[Place | None, Part]]) -> None:
            places.update({place: (len(messages), nth) for nth, (place, _) in enumerate(parts) if place is not None})
            messages.append(Message(role, tuple(part for _, part in parts)))

        for turn in self._turns:
            add(turn.role, turn.parts)
            if turn.calls:
                add("tool", [(call.place, call.result or self._missing(call.call)) for call in turn.calls])
        return Healed(tuple(messages), dict.fromkeys(self._by_name), tuple(self._what), places)

    def _called(self, part: ToolCall, turn: _Turn) -> ToolCall:
        arguments = part.arguments
        if not is_object(arguments):
            arguments = object_text(arguments)
            if part.arguments.strip():
                self._what["broken-arguments"] = None
        made = ToolCall(
            id=self._own_id(part.id), name=part.name or _UNNAMED, arguments=arguments, signature=part.signature
        )
        self._wait(_Call(part.id, made, turn))
        return made

    def _wait(self, call: _Call) -> None:
        """Records that a result is expected. An id that is used again stands for the calls of its last turn."""
        call.turn.calls.append(call)
        same = self._by_id.get(call.original_id)
        if same is None or same[-1].turn is not call.turn:
            same = self._by_id[call.original_id] = deque()
        same.append(call)
        self._by_name.setdefault(call.call.name, deque()).append(call)
        self._waiting.append(call)

    def _own_id(self, original: str) -> str:
        id = original or f"call_{len(self._waiting)}"
        while id in self._ids:
            self._ids[original] = self._ids.get(original, 1) + 1
            id = f"{original or 'call'}_{self._ids[original]}"
        if original and id != original:
            self._what["repeated-id"] = None
        self._ids.setdefault(id, 1)
        return id

    def _result(self, place: Place, result: ToolResult) -> None:
        call = self._answered_by(result)
        if call is None:
            self._what["result-without-call"] = None
            self._write_as_text(place, result)
        elif call.result is not None:
            self._what["second-result"] = None
            call.result = msgspec.structs.replace(call.result, content=call.result.content + result.content)
        else:
            if self._turns[-1] is not call.turn:
                self._what["result-moved"] = None
            call.place = place
            call.result = msgspec.structs.replace(result, call_id=call.call.id, name=call.call.name)

    def _answered_by(self, result: ToolResult) -> _Call | None:
        """The first call that waits for this result; one that has a result already if none waits. Without an id, the name decides."""
        if result.call_id:
            calls = self._by_id.get(result.call_id)
        else:
            calls = self._by_name.get(result.name) if result.name else self._waiting
        while calls and len(calls) > 1 and calls[0].result is not None:
            calls.popleft()
        return calls[0] if calls and (result.call_id or calls[0].result is None) else None

    def _write_as_text(self, place: Place, result: ToolResult) -> None:
        """Writes a result as text in a user's turn."""
        which = f"the tool `{result.name}`" if result.name else "a tool"
        failed = " It failed." if result.is_error else ""
        turn = _Turn("user")
        turn.parts = [
            (place, Text(f"Earlier, {which} gave this result.{failed}")),
            *((None, p) for p in result.content),
        ]
        self._turns.append(turn)

    def _missing(self, call: ToolCall) -> ToolResult:
        self._what["call-without-result"] = None
        return ToolResult(call_id=call.id, name=call.name, content=(Text(NO_RESULT),), is_error=True)
