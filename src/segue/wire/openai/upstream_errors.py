"""What an error of this dialect means; the same for HTTP errors, for errors inside a 200, and for odd finish reasons.

First the provider's code and type, money before rate; then the status; the message only where the status is not enough (400,
403, 404, 412, 422, 429, or none at all). OpenAI's codes are those of its error guide and its SDK in November 2026; beside them stand
the codes of other providers that use the dialect. A `CAPABILITY` failure has a `param` only where leaving that field
out would help.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segue.chat.failure import Failure, FailureKind, Scope
from segue.wire import delay, refusals
from segue.wire.openai.error_document import ErrorFields, find_error, plain_text, read_error
from segue.wire.openai.rate_limits import quota, retry_after

EFFORT_BESIDE_TOOLS = "tools.reasoning_effort"
"""The `param` of OpenAI's refusal of tools beside reasoning; the remedy is the effort `none`, not leaving it out."""

_K = FailureKind
_WORDS: dict[FailureKind, str] = {
    _K.MONEY: """
        insufficient_quota credit_balance_exhausted
        organization_usage_limit_exceeded usage_limit_exceeded billing_hard_limit_reached billing_not_active billing_error
        insufficient_balance insufficient_credits insufficient_credit payment_required exceeded_current_quota_error
        blocked_api_access arrearage""",
    _K.RATE: """
        rate_limit_exceeded slow_down rate_limit_error rate_limit_reached_error rate_limit rate_limited too_many_requests
        too_many_requests_error request_quota_exceeded token_quota_exceeded resource_exhausted flex_unavailable
        capacity_exceeded service_tier_capacity_exceeded""",
    _K.OVERLOAD: """
        server_error server_is_overloaded server_overloaded overloaded_error overloaded provider_overloaded
        engine_overloaded_error service_unavailable service_unavailable_error unavailable internal_error
        internal_server_error internalservererror internal api_error timeout request_timeout deadline_exceeded bad_gateway
        connection_failed""",
    _K.AUTH: """
        invalid_api_key api_key_invalid incorrect_api_key_error invalid_authentication_error authentication_error
        unauthenticated unauthorized invalid_organization mismatched_organization mismatched_project ip_not_authorized
        account_deactivated organization_restricted unsupported_country_region_territory permission_denied permissiondenied
        permission_error permission_denied_error failed_precondition""",
    _K.MODEL_GONE: """
        model_not_found model_not_available model_decommissioned model_deprecated invalid_model unknown_model
        deploymentnotfound not_found_error not_found resource_not_found resource_not_found_error""",
    _K.CAPABILITY: """
        context_length_exceeded max_tokens_exceeded token_limit_exceeded request_too_large string_above_max_length
        array_above_max_length unsupported_parameter unsupported_value unknown_parameter extra_forbidden
        operationnotsupported model_not_supported invalid_function_parameters unsupported_image_media_type image_too_large
        image_file_too_large image_too_small""",
    _K.POLICY: """
        content_filter content_policy_violation content_policy responsibleaipolicyviolation image_content_policy_violation
        invalid_prompt cyber_policy cyber_policy_violation bio_policy misalignment_policy_violation moderation_blocked
        safety_violation safety_check_failed data_inspection_failed""",
    _K.BROKEN: "tool_use_failed json_validate_failed",
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words.split()}

