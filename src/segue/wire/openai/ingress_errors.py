"""Our errors in this dialect's shape."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    SegueError,
    StreamInterruptedError,
)
from segue.wire.retrying import error_headers

# The most special class first.
_CODES: tuple[tuple[type[SegueError], str], ...] = (
    (ContentRefusedError, "content_filter"),
    (InvalidRequestError, "invalid_request"),
    (RateLimitError, "rate_limit_exceeded"),
    (AuthenticationError, "upstream_authentication_failed"),
    (APIConnectionError, "upstream_unreachable"),
    (DeadlineExceededError, "deadline_exceeded"),
    (StreamInterruptedError, "stream_interrupted"),
    (LLMServiceUnavailableError, "all_targets_failed"),
    (ConfigurationError, "configuration_error"),
    (SegueError, "server_error"),
)


def error_answer(error: SegueError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    headers = {"content-type": "application/json", **error_headers(error)}
    status = error.status if isinstance(error, InvalidRequestError) else 500
    return status, headers, error_body(error)


def error_body(error: SegueError) -> bytes:
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    shown: dict[str, Any] = {"message": str(error), "type": "server_error", "param": None, "code": code}
    if isinstance(error, InvalidRequestError):
        shown["type"] = "rate_limit_error" if error.status == 429 else "invalid_request_error"
        shown["param"] = error.param
        shown["code"] = error.code or code
    elif isinstance(error, LLMServiceUnavailableError):
        shown["attempts"] = error.attempts
    if error.request_id:
        shown["request_id"] = error.request_id
    return msgspec.json.encode({"error": shown})
