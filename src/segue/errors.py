"""Every error that Segue raises.

    SegueError
    ├── ConfigurationError            a setting is missing or wrong; says which, and what is allowed   (also ValueError)
    ├── InvalidRequestError           the request can't be served as it is; nothing was failed over    (also ValueError)
    │   └── ContentRefusedError       the provider declined the content
    └── LLMServiceUnavailableError    no target of the chain gave an answer; `.attempts` tells each one's reason
        ├── RateLimitError            … because every one of them was rate-limited or out of quota
        ├── AuthenticationError       … because every key was refused
        ├── APIConnectionError        … because none could be reached
        ├── DeadlineExceededError     … before the request's deadline                                  (also TimeoutError)
        └── StreamInterruptedError    part of the answer was shown, and it could be neither continued nor restarted

Lower layers' errors are mapped here at one seam, the engine, always with `from`. No message holds a secret.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class AttemptSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one attempt, fit to be shown to the caller.

    `outcome` is "ok", "cancelled", "skipped" or the failure's kind; `seconds` the time it took; `first_content` the time to its
    first content, if any came; `recovers_in` the seconds until the target may be tried again, if known; `attempt_id` names its record in
    the ledger.
    """

    target: str
    model: str
    outcome: str
    reason: str = ""
    status: int | None = None
    seconds: float = 0.0
    first_content: float | None = None
    recovers_in: float | None = None
    hedge: bool = False
    continuation: bool = False
    attempt_id: str = ""


class SegueError(Exception):
    """The root of everything Segue raises on purpose.

    `request_id` is the id of the request that failed, as the ledger, the logs and the gateway's answer have it; "" where none was begun.
    """

    request_id: str = ""


class ConfigurationError(SegueError, ValueError):
    """A setting is missing or wrong. The message names it, its problem and what is allowed."""


class InvalidRequestError(SegueError, ValueError):
    """The caller's request is at fault; another provider would refuse it too.

    `param` names the field at fault, where known; `status` is the HTTP status to answer with (4xx); `code` a machine-readable
    word; `target` the one that refused, if the request got that far; `retry_after` the seconds after which it may be asked again.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        status: int = 400,
        code: str | None = None,
        target: str | None = None,
        attempts: Sequence[AttemptSummary] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code
        self.target = target
        self.attempts = tuple(attempts)
        self.retry_after = retry_after


class ContentRefusedError(InvalidRequestError):
    """The provider declined the content of the request."""


class LLMServiceUnavailableError(SegueError):
    """No target of the chain gave an answer.

    `attempts` lists what was tried and why it failed; `retry_after` is the least number of seconds after which a target may
    answer again, or None if unknown. Retrying at once is useless, so `is_retryable` is False: outer layers must not multiply tries.
    """

    is_retryable = False

    def __init__(
        self,
        message: str = "All LLM providers failed",
        *,
        attempts: Sequence[AttemptSummary] = (),
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.attempts = tuple(attempts)
        self.retry_after = retry_after
        super().__init__(message)

    def __str__(self) -> str:
        lines = [self.message]
        for attempt in self.attempts:
            status = f" (HTTP {attempt.status})" if attempt.status else ""
            wait = f"; may recover in {attempt.recovers_in:.0f} s" if attempt.recovers_in else ""
            reason = f": {attempt.reason}" if attempt.reason else ""
            lines.append(f"  {attempt.target} [{attempt.model}]: {attempt.outcome}{status}{reason}{wait}")
        return "\n".join(lines)


class RateLimitError(LLMServiceUnavailableError):
    """Every target was rate-limited or out of quota."""


class AuthenticationError(LLMServiceUnavailableError):
    """Every key was refused."""


class APIConnectionError(LLMServiceUnavailableError):
    """No target could be reached."""


class DeadlineExceededError(LLMServiceUnavailableError, TimeoutError):
    """The request's deadline passed before any target answered."""


class StreamInterruptedError(LLMServiceUnavailableError):
    """Part of the answer was shown to the caller, then it broke off and could be neither continued nor restarted.

    `delivered` is the text that had been shown.
    """

    def __init__(
        self,
        message: str,
        *,
        delivered: str = "",
        attempts: Sequence[AttemptSummary] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, attempts=attempts, retry_after=retry_after)
        self.delivered = delivered
