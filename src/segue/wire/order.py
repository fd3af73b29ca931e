"""The order of turns that dialects insist on where results are turns of their own."""

from __future__ import annotations

from collections.abc import Sequence

from segue.chat.messages import Message


def results_first(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages, with the results of tools directly behind the calls that they answer: before what a user said meanwhile."""
    ordered: list[Message] = []
    moved = False
    for message in messages:
        place = len(ordered)
        if message.role == "tool" and ordered and ordered[-1].role not in ("assistant", "tool"):
            calls = (n for n in range(place - 1, -1, -1) if ordered[n].role in ("tool", "assistant"))
            place = next(calls, place - 1) + 1
            moved = True
        ordered.insert(place, message)
    return ordered if moved else messages
