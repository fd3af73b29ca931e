"""An answer as a caller would have it in the end, whatever its provider's bytes look like."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from segue.chat.events import Failed, Finished, FinishReason, TextDelta, ThinkingDelta, ToolCalled, UpstreamEvent
from segue.chat.failure import Failure
from segue.chat.usage import Usage
from segue.failover.splice.splice import Splice
from segue.wire.dialects import upstream

NAMED = ("claude", "openai_responses")
"""The dialects that name an event's type beside its data."""


class Answer(NamedTuple):
    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    """Names and arguments, in order."""
    usage: Usage = Usage()
    finish: FinishReason | None = None
    failure: Failure | None = None


def frame(event: dict[str, Any], named: bool = False) -> bytes:
    name = f"event: {event['type']}\n".encode("utf-8", "replace") if named else b""
    return name + b"data: " + json.dumps(event).encode() + b"\n\n"


def stream(dialect: str, *events: dict[str, Any]) -> bytes:
    return b"".join(frame(event, dialect in NAMED) for event in events)


def read(dialect: str, data: bytes | Iterable[bytes], content_type: str = "text/event-stream") -> Answer:
    """The answer that these bytes are, in pieces or in one."""
    decoder = upstream(dialect).decoder(content_type)
    events: list[UpstreamEvent] = []
    for piece in [data] if isinstance(data, bytes) else data:
        events += decoder.feed(piece)
    return answer(events + decoder.eof())


def answer(events: Iterable[UpstreamEvent]) -> Answer:
    events = list(events)
    ends = [place for place, event in enumerate(events) if isinstance(event, Finished)]
    splice = Splice(hold=False)
    # What follows a stop reason counts too: only the last one ends the answer.
    shown = [shown for place, event in enumerate(events) if place not in ends[:-1] for shown in splice.feed(event)]
    calls = [event.call for event in shown if isinstance(event, ToolCalled)]
    assert not any(isinstance(event, Failed) for event in shown)
    return Answer(
        text="".join(event.text for event in shown if isinstance(event, TextDelta)),
        thinking="".join(event.text for event in shown if isinstance(event, ThinkingDelta)),
        calls=tuple((call.name, json.loads(call.arguments)) for call in calls),
        usage=splice.usage,
        finish=next((event.reason for event in shown if isinstance(event, Finished)), None),
        failure=splice.failure,
    )