_STATUS = {
    401: _K.AUTH,
    402: _K.MONEY,
    404: _K.MODEL_GONE,
    408: _K.OVERLOAD,
    409: _K.OVERLOAD,
    413: _K.CAPABILITY,
    424: _K.OVERLOAD,
    498: _K.RATE,
}
_AMBIGUOUS: dict[int | None, FailureKind] = {
    400: _K.CALLER,
    403: _K.AUTH,
    404: _K.MODEL_GONE,
    412: _K.CALLER,
    422: _K.CALLER,
    429: _K.RATE,
    None: _K.OVERLOAD,
}
"""Statuses whose meaning the message may decide, and what they mean if it does not."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_WAITS = frozenset({_K.RATE, _K.MONEY, _K.OVERLOAD})
"""The kinds that pass with time."""

_LIMIT_ZERO = _any(r"\blimit: 0(?![.\d])")
"""Google's message for a free tier that does not include the model at all."""
_PREFILL = _any(
    r"\bprefill", r"assistant with prefix", r"must end with a user message", r"last message must .{0,20}user"
)
_TOO_LARGE = _any(r"^request too large")
_REFUSED_FIELD = _any(
    r"unsupported (parameter|value)",
    r"unrecognized request argument",
    r"unknown (parameter|name|field)",
    r"extra inputs are not permitted",
    r"['\"`][\w.]+['\"`]? (is|are) (not supported|unsupported)",
    r"property ['\"`][\w.]+['\"`] is unsupported",
)
_MESSAGES: tuple[tuple[re.Pattern[str], FailureKind], ...] = (
    (
        _any(
            r"billing (account|details|limit|page|settings)|plans? (&|and) billing",
            r"insufficient (account )?(balance|credit|quota|fund)",
            r"(credit|account) balance",
            r"exceeded your current quota",
            r"spend(ing)? limit",
            r"out of credits|no credits",
            r"\bpurchase (more )?credits|top up",
        ),
        _K.MONEY,
    ),
    (
        _any(
            r"(incorrect|invalid|expired|missing|no) api[ -_]?key", r"api[ -_]?key .{0,20}(not valid|invalid|expired)"
        ),
        _K.AUTH,
    ),
    (_any(r"(country|region|location).{0,30}not supported"), _K.AUTH),
    (
        _any(
            r"content (management|filtering|usage) polic",
            r"content filter",
            r"usage polic",
            r"moderation",
            r"flagged",
            r"considered high risk",
            r"safety (system|check|polic)",
            r"guardrail",
        ),
        _K.POLICY,
    ),
    (
        _any(
            r"context (length|window|size)",
            r"(prompt|input|message)s? .{0,30}too (long|large)|too many tokens",
            r"(exceed\w{0,3}|maximum).{0,40}(token|context)",
            r"reduce the length",
            r"invalid schema for|invalid json schema|schema .{0,40}not supported",
            r"no endpoints found that support",
            r"(does not|doesn't|do not) (support|accept)|(is|are) not supported|unsupported|not (yet )?implemented",
            r"roles? must alternate|unexpected role",
        ),
        _K.CAPABILITY,
    ),
    (
        _any(
            r"model.{0,80}(does not exist|not found|not exist|decommissioned|deprecated|no longer|not available)",
            r"(unknown|invalid) model|not a valid model|access to (the )?model|supported (api )?model names",
        ),
        _K.MODEL_GONE,
    ),
    (_any(r"rate.?limit|too many requests"), _K.RATE),
)
_SERVER_TROUBLE = _any(r"overloaded|timed? ?out|internal (server )?error|unavailable|at capacity")

