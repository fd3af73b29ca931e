"""What a refused caller is told of trying again, in headers that the official SDKs obey. The same in all dialects."""

from __future__ import annotations

import math

from segue.errors import InvalidRequestError, LLMServiceUnavailableError, SegueError

LONGEST = 60.0
"""The longest `retry-after`, in seconds, that a caller is left to wait for. Anthropic's SDK sleeps as long as it is told, were it hours, and
others try again at once where they find it too long (`_calculate_retry_timeout`): beyond this they are told not to try again."""


def retry_headers(error: SegueError) -> dict[str, str]:
    """`retry-after` where it is known, in whole seconds; `x-should-retry: false` where every target failed, or the wait is long."""
    headers: dict[str, str] = {}
    if not isinstance(error, InvalidRequestError | LLMServiceUnavailableError):
        return headers
    wait = error.retry_after
    known = wait is not None and math.isfinite(wait)
    if isinstance(error, LLMServiceUnavailableError) or (wait is not None and wait > LONGEST):
        headers["x-should-retry"] = "false"
    if wait is not None and known:
        headers["retry-after"] = str(max(0, math.ceil(wait)))
    return headers
