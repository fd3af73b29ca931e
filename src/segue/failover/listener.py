"""What the engine tells of its work: to the ledger, to metrics, to whoever asks.

A listener is called in the event loop's thread and must return at once. What it raises is logged and goes no further: watching
never disturbs serving.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from segue.chat.failure import Failure
from segue.chat.usage import Usage
from segue.routing.target import Target


class AttemptStart(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt is about to be sent. `wall` is epoch seconds; `prompt_tokens` an estimate; `max_tokens` bounds the output."""

    attempt_id: str
    request_id: str
    target: Target
    chain: str
    wall: float
    prompt_tokens: int
    max_tokens: int | None
    hedge: bool
    continuation: bool
    metadata: dict[str, str]


class AttemptEnd(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt is over. Exactly one for each `AttemptStart`.

    `failure` is None if it answered or was cancelled. `usage` is the provider's latest report, if any; `usage_is_final` says that its
    terminal was read. `sent` is False where not a byte went out. `text` is all it brought, shown or not: text, thinking and tool arguments.
    """

    start: AttemptStart
    outcome: str
    seconds: float
    failure: Failure | None = None
    usage: Usage | None = None
    usage_is_final: bool = False
    first_content: float | None = None
    status: int | None = None
    sent: bool = True
    text: str = ""
    shown: bool = False


class Listener(Protocol):
    def attempt_started(self, start: AttemptStart) -> None: ...

    def attempt_ended(self, end: AttemptEnd) -> None: ...
