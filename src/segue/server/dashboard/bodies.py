"""Prompts and answers of the latest requests, for their stories: kept in this process's memory, and only if the settings log bodies."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from segue.failover.hooks import AttemptEnd, AttemptStart, RequestEnd
from segue.monitoring.redaction import Redactor

KEPT: Final = 50
"""Requests, the latest."""
LENGTH: Final = 8192
"""Characters of a message or an answer."""
MESSAGES: Final = 20
"""Messages of a request, the last."""


class Spoken(msgspec.Struct, frozen=True):
    """A message's role and its text, without images and other parts."""

    role: str
    text: str


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and its answer with secrets redacted, each text cut at 8,192 characters. `earlier` messages are left out."""

    messages: tuple[Spoken, ...]
    answer: str
    earlier: int = 0


class Bodies:
    """A listener. Texts are redacted when they are read, to keep requests fast."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._kept: OrderedDict[str, Body] = OrderedDict()

    def attempt_started(self, start: AttemptStart) -> None:
        pass

    def attempt_ended(self, end: AttemptEnd) -> None:
        pass

    def request_ended(self, end: RequestEnd) -> None:
        request = end.start.request
        last = request.messages[-MESSAGES:]
        self._kept[end.start.request_id] = Body(
            messages=tuple(Spoken(message.role, message.text[:LENGTH]) for message in last),
            answer=end.text[:LENGTH],
            earlier=len(request.messages) - len(last),
        )
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def of(self, request_id: str) -> Body | None:
        """None where it was not kept, or no longer is."""
        found = self._kept.get(request_id)
        if found is None:
            return None
        return Body(
            messages=tuple(Spoken(each.role, self._redact(each.text)) for each in found.messages),
            answer=self._redact(found.answer),
            earlier=found.earlier,
        )
