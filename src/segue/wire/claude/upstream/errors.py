"""Classifies the errors of the Anthropic API. All knowledge of them, and nothing else, is here.

An error is judged by its `error.details.error_code`, then by its `error.type`, then by its HTTP status. Only where those are ambiguous
(400, 403, 429) does the message decide, and there money comes before rate: an empty account is reported as a 400 or as a 429.
Messages were taken from the API's documentation and from reports in public issue trackers, July to November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final

import msgspec

from segue.chat.failure import Failure, FailureKind, Scope
from segue.wire.codec import BETAS
from segue.wire.delay import retry_after, should_retry, until
from segue.wire.refusals import LACKS, MONEY_CODES, is_for_lack, meaning

_K = FailureKind

RATE_WAIT: Final = 5.0
"""Seconds to wait after a rate limit that names no time."""


class ErrorBody(msgspec.Struct):
    """The `error` object: of an HTTP error, of an `error` event, of a document with status 200."""

    type: str | None = None
    message: str | None = None
    details: Any = None
    code: Any = None
    """The HTTP status, where a gateway sends the error of another dialect inside a 200."""


class _ErrorDocument(msgspec.Struct):
    error: ErrorBody | None = None
    message: str | None = None


_BY_CODE: Final = {
    "enforced_spend_limit_reached": _K.MONEY,
    "contract_spend_limit_reached": _K.MONEY,
    "linked_organization_spend_limit_reached": _K.MONEY,
    "linked_organization_billing_unavailable": _K.MONEY,
    "user_profile_billing_not_authorized": _K.MONEY,
    "user_profile_not_billable": _K.MONEY,
    "ramp_limit_exceeded": _K.RATE,
    "organization_on_hold": _K.AUTH,
    "claude_code_key_creator_not_member": _K.AUTH,
    "sandbox_egress_restricted": _K.AUTH,
    "cmek_key_disabled": _K.AUTH,
    "cmek_key_network_blocked": _K.AUTH,
    "cmek_key_unreachable": _K.OVERLOAD,
    "cmek_context_unavailable": _K.OVERLOAD,
    "compaction_unavailable": _K.OVERLOAD,
    "request_body_too_large_after_decoding": _K.CAPABILITY,
    "image_dimensions_too_large": _K.CAPABILITY,
    "available_tools_limit_exceeded": _K.CAPABILITY,
    "organization_not_enrolled_in_beta": _K.CAPABILITY,
    "file_expired": _K.CALLER,
    "thread_not_found": _K.CALLER,
}

_BY_TYPE: Final = {
    "authentication_error": _K.AUTH,
    "permission_error": _K.AUTH,
    "billing_error": _K.MONEY,
    "rate_limit_error": _K.RATE,
    "overloaded_error": _K.OVERLOAD,
    "api_error": _K.OVERLOAD,
    "timeout_error": _K.OVERLOAD,
    "conflict_error": _K.OVERLOAD,
    "not_found_error": _K.MODEL_GONE,
    "request_too_large": _K.CAPABILITY,
    "invalid_request_error": _K.CALLER,
}

_BY_STATUS: Final = {
    401: _K.AUTH,
    402: _K.MONEY,
    403: _K.AUTH,
    404: _K.MODEL_GONE,
    408: _K.OVERLOAD,
    409: _K.OVERLOAD,
    413: _K.CAPABILITY,
    429: _K.RATE,
}

_MONEY: Final = re.compile(
    r"credit balance|usage limits?\b.{0,40}(?:access|reached)|reached your specified .{0,20}usage limits"
    r"|spend(?:ing)? limit|billing|purchase credits",
    re.I | re.S,
)
_BETAS: Final = re.compile(r"unexpected value\(s\) (.{1,2000}?) for the .?anthropic-beta", re.I)
_REFUSED: Final = re.compile(r"content filter|usage polic|blocked by .{0,30}polic", re.I)
_PREFILL: Final = re.compile(
    r"prefill|must end with a user (?:message|turn)|final assistant content cannot end with", re.I
)
_THOUGHTS: Final = re.compile(
    r"`?signature`? in `?(?:redacted_)?thinking`? block|`?(?:redacted_)?thinking`? blocks?\b.{0,60}(?:cannot be modified|must remain|bound)"
    r"|expected `?thinking`? or `?redacted_thinking",
    re.I | re.S,
)
_REGION: Final = re.compile(r"\b(?:country|region|territory)\b|data retention", re.I)
_UNABLE: Final = re.compile(
    r"not support|unsupported|deprecated|no longer|extra inputs are not permitted|not (?:available|permitted|allowed|compatible|enabled)"
    r"|may not be enabled|cannot both|can't both|maximum allowed number|exceeds? the maximum|does not (?:allow|accept)|too complex"
    r"|incompatible",
    re.I,
)

_FIELDS: Final = (
    (re.compile(r"\b(temperature|top_p|top_k)\b.{0,30}cannot both|cannot both", re.I), "top_p"),
    (re.compile(r"\btemperature\b"), "temperature"),
    (re.compile(r"\btop_p\b"), "top_p"),
    (re.compile(r"\btop_k\b"), "top_k"),
    (re.compile(r"budget_tokens|thinking[._ ]type|thinking may not|thinking is not|`?thinking`?:|\bthinking\b.{0,40}support", re.I), "thinking_budget"),
    (re.compile(r"\beffort\b", re.I), "effort"),
    (re.compile(r"disable_parallel_tool_use|parallel tool", re.I), "parallel_tool_calls"),
    (re.compile(r"tool_choice|forced tool", re.I), "tool_choice"),
    (re.compile(r"\bstrict\b"), "strict"),
    (re.compile(r"output_config|output_format|json_schema|structured output", re.I), "output"),
    (re.compile(r"stop_sequences"), "stop"),
    (re.compile(r"metadata"), "user"),
    (re.compile(r"max_tokens"), "max_tokens"),
    (re.compile(r"\bimages?\b", re.I), "messages"),
    (re.compile(r"\btools?\b", re.I), "tools"),
)  # fmt: skip
"""The request's field that a message is about: the first that matches."""

