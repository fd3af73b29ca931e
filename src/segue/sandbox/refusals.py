"""How each provider refuses a request: status, headers and body, in the shapes and words that each of them uses.

Taken from the providers' error guides and from reports in public issue trackers, July to November 2026.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Refusal(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


_JSON = {"content-type": "application/json"}
_GOOGLE = "type.googleapis.com/google.rpc."

# (status, type, code, param, message)
_OPENAI: dict[str, tuple[int, str, str | None, str | None, str]] = {
    "rate": (429, "requests", "rate_limit_exceeded", None, "Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 7s."),
    "quota": (429, "insufficient_quota", "insufficient_quota", None, "You exceeded your current quota, please check your plan and billing details."),
    "error": (500, "server_error", None, None, "The server had an error while processing your request. Sorry about that!"),
    "bad_gateway": (502, "server_error", None, None, "Bad gateway."),
    "unavailable": (503, "service_unavailable_error", None, None, "The service is temporarily unavailable. Please try again later."),
    "overloaded": (503, "server_error", "server_is_overloaded", None, "Our servers are currently overloaded. Please try again later."),
    "auth": (401, "invalid_request_error", "invalid_api_key", None, "Incorrect API key provided."),
    "model_gone": (404, "invalid_request_error", "model_not_found", None, "The model `{model}` does not exist or you do not have access to it."),
    "context_length": (400, "invalid_request_error", "context_length_exceeded", "messages", "This model's maximum context length is 8192 tokens. However, your messages resulted in more tokens than that. Please reduce the length of the messages."),
}  # fmt: skip

# (status, type, message)
_CLAUDE: dict[str, tuple[int, str, str]] = {
    "rate": (429, "rate_limit_error", "This request would exceed your organization's rate limit of 5 requests per minute."),
    "quota": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."),
    "error": (500, "api_error", "Internal server error"),
    "bad_gateway": (502, "api_error", "Bad gateway"),
    "unavailable": (503, "api_error", "Service unavailable"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "auth": (401, "authentication_error", "invalid x-api-key"),
    "model_gone": (404, "not_found_error", "model: {model}"),
    "context_length": (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
    "prefill": (400, "invalid_request_error", "This model does not support assistant message prefill. The conversation must end with a user message."),
}  # fmt: skip

# (status, Google's status, message, reason)
_GEMINI: dict[str, tuple[int, str, str, str | None]] = {
    "rate": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details. Please retry in 7s.", None),
    "quota": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: {model}", None),
    "error": (500, "INTERNAL", "An internal error has occurred. Please retry.", None),
    "bad_gateway": (502, "UNAVAILABLE", "Bad gateway.", None),
    "unavailable": (503, "UNAVAILABLE", "The service is currently unavailable.", None),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", None),
    "auth": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"),
    "model_gone": (404, "NOT_FOUND", "models/{model} is not found for API version v1beta, or is not supported for generateContent.", None),
    "context_length": (400, "INVALID_ARGUMENT", "The input token count (1250000) exceeds the maximum number of tokens allowed (1048576).", None),
    "prefill": (400, "INVALID_ARGUMENT", "Requests ending with a model turn are not supported.", None),
}  # fmt: skip

REASONS = tuple(_OPENAI)
"""What every provider can refuse a request for."""


def refusal(reason: str, dialect: str, model: str) -> Refusal:
    """The answer of a provider that refuses a request for this reason; of a dialect without its own text, OpenAI's."""
    if dialect == "claude":
        return _claude(reason, model)
    if dialect == "gemini":
        return _gemini(reason, model)
    return _openai(reason, model)


def error_event(dialect: str) -> bytes:
    """The error that a provider says in the middle of a stream."""
    _, _, body = refusal("overloaded", dialect, "")
    return b"event: error\ndata: " + body + b"\n\n" if dialect == "claude" else b"data: " + body + b"\n\n"


def _openai(reason: str, model: str) -> Refusal:
    status, kind, code, param, message = _OPENAI[reason]
    headers = {**_JSON, "x-request-id": "req_sandbox"}
    if reason == "rate":
        headers |= {"retry-after": "7", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7s"}
    error = {"message": message.format(model=model), "type": kind, "param": param, "code": code}
    return Refusal(status, headers, msgspec.json.encode({"error": error}))


def _claude(reason: str, model: str) -> Refusal:
    status, kind, message = _CLAUDE[reason]
    headers = {**_JSON, "request-id": "req_sandbox"}
    if reason == "rate":
        headers |= {"retry-after": "7"}
    error = {"type": kind, "message": message.format(model=model)}
    body = {"type": "error", "error": error, "request_id": "req_sandbox"}
    return Refusal(status, headers, msgspec.json.encode(body))


def _gemini(reason: str, model: str) -> Refusal:
    status, word, message, value = _GEMINI[reason]
    details: list[dict[str, Any]] = []
    if reason in ("rate", "quota"):
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": model},
        }
        if reason == "rate":
            violation["quotaValue"] = "15"
            details.append({"@type": f"{_GOOGLE}RetryInfo", "retryDelay": "7s"})
        details.append({"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation]})
    if value:
        details.append({"@type": f"{_GOOGLE}ErrorInfo", "reason": value, "domain": "googleapis.com"})
    error: dict[str, Any] = {"code": status, "message": message.format(model=model), "status": word}
    if details:
        error["details"] = details
    return Refusal(status, {"content-type": "application/json; charset=UTF-8"}, msgspec.json.encode({"error": error}))
