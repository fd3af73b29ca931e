"""Classifies the errors of Gemini: HTTP errors, errors inside a 200, and finish reasons. All knowledge of them is here.

An error is judged by its machine-readable reason (`google.rpc.ErrorInfo`), then by its gRPC status or HTTP status; the message
is read only where those are ambiguous (400, 403, 429). Money is tested before rate: both come as `RESOURCE_EXHAUSTED`.

Sources, November 2026: ai.google.dev/gemini-api/docs/generate-content/api-errors, google.rpc.ErrorReason, bodies reported in public
issue trackers, and the enumerations of the official SDK (google-genai 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from segue.chat.events import FinishReason
from segue.chat.failure import Failure, FailureKind, QuotaHint, Scope
from segue.wire import delay, refusals

_DEFAULT_COOLING = 5.0
_LONGEST_MESSAGE = 600
_LONGEST_READ = 8000
_LONGEST_DELAY = 366 * 86_400.0

_REASONS: dict[str, tuple[FailureKind, Scope]] = {
    "BILLING_DISABLED": (FailureKind.MONEY, Scope.CREDENTIAL),
    "RATE_LIMIT_EXCEEDED": (FailureKind.RATE, Scope.MODEL),
    "RESOURCE_QUOTA_EXCEEDED": (FailureKind.RATE, Scope.MODEL),
    "QUOTA_EXHAUSTED": (FailureKind.RATE, Scope.MODEL),
    "MODEL_CAPACITY_EXHAUSTED": (FailureKind.OVERLOAD, Scope.MODEL),
    "SERVICE_DISABLED": (FailureKind.AUTH, Scope.CREDENTIAL),
    "SERVICE_NOT_VISIBLE": (FailureKind.AUTH, Scope.CREDENTIAL),
    "ACCOUNT_STATE_INVALID": (FailureKind.AUTH, Scope.CREDENTIAL),
    "LOCATION_POLICY_VIOLATED": (FailureKind.AUTH, Scope.CREDENTIAL),
    "LOCATION_TAX_POLICY_VIOLATED": (FailureKind.AUTH, Scope.CREDENTIAL),
}
_KEY_REASONS = ("API_KEY_", "ACCESS_TOKEN_", "CREDENTIALS_", "CONSUMER_", "USER_PROJECT_", "SECURITY_POLICY_")

_STATUSES: dict[str, FailureKind] = {
    "INVALID_ARGUMENT": FailureKind.CALLER,
    "OUT_OF_RANGE": FailureKind.CALLER,
    "ALREADY_EXISTS": FailureKind.CALLER,
    "FAILED_PRECONDITION": FailureKind.AUTH,
    "UNAUTHENTICATED": FailureKind.AUTH,
    "PERMISSION_DENIED": FailureKind.AUTH,
    "NOT_FOUND": FailureKind.MODEL_GONE,
    "RESOURCE_EXHAUSTED": FailureKind.RATE,
    "UNIMPLEMENTED": FailureKind.CAPABILITY,
    "INTERNAL": FailureKind.OVERLOAD,
    "UNKNOWN": FailureKind.OVERLOAD,
    "DATA_LOSS": FailureKind.OVERLOAD,
    "UNAVAILABLE": FailureKind.OVERLOAD,
    "DEADLINE_EXCEEDED": FailureKind.OVERLOAD,
    "ABORTED": FailureKind.OVERLOAD,
    "CANCELLED": FailureKind.OVERLOAD,
}
_HTTP: dict[int, FailureKind] = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    404: FailureKind.MODEL_GONE,
    408: FailureKind.OVERLOAD,
    409: FailureKind.OVERLOAD,
    413: FailureKind.CAPABILITY,
    429: FailureKind.RATE,
    499: FailureKind.OVERLOAD,
    501: FailureKind.CAPABILITY,
}

_MONEY = re.compile(
    r"credits? (?:is|are|has been|have been) depleted|prepay|spend(?:ing)?[ -]cap|insufficient (?:funds|credit)", re.I
)
_NO_QUOTA = re.compile(r"\blimit: 0(?![\d.])")
_POLICY = re.compile(
    r"prompt (?:was|is|has been) blocked|content polic|usage polic|safety (?:filter|setting|reason)|prohibited content",
    re.I,
)
_KEY = re.compile(r"API[ _]key|location is not supported", re.I)
_FILE = re.compile(r"access the file", re.I)
_PREFILL = re.compile(r"ending with a model turn|end with a user (?:role|turn)", re.I)
_TOO_LONG = re.compile(
    r"token count.{0,60}exceed|exceeds the (?:maximum number of tokens|limit of \d+ tokens)|payload size exceeds", re.I
)
_UNSUPPORTED = re.compile(
    r"(?:not|n't) (?:yet )?(?:be )?(?:enabled|supported|available|allowed|support)|unsupported|supported (?:range|values)"
    r"|is (?:invalid|missing)|only (?:works|supported|enabled)|at the same time|too many states",
    re.I,
)
_FIELDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), field)
    for pattern, field in (
        (r"thought_?\s?signature", "signature"),
        (r"logprobs", "logprobs"),
        (r"thinking_?\s?budget|\bbudget \d", "thinking_budget"),
        (r"thinking_?\s?level|thinking|include_?thoughts", "effort"),
        (r"presence_?penalty", "presence_penalty"),
        (r"penalty", "frequency_penalty"),
        (r"\btemperature\b", "temperature"),
        (r"\btop_?p\b", "top_p"),
        (r"\btop_?k\b", "top_k"),
        (r"\bseed\b", "seed"),
        (r"stop_?sequences", "stop"),
        (r"max_?output_?tokens", "max_tokens"),
        (r"developer instruction|system_?\s?instruction", "system"),
        (r"response_?\s?mime_?\s?type|response_?\s?(?:json_?)?schema|json mode|specified schema", "output"),
        (r"allowed_?function_?names|function_?calling_?config|tool_?config", "tool_choice"),
        (r"function[_ ]?call|function[_ ]?declaration|\btools?\b", "tools"),
        (r"\bimages?\b", "images"),
    )
)
_UNKNOWN_NAME = re.compile(r"unknown name \"([^\"]{1,80})\"", re.I)
_AT = re.compile(r" at '([^']{1,120})'")
_RETRY_IN = re.compile(r"(?:retry in|reset after) ([0-9.a-z]+?)\.?(?:\s|$)", re.I)
_PERIOD = re.compile(r"per_?(second|minute|hour|day|week)", re.I)
_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0}
_SECRET = re.compile(r"\bAIza[\w-]{20,}|\bAQ\.[\w-]{20,}|\bya29\.[\w-]{20,}")

FINISHES: dict[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "FUNCTION_CALL": FinishReason.TOOL_CALLS,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.PAUSE,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "MODEL_ARMOR": FinishReason.CONTENT_FILTER,
    "ESCALATION": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
}
"""The finish reasons that end an answer. `FUNCTION_CALL` comes from an emulator: Google sends `STOP` after tool calls too.

