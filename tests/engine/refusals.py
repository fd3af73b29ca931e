"""How each dialect says no: an HTTP status with headers and a body, for each row of the table of failures."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

RETRY_AFTER = 7.0
"""Seconds that a rate-limited provider asks for."""


class Refusal(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class _Row(NamedTuple):
    """A row's words: (status, type or status word, message) for each maker, whose dialects share them."""

    openai: tuple[int, str, str]
    claude: tuple[int, str, str]
    gemini: tuple[int, str, str]


_ROWS: dict[str, _Row] = {
    "rate": _Row(
        (429, "rate_limit_exceeded", "Rate limit reached."),
        (429, "rate_limit_error", "This request would exceed your rate limit."),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."),
    ),
    "rate of two seconds": _Row(
        (429, "rate_limit_exceeded", "Rate limit reached."),
        (429, "rate_limit_error", "This request would exceed your rate limit."),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."),
    ),
    "day spent": _Row(
        (429, "rate_limit_exceeded", "Rate limit reached."),
        (429, "rate_limit_error", "This request would exceed your rate limit."),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your quota for GenerateRequestsPerDay."),
    ),
    "money": _Row(
        (429, "insufficient_quota", "You exceeded your current quota, check your plan and billing details."),
        (402, "billing_error", "Your credit balance is too low."),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: requests, limit: 0, model: m"),
    ),
    "error 500": _Row(
        (500, "server_error", "The server had an error."),
        (500, "api_error", "Internal server error"),
        (500, "INTERNAL", "An internal error has occurred."),
    ),
    "bad gateway": _Row((502, "", ""), (502, "", ""), (502, "", "")),
    "unavailable": _Row(
        (503, "service_unavailable", "Unavailable."),
        (503, "api_error", "Unavailable."),
        (503, "UNAVAILABLE", "The service is unavailable."),
    ),
    "gateway timeout": _Row((504, "", ""), (504, "", ""), (504, "DEADLINE_EXCEEDED", "Deadline expired.")),
    "overloaded": _Row(
        (503, "server_is_overloaded", "Overloaded."),
        (529, "overloaded_error", "Overloaded"),
        (503, "UNAVAILABLE", "The model is overloaded."),
    ),
    "auth": _Row(
        (401, "invalid_api_key", "Incorrect API key provided."),
        (401, "authentication_error", "invalid x-api-key"),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    ),
    "region": _Row(
        (403, "unsupported_country_region_territory", "Country not supported."),
        (403, "permission_error", "Your account may not use this."),
        (403, "PERMISSION_DENIED", "The caller does not have permission."),
    ),
    "model gone": _Row(
        (404, "model_not_found", "The model `m` does not exist."),
        (404, "not_found_error", "model: m"),
        (404, "NOT_FOUND", "models/m is not found."),
    ),
    "too long": _Row(
        (400, "context_length_exceeded", "This model's maximum context length is 10 tokens."),
        (400, "invalid_request_error", "prompt is too long: 20 tokens > 10 maximum"),
        (400, "INVALID_ARGUMENT", "The input token count (20) exceeds the maximum number of tokens allowed (10)."),
    ),
    "too large": _Row(
        (413, "request_too_large", "Request too large."),
        (413, "request_too_large", "Request exceeds the maximum allowed number of bytes."),
        (413, "", ""),
    ),
    "no pictures": _Row(
        (
            500,
            "server_error",
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        ),
        (
            500,
            "api_error",
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        ),
        (501, "UNIMPLEMENTED", "image input is not supported by this server"),
    ),
    "odd status": _Row(
        (405, "invalid_request_error", "Invalid value: 'x'."),
        (421, "invalid_request_error", "messages.0.content: Input should be a list"),
        (425, "INVALID_ARGUMENT", "Invalid value at 'contents[0]' (x)"),
    ),
    "temperature refused": _Row(
        (400, "unsupported_parameter", "Unsupported parameter: 'temperature' is not supported with this model."),
        (400, "invalid_request_error", "`temperature` is not supported by this model."),
        (400, "INVALID_ARGUMENT", "temperature is not supported by this model."),
    ),
    "prefill rejected": _Row(
        (400, "invalid_request_error", "This model does not support assistant message prefill."),
        (400, "invalid_request_error", "This model does not support assistant message prefill."),
        (400, "INVALID_ARGUMENT", "A request ending with a model turn is refused."),
    ),
    "policy": _Row(
        (400, "content_filter", "The content was filtered."),
        (400, "invalid_request_error", "Output blocked by content filtering policy"),
        (400, "INVALID_ARGUMENT", "The prompt was blocked for safety reasons."),
    ),
    "caller": _Row(
        (400, "invalid_request_error", "Invalid value: 'x'."),
        (400, "invalid_request_error", "max_tokens: Input should be a valid integer"),
        (400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.max_output_tokens' (x)"),
    ),
}
ROWS = tuple(_ROWS)


def refusal(row: str, dialect: str) -> Refusal:
    status, word, message = getattr(_ROWS[row], dialect.partition("_")[0])
    headers = {"content-type": "application/json"}
    if (wait := {"rate": RETRY_AFTER, "rate of two seconds": 2.0}.get(row)) is not None:
        headers["retry-after"] = f"{wait:g}"
    if not word:
        return Refusal(status, {"content-type": "text/html"}, b"<html><body>upstream trouble</body></html>")
    return Refusal(status, headers, msgspec.json.encode(_document(dialect, status, word, message)))


def error_document(dialect: str) -> bytes:
    """The error that a provider says in the middle of an answer."""
    return refusal("overloaded", dialect).body


def _document(dialect: str, status: int, word: str, message: str) -> dict[str, Any]:
    if dialect == "claude":
        return {"type": "error", "error": {"type": word, "message": message}}
    if dialect == "gemini":
        error: dict[str, Any] = {"code": status, "message": message, "status": word}
        if "PerDay" in message:
            violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
        return {"error": error}
    param = "temperature" if word == "unsupported_parameter" else None
    return {"error": {"message": message, "type": word, "code": word, "param": param}}
