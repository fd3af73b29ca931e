"""What the simulated providers would charge, request by request: the other side of the ledger's books."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from segue.catalog.prices import UnitPrices, cost
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage


class BillEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a generation.

    `provider` is the name of the server that was asked. `usage` is what it generated and would charge: nothing where it refused.
    `status` is the HTTP status, None where no answer was begun. `cancelled` says that the caller went away before the answer's end;
    `finished` that the dialect's terminal was sent. `fault` names the fault that was played, if any. `continued`: the request asked
    to go on with an answer that had broken off. `prompt` is the beginning of what the user asked first, by which a request can be found
    again.
    """

    provider: str
    model: str
    usage: Usage
    status: int | None = None
    cancelled: bool = False
    finished: bool = False
    fault: str | None = None
    continued: bool = False
    prompt: str = ""

    def charge(self, prices: UnitPrices) -> Decimal:
        """What it would cost, in US dollars."""
        return cost(self.usage, prices) if self.usage.total_tokens else Decimal(0)


PROMPT = 80
"""Characters."""


def prompt_of(request: ChatRequest) -> str:
    """The beginning of a request's first user text."""
    return next((message.text for message in request.messages if message.role == "user"), "")[:PROMPT]
