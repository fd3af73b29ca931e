"""The headers of a refusal that the official SDKs obey: whether to try again, and when. The same in all dialects."""

from __future__ import annotations

import math

from segue.errors import InvalidRequestError, LLMServiceUnavailableError, SegueError

LONGEST = 60.0
"""The longest `retry-after`, in seconds, that a caller should wait for. Anthropic's SDK sleeps for any length, even hours, and others
try again immediately if it is too long for them (`_calculate_retry_timeout`): beyond this `x-should-retry` is false."""


def error_headers(error: SegueError) -> dict[str, str]:
    """The request's id; `retry-after` where it is known, in whole seconds; `x-should-retry` where it is known. It is false

    if targets were asked without success, if the wait is long or unknown, and if a setting or the gateway
    itself is at fault. It is true if none was asked because
    all are cooling down and the first recovers soon: the status 500 of the original guide does not show that.
    """
    headers = {"x-request-id": error.request_id, "request-id": error.request_id} if error.request_id else {}
    if not isinstance(error, InvalidRequestError | LLMServiceUnavailableError):
        return headers | {"x-should-retry": "false"}
    wait = error.retry_after
    known = wait is not None and math.isfinite(wait)
    if isinstance(error, LLMServiceUnavailableError):
        asked = any(attempt.outcome != "skipped" for attempt in error.attempts)
        soon = wait is not None and wait <= LONGEST
        headers["x-should-retry"] = "true" if soon and error.attempts and not asked else "false"
    elif wait is not None and wait > LONGEST:
        headers["x-should-retry"] = "false"
    if wait is not None and known:
        headers["retry-after"] = str(max(0, math.ceil(wait)))
    return headers
