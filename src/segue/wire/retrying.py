"""What a refused caller is told in headers, which the official SDKs obey: whether to try again, and when. The same in all dialects."""

from __future__ import annotations

import math

from segue.errors import InvalidRequestError, LLMServiceUnavailableError, SegueError

LONGEST = 60.0
"""The longest `retry-after`, in seconds, that a caller is left to wait for. Anthropic's SDK sleeps as long as it is told, were it hours, and
others try again at once where they find it too long (`_calculate_retry_timeout`): beyond this they are told not to try again."""


def error_headers(error: SegueError) -> dict[str, str]:
    """The request's id; `retry-after` where it is known, in whole seconds; `x-should-retry` where something is to be said of it.

    It is false where targets were asked in vain, where the wait is long or unknown, and where a setting or the
    gateway itself is at fault. It is true where none was asked,
    because all rest, and the first recovers soon: what the original guide's status 500 does not tell.
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