Every other reason means that there is no valid answer: `MALFORMED_FUNCTION_CALL`, `MALFORMED_RESPONSE`, `UNEXPECTED_TOOL_CALL`,
`TOO_MANY_TOOL_CALLS`, `OTHER`, `NO_IMAGE`, `IMAGE_OTHER`, and those that Google adds later.
"""
_FINISH_FAILURES: dict[str, tuple[FailureKind, Scope]] = {
    "MISSING_THOUGHT_SIGNATURE": (FailureKind.CAPABILITY, Scope.MODEL),
    "PUP_LIMITED_DISABLED": (FailureKind.AUTH, Scope.CREDENTIAL),
}


def from_answer(status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
    """What an HTTP answer other than 2xx means."""
    return _judge(_read(body)._replace(body=body), status, headers, wall)


def from_chunk(error: bytes) -> Failure:
    """What the value of an `error` field inside a 200 means."""
    return _judge(_read(b'{"error":' + error + b"}"), None, {}, 0.0)


def from_finish(reason: str, message: str) -> Failure:
    """What a finish reason that is not in `FINISHES` means."""
    kind, scope = _FINISH_FAILURES.get(reason, (FailureKind.BROKEN, Scope.MODEL))
    text = f"the model stopped with {reason}: {message}" if message else f"the model stopped with {reason}"
    return Failure(kind=kind, message=_show(text), code=reason, scope=scope)


def from_block(reason: str, message: str) -> Failure:
    """What a blocked prompt means."""
    text = f"the prompt was blocked ({reason}): {message}" if message else f"the prompt was blocked ({reason})"
    return Failure(kind=FailureKind.POLICY, message=_show(text), code=reason)


class _Error(NamedTuple):
    """What could be read of an error's body."""

    message: str
    code: int | None = None
    status: str = ""
    reason: str = ""
    retry: float | None = None
    violations: tuple[dict[str, Any], ...] = ()
    field: str | None = None
    type: str = ""
    """The type that servers of other dialects give."""
    body: bytes = b""


