"""What can go wrong with one attempt, as a value.

A `Failure` is what a codec, a transport or the engine says of one attempt that did not give an answer. Its `kind` decides
what happens next; the rest is for the health book, the ledger and the caller's message.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class FailureKind(StrEnum):
    """The classes of failure; which one an error belongs to is decided in `wire/*/failures.py`."""

    RATE = "rate"
    """Too many requests for now: fail over, let the model cool for the stated delay."""
    MONEY = "money"
    """No credit, quota or budget left at the provider: fail over, let the credential cool for long."""
    OVERLOAD = "overload"
    """The provider has a server error (5xx): fail over, count it against the breaker."""
    AUTH = "auth"
    """Key or region refused: fail over, the credential is off until a free probe passes."""
    MODEL_GONE = "model_gone"
    """No such model any more: fail over, try the model's successor."""
    CAPABILITY = "capability"
    """This model can't take this request (window, parameter, prefill): fail over only to one that can."""
    POLICY = "policy"
    """The provider declined the content: stop, unless failing over on refusals was asked for."""
    CALLER = "caller"
    """The request itself is wrong: stop, the caller sees the reason."""
    TRANSPORT = "transport"
    """No answer over the network (DNS, connect, TLS, reset): fail over."""
    BROKEN = "broken"
    """No valid answer: malformed, empty, or ended before it was complete: fail over, counts."""
    STALL = "stall"
    """Silence: no content for longer than the target is allowed: fail over, counts half."""
    INVALID = "invalid"
    """An answer that does not fit what was asked for (a schema, a demanded call, an offered tool): fail over. It counts against the breaker
    once another target's answer to the same request fits; a request that no answer fits puts no target to rest."""


class Scope(StrEnum):
    """What a failure is about: the address, the key, or one model under that key."""

    ENDPOINT = "endpoint"
    CREDENTIAL = "credential"
    MODEL = "model"


class QuotaHint(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a provider named while refusing a request.

    `period` is the length of its window in seconds (60 for a minute, 86 400 for a day), `limit` the number allowed in it
    where the provider named one, `tokens` whether it counts tokens rather than requests.
    """

    period: float
    limit: int | None = None
    tokens: bool = False


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt's failure.

    `message` is the provider's own reason, without secrets, fit to be shown to the caller. `status` is the HTTP status, where
    there was one. `code` is the provider's machine-readable code. `retry_after` is in seconds from the moment of the failure.
    `param` names the request field the provider objected to. `should_retry` is the provider's own word on retrying, where given.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    param: str | None = None
    should_retry: bool | None = None
    scope: Scope = Scope.MODEL
    quota: QuotaHint | None = None
    prefill_rejected: bool = False