_NAME = re.compile(r"(['\"`])[\w.:/\[\]-]+\1")
_QUOTED = re.compile(r"['\"`]([A-Za-z_][\w.]*)['\"`]|argument supplied: ([A-Za-z_][\w.]*)")
_STRUCTURAL = frozenset({"model", "messages", "tools", "stream"})
_FIELD = re.compile(
    r"\b(tool_choice|response[_ ]format|reasoning_?effort|stream_options|parallel_tool_calls|max_completion_tokens|max_tokens"
    r"|temperature|top_?p|top_?k|seed|(?:presence|frequency)_?penalty|logit_?bias)\b",
    re.IGNORECASE,
)
_REFUSAL = _any(
    r"\b(unsupported|unavailable|incompatible|invalid tool_choice type)\b",
    r"\b(not|n't) (yet )?(be )?(support|allow|permit|accept)",
    r"must be '?json_schema",
)
"""How a message that contains one of these fields refuses the field."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OUR_NAMES = {"reasoning_effort": "effort", "response_format": "output"}

_SECRET = re.compile(
    r"\b(?:sk|gsk|xai|pplx|csk|nvapi)[-_][\w*.-]{6,}|\bAIza[\w-]{10,}|(?<=Bearer )\S+|(?<=key provided: )\S+"
)
_MOST_TEXT = 400


def of_http(status: int, headers: Mapping[str, str], body: bytes, wall: float) -> Failure:
    """What an answer other than 2xx means. `headers` have lower-case names; `wall` is epoch seconds."""
    error = read_error(body) or ErrorFields(message=plain_text(body))
    return _failure(error._replace(status=status), headers, wall, body)


def of_bytes(data: bytes) -> Failure | None:
    """The error in a JSON document with a 2xx status, if there is one."""
    error = read_error(data)
    return _failure(error, {}, 0.0) if error else None


def of_document(document: Any) -> Failure:
    """What a parsed error document means."""
    return _failure(find_error(document) or ErrorFields(), {}, 0.0)


def of_text(data: bytes) -> Failure:
    """What an error event means whose data is not JSON."""
    return _failure(ErrorFields(message=plain_text(data)), {}, 0.0)


def broken(message: str) -> Failure:
    """The failure for an answer without content."""
    return Failure(kind=_K.BROKEN, message=_tidy(message))


def _failure(error: ErrorFields, headers: Mapping[str, str], wall: float, body: bytes = b"") -> Failure:
    prefill = error.status in (400, 422, None) and bool(_PREFILL.search(error.message))
    kind = _K.CAPABILITY if prefill else _kind(error, body)
    not_for_free = kind is _K.MONEY and bool(_LIMIT_ZERO.search(error.message))
    code = error.code or error.type
    return Failure(
        kind=kind,
        message=_tidy(error.message) or _nameless(error),
        status=error.status,
        code=code[:80] or None,
        retry_after=retry_after(error, headers, wall, rate=kind is _K.RATE) if kind in _WAITS else None,
        param=_param(error, kind),
        should_retry=delay.should_retry(headers),
        scope=Scope.CREDENTIAL if kind in (_K.MONEY, _K.AUTH) and not not_for_free else Scope.MODEL,
        quota=quota(error) if kind is _K.RATE else None,
        prefill_rejected=prefill,
    )


def _kind(error: ErrorFields, body: bytes) -> FailureKind:
    status, message = error.status, error.message
    words = [_kind_of_code(word.lower()) for word in (error.code, error.type)]
    if status == 402 or _K.MONEY in words:
        return _K.MONEY
    if status in (429, None) and _LIMIT_ZERO.search(message):
        return _K.MONEY
    kind = next((kind for kind in words if kind), None)
    if shared := refusals.meaning(status, message, error.code, error.type, known=kind, body=body):
        return shared
    if kind in (_K.RATE, None) and (status == 413 or _TOO_LARGE.search(message)):
        # A minute's allowance that is smaller than this request: waiting does not help.
        return _K.CAPABILITY
    if kind:
        return kind
    if status not in _AMBIGUOUS:
        return _by_status(status or 0)
    if status is None and error.type == "invalid_request_error":
        return _by_message(message) or _K.CALLER
    if status is None and _SERVER_TROUBLE.search(message):
        return _K.OVERLOAD
    found = _by_message(message)
    if status == 404 and found is not _K.CAPABILITY:
        found = None
    if status == 429 and found not in (_K.MONEY, _K.RATE):
        found = _K.OVERLOAD if "overloaded" in message.lower() else None
    return found or _AMBIGUOUS[status]


def _kind_of_code(word: str) -> FailureKind | None:
    return _K.MONEY if word.endswith("_spend_limit_exceeded") else _KINDS.get(word)


def _by_status(status: int) -> FailureKind:
    return _STATUS.get(status, _K.OVERLOAD if status >= 500 or status < 300 else _K.CALLER)


def _by_message(message: str) -> FailureKind | None:
    if _refuses_field(message):
        return _K.CAPABILITY
    # A tool that the caller named "get_billing" is not about money.
    unnamed = _NAME.sub("", message)
    return next((kind for pattern, kind in _MESSAGES if pattern.search(unnamed)), None)


def _param(error: ErrorFields, kind: FailureKind) -> str | None:
    if kind is _K.CAPABILITY:
        if refusals.is_for_lack(error.message):
            return refusals.LACKS
        if error.param == "reasoning_effort" and error.message.startswith("Function tools with"):
            return EFFORT_BESIDE_TOOLS
        if not (_refuses_field(error.message) or error.code.startswith(("unsupported_", "unknown_", "extra_"))):
            return None
        return _curable(error.param or _named(error.message))
    return error.param[:120] or None


def _refuses_field(message: str) -> bool:
    return bool(_REFUSED_FIELD.search(message) or (_FIELD.search(message) and _REFUSAL.search(message)))


def _named(message: str) -> str:
    """The field that a refusal names; a known field before any other word in quotes."""
    if found := _FIELD.search(message):
        return found[1]
    quoted = _QUOTED.search(message)
    return (quoted[1] or quoted[2]) if quoted else ""


def _curable(name: str) -> str | None:
    """The field by our name, if a request can go without it; the whole field where a part of it was refused."""
    if name.endswith(".strict"):
        return "strict"
    field = _CAMEL.sub("_", re.split(r"[.\[]", name)[0]).lower().replace(" ", "_")
    return _OUR_NAMES.get(field, field)[:120] if field and field not in _STRUCTURAL else None


def _nameless(error: ErrorFields) -> str:
    return error.code or error.type or (f"HTTP {error.status}" if error.status else "an error without a message")


def _tidy(text: str) -> str:
    """One short line without keys."""
    line = " ".join(_SECRET.sub("[key]", text[: 4 * _MOST_TEXT]).split())
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]}…"
