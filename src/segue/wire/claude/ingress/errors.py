"""Our errors in the dialect's shape."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from segue.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    RateLimitError,
    SegueError,
)
from segue.wire.retrying import error_headers

_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
}

ALL_FAILED: Final = 500
"""The status where no target answered; the original guide's."""


def error_body(error: SegueError) -> bytes:
    document: dict[str, Any] = {"type": _type(error), "message": str(error)}
    if isinstance(error, InvalidRequestError) and error.code is not None:
        document["details"] = {"error_code": error.code}
    return msgspec.json.encode({"type": "error", "error": document, "request_id": error.request_id or None})


def error_answer(error: SegueError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. `x-should-retry` keeps the SDKs, which try again after a 5xx, from multiplying our own tries."""
    headers = {"content-type": "application/json", **error_headers(error)}
    if isinstance(error, InvalidRequestError):
        return error.status, headers, error_body(error)
    return ALL_FAILED, headers, error_body(error)


def _type(error: SegueError) -> str:
    match error:
        case InvalidRequestError():
            return _TYPES.get(error.status, "invalid_request_error")
        case RateLimitError():
            return "rate_limit_error"
        case DeadlineExceededError():
            return "timeout_error"
    return "api_error"