_PATH: Final = re.compile(r"^([a-z_]+(?:\.[a-z0-9_]+)*): ")
_REGAIN: Final = re.compile(r"regain access on (\d{4}-\d{2}-\d{2})(?: at (\d{2}:\d{2}))?(?: UTC)?")
_SECRET: Final = re.compile(r"sk-ant-[\w-]+")


def failure_of(status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
    """What an answer other than 2xx means."""
    error = _error_in(body)
    failure = _judge(status, error, body)
    return msgspec.structs.replace(
        failure, retry_after=_delay(failure, headers, error, wall), should_retry=should_retry(headers)
    )


def failure_in_stream(error: ErrorBody) -> Failure:
    """What an error inside an answer with status 200 means."""
    code = str(error.code)
    failure = _judge(int(code) if re.fullmatch(r"[45]\d\d", code, re.ASCII) else None, error)
    return msgspec.structs.replace(failure, retry_after=RATE_WAIT) if failure.kind is _K.RATE else failure


def _judge(status: int | None, error: ErrorBody, body: bytes = b"") -> Failure:
    code = error.details.get("error_code") if isinstance(error.details, dict) else None
    code = code if isinstance(code, str) else None
    message = _SECRET.sub("sk-ant-…", error.message or "").strip()[:500]
    kind = _kind(status, error.type, code, message)
    param, prefill = None, False
    shared = meaning(status, message, code, error.type, known=_BY_TYPE.get(error.type or ""), body=body)
    if shared is not None and code not in _BY_CODE:
        kind, param = shared, LACKS if is_for_lack(message) else None
    elif code not in _BY_CODE and kind in (_K.CALLER, _K.RATE, _K.AUTH):
        kind, param, prefill = _read(kind, message)
    elif kind is _K.CAPABILITY:
        param = "messages"
    return Failure(
        kind=kind,
        message=message or (f"HTTP {status}" if status is not None else error.type or "an error without a message"),
        status=status,
        code=code or error.type,
        param=param,
        scope=_scope(kind, message),
        prefill_rejected=prefill,
    )


def _kind(status: int | None, type: str | None, code: str | None, message: str) -> FailureKind:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if type in MONEY_CODES:
        return _K.MONEY
    if type in _BY_TYPE:
        # The API gives a file that is gone, or a wrong path, the type of a model that is gone.
        if type == "not_found_error" and status not in (None, 404):
            return _K.CALLER
        # A gateway's code for a bad request of any status.
        if type == "invalid_request_error" and status in _BY_STATUS:
            return _BY_STATUS[status]
        return _BY_TYPE[type]
    if status is None:
        return _K.OVERLOAD
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return _K.CALLER
    return _K.OVERLOAD if status >= 500 else _K.BROKEN


def _read(kind: FailureKind, message: str) -> tuple[FailureKind, str | None, bool]:
    """An ambiguous error's kind by its message, the request's field at fault, and whether it is the prefill."""
    if _MONEY.search(message):
        return _K.MONEY, None, False
    if kind is not _K.CALLER:
        return kind, None, False
    if (unknown := _BETAS.search(message)) is not None:
        return _K.CAPABILITY, BETAS + ",".join(re.findall(r"[\w.-]{1,100}", unknown[1])[:20]), False
    if _REFUSED.search(message):
        return _K.POLICY, None, False
    if _PREFILL.search(message):
        return _K.CAPABILITY, "messages", True
    if _THOUGHTS.search(message):
        return _K.CAPABILITY, "thinking", False
    if _REGION.search(message):
        return _K.AUTH, None, False
    path = _PATH.match(message)
    if path is not None and path[1] == "model":
        return _K.MODEL_GONE, "model", False
    if _UNABLE.search(message):
        return _K.CAPABILITY, _field(message) or (path[1] if path else "request"), False
    return _K.CALLER, path[1] if path else None, False


def _field(message: str) -> str | None:
    return next((field for pattern, field in _FIELDS if pattern.search(message)), None)


def _scope(kind: FailureKind, message: str) -> Scope:
    if kind is _K.MONEY:
        return Scope.CREDENTIAL
    if kind is _K.AUTH:
        return Scope.MODEL if re.search(r"\bmodel\b|data retention", message, re.I) else Scope.CREDENTIAL
    return Scope.MODEL


def _delay(failure: Failure, headers: Mapping[str, str], error: ErrorBody, wall: float) -> float | None:
    if (stated := retry_after(headers, wall)) is not None:
        return stated
    if failure.kind is _K.MONEY:
        if (regain := _REGAIN.search(error.message or "")) is not None:
            return until(f"{regain[1]}T{regain[2] or '00:00'}:00Z", wall)
        return _next_month(wall) if failure.code == "enforced_spend_limit_reached" else None
    if failure.kind is _K.RATE:
        reset = _exhausted(headers, wall)
        return RATE_WAIT if reset is None else reset
    return None


def _exhausted(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds until the last of the exhausted limits is reset, from `anthropic-…-remaining` and `anthropic-…-reset`."""
    waits = []
    for name, value in headers.items():
        if name.startswith("anthropic-") and name.endswith("-remaining") and value.strip() == "0":
            reset = headers.get(name.removesuffix("-remaining") + "-reset")
            if reset is not None and (wait := until(reset, wall)) is not None:
                waits.append(wait)
    return max(waits, default=None)


def _next_month(wall: float) -> float:
    """Seconds to the first of the next month, UTC, when the tier's monthly limit is lifted."""
    now = datetime.fromtimestamp(wall, timezone.utc)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=timezone.utc).timestamp() - wall


def _error_in(body: bytes) -> ErrorBody:
    """The error object of a body; if the body is not one, its text where that is readable."""
    try:
        document = msgspec.json.decode(body, type=_ErrorDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[:300].decode("utf-8", "replace").strip()
        return ErrorBody(message="" if text.startswith(("<", "{", "[")) else text)
    return document.error or ErrorBody(message=document.message)