class _Verdict(NamedTuple):
    kind: FailureKind
    scope: Scope = Scope.MODEL
    param: str | None = None
    prefill: bool = False


def _judge(error: _Error, http: int | None, headers: Mapping[str, str], wall: float) -> Failure:
    status = http or error.code
    verdict = _verdict(error, status)
    retry = delay.retry_after(headers, wall)
    if verdict.kind is not FailureKind.MONEY and retry is None:
        retry = error.retry
        if retry is None and verdict.kind is FailureKind.RATE:
            retry = _DEFAULT_COOLING
    message = error.message or (f"HTTP {status} without a reason" if status else "an error without a reason")
    return Failure(
        kind=verdict.kind,
        message=_show(message),
        status=status,
        code=error.reason or error.status or None,
        retry_after=retry,
        param=verdict.param,
        should_retry=delay.should_retry(headers),
        scope=verdict.scope,
        quota=_quota(error.violations) if verdict.kind in (FailureKind.RATE, FailureKind.MONEY) else None,
        prefill_rejected=verdict.prefill,
    )


def _verdict(error: _Error, http: int | None) -> _Verdict:
    exhausted = http == 429 or error.status == "RESOURCE_EXHAUSTED"
    if http == 402 or error.type in refusals.MONEY_CODES or (exhausted and _MONEY.search(error.message)):
        return _Verdict(FailureKind.MONEY, Scope.CREDENTIAL)
    if exhausted and (_NO_QUOTA.search(error.message) or any(v.get("quotaValue") == "0" for v in error.violations)):
        return _Verdict(FailureKind.MONEY)
    if found := _REASONS.get(error.reason):
        return _Verdict(*found)
    known = _STATUSES.get(error.status)
    codes = (error.reason, error.status, error.type)
    if shared := refusals.meaning(http, error.message, *codes, known=known, body=error.body):
        scope = Scope.CREDENTIAL if shared is FailureKind.AUTH else Scope.MODEL
        return _Verdict(shared, scope, refusals.LACKS if refusals.is_for_lack(error.message) else None)
    if error.reason.startswith(_KEY_REASONS):
        return _Verdict(FailureKind.AUTH, Scope.CREDENTIAL)
    if error.status == "INVALID_ARGUMENT" or (http == 400 and error.status in ("", "FAILED_PRECONDITION")):
        return _bad_request(error)
    if (error.status == "PERMISSION_DENIED" or http == 403) and _FILE.search(error.message):
        return _Verdict(FailureKind.CALLER)
    kind = _STATUSES.get(error.status) or _HTTP.get(http or 0) or _by_hundred(http)
    return _Verdict(kind, Scope.CREDENTIAL if kind is FailureKind.AUTH else Scope.MODEL)


