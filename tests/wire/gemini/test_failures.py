"""Which error means what: bodies in Google's shape with words of our own, except those words that the verdict rests on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.failure import Failure, FailureKind, QuotaHint, Scope
from segue.wire.gemini.upstream.codec import Upstream
from segue.wire.gemini.upstream.errors import FINISHES, from_answer, from_chunk

MINUTE = {
    "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    "quotaDimensions": {"model": "gemini-x", "location": "global"},
    "quotaValue": "15",
}
DAY = MINUTE | {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "500"}
TOKENS = MINUTE | {
    "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count",
    "quotaId": "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    "quotaValue": "250000",
}
EXHAUSTED = "You exceeded your current quota, please check your plan and billing details."


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def body(code: int, message: str, status: str = "", *details: dict[str, Any]) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message} | ({"status": status} if status else {})
    return msgspec.json.encode({"error": error | ({"details": list(details)} if details else {})})


def judge(status: int, body: bytes, **headers: str) -> Failure:
    return Upstream().failure(status, {k.replace("_", "-"): v for k, v in headers.items()}, body, wall=1_000_000.0)


def quota(*violations: dict[str, Any], message: str = EXHAUSTED, retry: str = "34.5s") -> bytes:
    retry_info = detail("RetryInfo", retryDelay=retry)
    return body(429, message, "RESOURCE_EXHAUSTED", detail("QuotaFailure", violations=list(violations)), retry_info)


BAD = "INVALID_ARGUMENT"
KEY = detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com")

CASES: dict[str, tuple[int, bytes, FailureKind, Scope, str | None]] = {
    "requests a minute": (429, quota(MINUTE), FailureKind.RATE, Scope.MODEL, None),
    "requests a day": (429, quota(MINUTE, DAY), FailureKind.RATE, Scope.MODEL, None),
    "a limit of nothing": (
        429,
        quota(DAY, message=EXHAUSTED + " * Quota exceeded for metric: requests, limit: 0, model: gemini-x"),
        FailureKind.MONEY,
        Scope.MODEL,
        None,
    ),
    "a limit of nothing in the details": (429, quota(DAY | {"quotaValue": "0"}), FailureKind.MONEY, Scope.MODEL, None),
    "a limit that is not nothing": (
        429,
        quota(DAY, message=EXHAUSTED + " * Quota exceeded for metric: requests, limit: 0.5, or limit: 05"),
        FailureKind.RATE,
        Scope.MODEL,
        None,
    ),
    "a 429 that says no more": (
        429,
        body(429, "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED"),
        FailureKind.RATE,
        Scope.MODEL,
        None,
    ),
    "prepaid credits gone": (
        402,
        body(402, "Add funds.", "RESOURCE_EXHAUSTED"),
        FailureKind.MONEY,
        Scope.CREDENTIAL,
        None,
    ),
    "prepaid credits gone, as a 429": (
        429,
        body(429, "Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED"),
        FailureKind.MONEY,
        Scope.CREDENTIAL,
        None,
    ),
    "a spending cap": (
        429,
        body(429, "The project has exceeded its monthly spending cap.", "RESOURCE_EXHAUSTED"),
        FailureKind.MONEY,
        Scope.CREDENTIAL,
        None,
    ),
    "billing switched off": (
        403,
        body(403, "No billing.", "PERMISSION_DENIED", detail("ErrorInfo", reason="BILLING_DISABLED")),
        FailureKind.MONEY,
        Scope.CREDENTIAL,
        None,
    ),
    "no capacity, as a 429": (
        429,
        body(429, "No capacity.", "RESOURCE_EXHAUSTED", detail("ErrorInfo", reason="MODEL_CAPACITY_EXHAUSTED")),
        FailureKind.OVERLOAD,
        Scope.MODEL,
        None,
    ),
    "a wrong key": (400, body(400, "API key not valid.", BAD, KEY), FailureKind.AUTH, Scope.CREDENTIAL, None),
    "a wrong key without details": (400, body(400, "API key expired.", BAD), FailureKind.AUTH, Scope.CREDENTIAL, None),
    "a wrong region": (
        400,
        body(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
        FailureKind.AUTH,
        Scope.CREDENTIAL,
        None,
    ),
    "no key": (401, body(401, "Who are you?", "UNAUTHENTICATED"), FailureKind.AUTH, Scope.CREDENTIAL, None),
    "a leaked key": (
        403,
        body(403, "Your API key was reported as leaked.", "PERMISSION_DENIED"),
        FailureKind.AUTH,
        Scope.CREDENTIAL,
        None,
    ),
    "another's file": (
        403,
        body(403, "You do not have permission to access the File abc or it may not exist.", "PERMISSION_DENIED"),
        FailureKind.CALLER,
        Scope.MODEL,
        None,
    ),
    "a model that is gone": (
        404,
        body(404, "models/gemini-1 is not found for API version v1beta.", "NOT_FOUND"),
        FailureKind.MODEL_GONE,
        Scope.MODEL,
        None,
    ),
    "too long a prompt": (
        400,
        body(400, "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        None,
    ),
    "too large a body": (413, b"<html>too large</html>", FailureKind.CAPABILITY, Scope.MODEL, None),
    "a prefill": (
        400,
        body(400, "Requests ending with a model turn are not supported.", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "messages",
    ),
    "a thinking level": (
        400,
        body(400, "Thinking level MINIMAL is not supported for this model.", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "effort",
    ),
    "a thinking budget": (
        400,
        body(400, "The thinking budget 50 is invalid. Please choose a value between 128 and 32768.", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "thinking_budget",
    ),
    "a penalty": (
        400,
        body(400, "Penalty is not enabled for this model", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "frequency_penalty",
    ),
    "a system instruction": (
        400,
        body(400, "Developer instruction is not enabled for models/gemma-x", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "system",
    ),
    "JSON beside tools": (
        400,
        body(400, "Function calling with a response mime type: 'application/json' is unsupported", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "output",
    ),
    "a missing thought signature": (
        400,
        body(400, "Function call is missing a thought_signature in functionCall parts.", BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "signature",
    ),
    "a foreign thought signature": (
        400,
        body(
            400, "Invalid value at 'contents[1].parts[0].thought_signature' (TYPE_BYTES), Base64 decoding failed", BAD
        ),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "signature",
    ),
    "a field the address does not know": (
        400,
        body(
            400,
            "Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config': Cannot find field.",
            BAD,
        ),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "output",
    ),
    "a field of the caller's own": (
        400,
        body(400, 'Invalid JSON payload received. Unknown name "fooBar": Cannot find field.', BAD),
        FailureKind.CAPABILITY,
        Scope.MODEL,
        "fooBar",
    ),
    "a prompt that was blocked": (
        400,
        body(400, "The prompt was blocked.", BAD),
        FailureKind.POLICY,
        Scope.MODEL,
        None,
    ),
    "a bad request": (
        400,
        body(400, "Contents are missing.", BAD, detail("BadRequest", fieldViolations=[{"field": "contents"}])),
        FailureKind.CALLER,
        Scope.MODEL,
        "contents",
    ),
    "a bad value": (
        400,
        body(400, "Invalid value at 'generation_config.seed' (TYPE_INT32), 99999999999", BAD),
        FailureKind.CALLER,
        Scope.MODEL,
        "generation_config.seed",
    ),
    "a refusal without a word": (422, b"", FailureKind.CAPABILITY, Scope.MODEL, None),
    "something not built": (501, body(501, "No.", "UNIMPLEMENTED"), FailureKind.CAPABILITY, Scope.MODEL, None),
    "an internal error": (500, body(500, "Oops.", "INTERNAL"), FailureKind.OVERLOAD, Scope.MODEL, None),
    "an overload": (503, body(503, "The model is overloaded.", "UNAVAILABLE"), FailureKind.OVERLOAD, Scope.MODEL, None),
    "a gateway's page": (502, b"<!DOCTYPE html><title>502</title>", FailureKind.OVERLOAD, Scope.MODEL, None),
    "a deadline": (504, body(504, "Too slow.", "DEADLINE_EXCEEDED"), FailureKind.OVERLOAD, Scope.MODEL, None),
    "an unknown status": (529, b"", FailureKind.OVERLOAD, Scope.MODEL, None),
    "a redirect": (302, b"", FailureKind.MODEL_GONE, Scope.MODEL, None),
}


@pytest.mark.parametrize(("status", "body", "kind", "scope", "param"), CASES.values(), ids=CASES.keys())
def test_an_error_is_of_its_kind(status: int, body: bytes, kind: FailureKind, scope: Scope, param: str | None) -> None:
    failure = judge(status, body)
    assert (failure.kind, failure.scope, failure.param, failure.status) == (kind, scope, param, status)
    assert failure.prefill_rejected == (param == "messages")
    assert failure.message
    assert "<" not in failure.message


@pytest.mark.parametrize("case", [case for case in CASES.values() if case[1].startswith(b"{")])
def test_the_same_error_inside_a_200_is_of_the_same_kind(
    case: tuple[int, bytes, FailureKind, Scope, str | None],
) -> None:
    status, document, kind, scope, param = case
    failure = from_chunk(msgspec.json.encode(msgspec.json.decode(document)["error"]))
    assert (failure.kind, failure.scope, failure.param, failure.status) == (kind, scope, param, status)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_error_in_an_array_is_read_as_well(case: tuple[int, bytes, FailureKind, Scope, str | None]) -> None:
    status, document, kind, *_ = case
    assert judge(status, b"[" + document + b"]" if document.startswith(b"{") else document).kind is kind


@pytest.mark.parametrize(
    ("violations", "hint"),
    [
        ((MINUTE,), QuotaHint(period=60, limit=15)),
        ((MINUTE, DAY), QuotaHint(period=86_400, limit=500)),
        ((TOKENS,), QuotaHint(period=60, limit=250_000, tokens=True)),
        ((TOKENS, MINUTE, DAY), QuotaHint(period=86_400, limit=500)),
        (({"quotaMetric": "x/generate_requests_per_model_per_day"},), QuotaHint(period=86_400)),
        (({"quotaId": "SomethingElse", "quotaValue": "1"}, "rubbish"), None),
        ((), None),
    ],
)
def test_the_longest_limit_that_was_hit_is_the_hint(violations: Any, hint: QuotaHint | None) -> None:
    assert judge(429, quota(*violations)).quota == hint


@pytest.mark.parametrize(
    ("body", "headers", "delay"),
    [
        (quota(MINUTE), {"retry_after": "7"}, 7.0),
        (quota(MINUTE), {"retry_after_ms": "1500", "retry_after": "7"}, 1.5),
        (quota(MINUTE), {}, 34.5),
        (quota(MINUTE, retry="nonsense"), {}, 5.0),
        (quota(MINUTE, retry="9" * 50 + "s"), {}, 5.0),
        (body(429, EXHAUSTED + " Please retry in 20.25s.", "RESOURCE_EXHAUSTED"), {}, 20.25),
        (
            body(
                429,
                "Wait.",
                "RESOURCE_EXHAUSTED",
                detail("ErrorInfo", reason="QUOTA_EXHAUSTED", metadata={"quotaResetDelay": "5h59m59s"}),
            ),
            {},
            21_599.0,
        ),
        (body(429, "Slow down.", "RESOURCE_EXHAUSTED"), {}, 5.0),
        (quota(DAY | {"quotaValue": "0"}), {}, None),
        (body(503, "Busy.", "UNAVAILABLE"), {}, None),
        (body(503, "Busy.", "UNAVAILABLE", detail("RetryInfo", retryDelay="2s")), {}, 2.0),
    ],
)
def test_the_delay_is_the_headers_then_retry_infos_then_five_seconds(
    body: bytes, headers: dict[str, str], delay: float | None
) -> None:
    status = msgspec.json.decode(body)["error"]["code"]
    assert judge(status, body, **headers).retry_after == delay


def test_the_provider_s_own_word_on_retrying_is_kept() -> None:
    assert judge(500, b"", x_should_retry="false").should_retry is False
    assert judge(500, b"").should_retry is None


def test_the_code_is_the_reason_or_else_the_status() -> None:
    assert judge(400, body(400, "API key not valid.", BAD, KEY)).code == "API_KEY_INVALID"
    assert judge(503, body(503, "Busy.", "UNAVAILABLE")).code == "UNAVAILABLE"
    assert judge(503, b"").code is None


def test_a_message_is_short_and_holds_no_key() -> None:
    failure = judge(400, body(400, "API key AIzaSyA-0123456789abcdefghijklmnopqrstuv is wrong. " + "x" * 10_000, BAD))
    assert "AIza" not in failure.message
    assert len(failure.message) <= 600
    assert judge(500, b"").message == "HTTP 500 without a reason"
    assert judge(500, b"plain words").message == "plain words"


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b"7", b'{"error":7}', b'{"error":{"code":"x","message":1,"details":{}}}']
)
def test_an_odd_error_body_is_judged_by_its_status(body: bytes) -> None:
    assert from_answer(500, {}, body, wall=0.0).kind is FailureKind.OVERLOAD
    assert from_answer(429, {}, body, wall=0.0).kind is FailureKind.RATE


def test_no_finish_reason_that_means_trouble_counts_as_an_end() -> None:
    assert not FINISHES.keys() & {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "NO_IMAGE"}
