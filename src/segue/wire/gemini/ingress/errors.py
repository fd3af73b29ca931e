"""Segue's errors in Google's shape: `{"error": {code, message, status, details}}`."""

from __future__ import annotations

import msgspec

from segue.errors import InvalidRequestError, SegueError
from segue.wire.gemini.ingress.fields import Json
from segue.wire.retrying import error_headers

_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_JSON = {"content-type": "application/json; charset=UTF-8"}


def error(error: SegueError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. A caller's mistake keeps its status; all else is a 500."""
    status = error.status if isinstance(error, InvalidRequestError) else 500
    headers = _JSON | error_headers(error)
    details = _bad_request(error) if isinstance(error, InvalidRequestError) else []
    if (wait := headers.get("retry-after")) is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"})
    if error.request_id:
        details.append({"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": error.request_id})
    document: Json = {"code": status, "message": str(error), "status": _status(status)}
    if details:
        document["details"] = details
    return status, headers, msgspec.json.encode({"error": document})


def _status(status: int) -> str:
    return _STATUSES.get(status) or ("INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def _bad_request(error: InvalidRequestError) -> list[Json]:
    details: list[Json] = []
    if error.param:
        violation = {"field": error.param, "description": error.message}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    if error.code:
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code, "domain": "segue"})
    return details