def _bad_request(error: _Error) -> _Verdict:
    text = error.message
    if _PREFILL.search(text):
        return _Verdict(FailureKind.CAPABILITY, param="messages", prefill=True)
    if error.status == "FAILED_PRECONDITION" or (_KEY.search(text) and error.field is None):
        return _Verdict(FailureKind.AUTH, Scope.CREDENTIAL)
    if _TOO_LONG.search(text):
        return _Verdict(FailureKind.CAPABILITY)
    if _POLICY.search(text):
        return _Verdict(FailureKind.POLICY)
    field = next((name for pattern, name in _FIELDS if pattern.search(text)), None)
    if unknown := _UNKNOWN_NAME.search(text):
        return _Verdict(FailureKind.CAPABILITY, param=field or unknown[1])
    if field == "signature" or (field and _UNSUPPORTED.search(text)):
        return _Verdict(FailureKind.CAPABILITY, param=field)
    where = _AT.search(text)
    return _Verdict(FailureKind.CALLER, param=error.field or (where[1] if where else None))


def _by_hundred(http: int | None) -> FailureKind:
    if http is None or http >= 500:
        return FailureKind.OVERLOAD
    return FailureKind.CALLER if 400 <= http < 500 else FailureKind.BROKEN


def _read(body: bytes) -> _Error:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        text = body[:_LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        return _Error("" if text.startswith("<") else text)
    if isinstance(document, list):
        document = document[0] if document else None
    error = document.get("error", document) if isinstance(document, dict) else document
    if not isinstance(error, dict):
        return _Error(error.strip() if isinstance(error, str) else "")
    code, details = error.get("code"), _Details(error.get("details"))
    message = _text(error.get("message")).strip()[:_LONGEST_READ]
    retry = details.retry
    if retry is None and (found := _RETRY_IN.search(message)):
        retry = _duration(found[1])
    return _Error(
        message=message,
        code=code if isinstance(code, int) and 100 <= code <= 599 else None,
        status=_text(error.get("status")),
        reason=details.reason,
        retry=retry,
        violations=details.violations,
        field=details.field,
        type=_text(error.get("type")),
    )


class _Details:
    """The contents of an error's `details`, each a message with an `@type`."""

    def __init__(self, details: Any) -> None:
        self.reason = ""
        self.retry: float | None = None
        self.field: str | None = None
        self.violations: tuple[dict[str, Any], ...] = ()
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._take(_text(detail.get("@type")).rpartition(".")[2], detail)

    def _take(self, kind: str, detail: dict[str, Any]) -> None:
        if kind == "RetryInfo":
            self.retry = _duration(_text(detail.get("retryDelay")))
        elif kind == "QuotaFailure":
            self.violations += _records(detail.get("violations"))
        elif kind == "BadRequest":
            fields = [_text(violation.get("field")) for violation in _records(detail.get("fieldViolations"))]
            self.field = next(filter(None, fields), None)
        elif reason := _text(detail.get("reason")):
            self.reason = reason
            metadata = detail.get("metadata")
            if self.retry is None and isinstance(metadata, dict):
                self.retry = _duration(_text(metadata.get("quotaResetDelay")))


def _quota(violations: tuple[dict[str, Any], ...]) -> QuotaHint | None:
    """The limit with the longest window among those that were hit."""
    hints = []
    for violation in violations:
        name = _text(violation.get("quotaId")) + " " + _text(violation.get("quotaMetric"))
        if period := _PERIOD.search(name):
            value = _text(violation.get("quotaValue"))
            limit = int(value) if value.isdecimal() and len(value) < 16 else None
            hints.append(QuotaHint(period=_PERIODS[period[1].lower()], limit=limit, tokens="token" in name.lower()))
    return max(hints, key=lambda hint: hint.period, default=None)


def _duration(text: str) -> float | None:
    value = delay.duration(text[:64])
    return value if value is not None and value <= _LONGEST_DELAY else None


def _records(value: Any) -> tuple[dict[str, Any], ...]:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _show(text: str) -> str:
    """A message that may be shown: short, without keys."""
    text = _SECRET.sub("[key]", text).strip()
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
