"""The error of a request without an answer: the attempts' failures, mapped to the error tree at this one seam."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from segue.chat.failure import Failure, FailureKind
from segue.errors import (
    APIConnectionError,
    AttemptSummary,
    AuthenticationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    SegueError,
    StreamInterruptedError,
)

_REFUSALS = frozenset({FailureKind.CALLER, FailureKind.CAPABILITY})
_FORM = re.compile(
    r"tool|function|schema|image|media|document|file|base64|content|\bpart|\brole|thread|beta|header|\bids?\b|messages?[.\[]|input[.\[]",
    re.IGNORECASE,
)

_SHARED_CAUSE: tuple[tuple[frozenset[str], type[LLMServiceUnavailableError]], ...] = (
    (frozenset({FailureKind.RATE, FailureKind.MONEY}), RateLimitError),
    (frozenset({FailureKind.AUTH}), AuthenticationError),
    (frozenset({FailureKind.TRANSPORT}), APIConnectionError),
)


def is_about_form(failure: Failure) -> bool:
    """Whether a refusal is about what each dialect writes differently: tools, media, the order of turns,

    betas. If the request was translated, the translation may be at fault, and another target may accept the request.
    """
    return bool(_FORM.search(f"{failure.param or ''} {failure.message}"))


def stopped(failure: Failure, target: str, attempts: Sequence[AttemptSummary]) -> InvalidRequestError:
    """The error for a failure that is the same at every target: a caller's mistake, or a refusal."""
    refused = failure.kind is FailureKind.POLICY
    kind = ContentRefusedError if refused else InvalidRequestError
    status = failure.status if failure.status is not None and 400 <= failure.status < 500 else 400
    return kind(
        failure.message, param=failure.param, status=status, code=failure.code, target=target, attempts=attempts
    )


def unanswered(
    last: tuple[str, Failure] | None,
    attempts: Sequence[AttemptSummary],
    tried: Sequence[AttemptSummary],
    *,
    unfit: bool,
) -> SegueError:
    """The error when no target is left.

    `last` is the last failure and its target; `tried` names the attempts and the targets that were skipped. `unfit`: none of these can
    take the request at all.
    """
    outcomes = {attempt.outcome for attempt in attempts} - {"cancelled"}
    if last is not None and outcomes == {FailureKind.POLICY}:
        return stopped(last[1], last[0], attempts)
    if last is not None and unfit and FailureKind.CALLER in outcomes and outcomes <= _REFUSALS:
        return stopped(last[1], last[0], attempts)
    return exhausted(tried, incapable=unfit and outcomes <= {FailureKind.CAPABILITY})


def exhausted(attempts: Sequence[AttemptSummary], *, incapable: bool = False) -> SegueError:
    """The error when every target has failed. `incapable`: none of them can take the request at all."""
    if incapable:
        reasons = "; ".join(dict.fromkeys(attempt.reason for attempt in attempts))
        return InvalidRequestError(f"no target of the chain can take this request: {reasons}", attempts=attempts)
    outcomes = {attempt.outcome for attempt in attempts if attempt.outcome not in ("skipped", "cancelled")}
    kind: type[LLMServiceUnavailableError] = LLMServiceUnavailableError
    if outcomes == {FailureKind.INVALID}:
        return kind("All LLM providers failed: no answer fits what was asked for", attempts=attempts)
    for causes, shared in _SHARED_CAUSE:
        if outcomes and outcomes <= causes:
            kind = shared
    return kind(attempts=attempts, retry_after=soonest(attempts))


def late(deadline: float, attempts: Sequence[AttemptSummary]) -> DeadlineExceededError:
    message = f"All LLM providers failed: no answer within the deadline of {deadline:g} s"
    return DeadlineExceededError(message, attempts=attempts, retry_after=soonest(attempts))


def interrupted(reason: str, delivered: str, attempts: Sequence[AttemptSummary]) -> StreamInterruptedError:
    message = f"the answer broke off after {len(delivered)} characters and could not be continued: {reason}"
    return StreamInterruptedError(message, delivered=delivered, attempts=attempts, retry_after=soonest(attempts))


def soonest(attempts: Iterable[AttemptSummary]) -> float | None:
    """The least number of seconds after which one of the targets may answer again."""
    waits = [attempt.recovers_in for attempt in attempts if attempt.recovers_in is not None]
    return min(waits, default=None)
