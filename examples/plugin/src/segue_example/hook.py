"""A hook: refuses requests that hold a forbidden word, and counts the attempts of all others. `SEGUE_HOOKS=blocklist` switches it on."""

from __future__ import annotations

from collections.abc import Mapping

from segue import ChatRequest, InvalidRequestError
from segue.ext import AttemptEnd, AttemptStart

FORBIDDEN = "launch code"


class Blocklist:
    def __init__(self) -> None:
        self.attempts = 0

    def check_request(self, request: ChatRequest, metadata: Mapping[str, str]) -> ChatRequest:
        if any(FORBIDDEN in message.text for message in request.messages):
            raise InvalidRequestError(f"requests may not hold {FORBIDDEN!r}: leave it out", param="messages")
        return request

    def attempt_started(self, start: AttemptStart) -> None:
        self.attempts += 1

    def attempt_ended(self, end: AttemptEnd) -> None:
        pass
