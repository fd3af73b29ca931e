"""Every class of error, in the shapes that the API gives it (the wording is ours where the API's does not decide)."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.failure import Failure, FailureKind, Scope
from segue.wire.claude.upstream.codec import Upstream
from segue.wire.claude.upstream.errors import RATE_WAIT

WALL = 1_795_996_800.0
"""2026-11-30T00:00:00Z."""

K = FailureKind


class Case(NamedTuple):
    status: int
    type: str
    message: str
    kind: FailureKind
    param: str | None = None
    code: str | None = None
    scope: Scope = Scope.MODEL


CREDENTIAL = Scope.CREDENTIAL

CASES = [
    # rate
    Case(
        429, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.", K.RATE
    ),
    Case(429, "rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit", K.RATE),
    Case(429, "rate_limit_error", "Growing too fast", K.RATE, code="ramp_limit_exceeded"),
    # money, reported as 402, 429 and 400
    Case(402, "billing_error", "Check your payment details", K.MONEY, scope=CREDENTIAL),
    Case(
        429,
        "rate_limit_error",
        "The month's threshold is crossed",
        K.MONEY,
        code="enforced_spend_limit_reached",
        scope=CREDENTIAL,
    ),
    Case(
        429, "rate_limit_error", "The contract's limit", K.MONEY, code="contract_spend_limit_reached", scope=CREDENTIAL
    ),
    Case(429, "rate_limit_error", "This workspace's spend limit is reached", K.MONEY, scope=CREDENTIAL),
    Case(
        402,
        "billing_error",
        "Of a linked one",
        K.MONEY,
        code="linked_organization_spend_limit_reached",
        scope=CREDENTIAL,
    ),
    Case(403, "permission_error", "Not billable", K.MONEY, code="user_profile_not_billable", scope=CREDENTIAL),
    Case(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
        K.MONEY,
        scope=CREDENTIAL,
    ),
    Case(
        400,
        "invalid_request_error",
        "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        K.MONEY,
        scope=CREDENTIAL,
    ),
    # overload
    Case(500, "api_error", "Internal server error", K.OVERLOAD),
    Case(503, "api_error", "", K.OVERLOAD),
    Case(504, "timeout_error", "Timed out", K.OVERLOAD),
    Case(529, "overloaded_error", "Overloaded", K.OVERLOAD),
    Case(529, "overloaded_error", "Busy", K.OVERLOAD, code="compaction_unavailable"),
    Case(409, "conflict_error", "Changed meanwhile", K.OVERLOAD),
    Case(503, "api_error", "Keys out of reach", K.OVERLOAD, code="cmek_key_unreachable"),
    # key and region
    Case(401, "authentication_error", "invalid x-api-key", K.AUTH, scope=CREDENTIAL),
    Case(
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource",
        K.AUTH,
        scope=CREDENTIAL,
    ),
    Case(403, "permission_error", "You have no access to this model", K.AUTH),
    Case(403, "forbidden", "Request not allowed", K.AUTH, scope=CREDENTIAL),
    Case(400, "invalid_request_error", "Not offered in your country or region", K.AUTH, scope=CREDENTIAL),
    Case(400, "invalid_request_error", "On hold", K.AUTH, code="organization_on_hold", scope=CREDENTIAL),
    Case(400, "invalid_request_error", "This model needs a data retention of 30 days", K.AUTH),
    # the model
    Case(404, "not_found_error", "model: claude-3-5-sonnet-20241022", K.MODEL_GONE),
    Case(400, "invalid_request_error", "model: claude-nine is not available", K.MODEL_GONE, param="model"),
    # what the model can't do
    Case(400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum", K.CAPABILITY),
    Case(
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length",
        K.CAPABILITY,
    ),
    Case(413, "request_too_large", "Request exceeds the maximum size", K.CAPABILITY, param="messages"),
    Case(
        400, "invalid_request_error", "`temperature` is deprecated for this model.", K.CAPABILITY, param="temperature"
    ),
    Case(
        400,
        "invalid_request_error",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        K.CAPABILITY,
        param="top_p",
    ),
    Case(
        400, "invalid_request_error", "This model does not support the effort parameter.", K.CAPABILITY, param="effort"
    ),
    Case(
        400,
        "invalid_request_error",
        "output_config.effort 'max' is not supported when thinking is disabled on this model.",
        K.CAPABILITY,
        param="effort",
    ),
    Case(
        400,
        "invalid_request_error",
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort".',
        K.CAPABILITY,
        param="thinking_budget",
    ),
    Case(
        400,
        "invalid_request_error",
        "Thinking may not be enabled when tool_choice forces tool use.",
        K.CAPABILITY,
        param="thinking_budget",
    ),
    Case(
        400,
        "invalid_request_error",
        "tool_choice: forcing a tool is not supported on this model",
        K.CAPABILITY,
        param="tool_choice",
    ),
    Case(400, "invalid_request_error", "output_config: Extra inputs are not permitted", K.CAPABILITY, param="output"),
    Case(
        400, "invalid_request_error", "service_tier: Extra inputs are not permitted", K.CAPABILITY, param="service_tier"
    ),
    Case(
        400,
        "invalid_request_error",
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
        K.CAPABILITY,
        param="max_tokens",
    ),
    Case(
        400,
        "invalid_request_error",
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.",
        K.CAPABILITY,
        param="thinking",
    ),
    Case(
        400,
        "invalid_request_error",
        "messages.3.content.8: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
        K.CAPABILITY,
        param="thinking",
    ),
    Case(
        400,
        "invalid_request_error",
        "messages.129.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
        K.CAPABILITY,
        param="thinking",
    ),
    # policy
    Case(400, "invalid_request_error", "Output blocked by content filtering policy", K.POLICY),
    # the caller
    Case(
        400,
        "invalid_request_error",
        "messages.0.content: Input should be a valid list",
        K.CALLER,
        param="messages.0.content",
    ),
    Case(400, "invalid_request_error", "messages: at least one message is required", K.CALLER, param="messages"),
    Case(
        400,
        "invalid_request_error",
        "messages.14: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
        K.CALLER,
        param="messages.14",
    ),
    Case(422, "invalid_request_error", "No", K.CALLER),
    Case(404, "not_found_error", "No such file", K.CALLER, code="file_expired"),
]


def failure(status: int, body: Any, headers: dict[str, str] | None = None) -> Failure:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Upstream().failure(status, headers or {}, raw, wall=WALL)


def error(type: str, message: str, code: str | None = None) -> dict[str, Any]:
    details = {"error_code": code} if code else None
    return {"type": "error", "error": {"type": type, "message": message, "details": details}, "request_id": "req_1"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.status} {case.code or case.message[:50]}")
def test_an_error_is_recognised_for_what_it_is(case: Case) -> None:
    found = failure(case.status, error(case.type, case.message, case.code))
    assert (found.kind, found.param, found.scope) == (case.kind, case.param, case.scope)
    assert found.status == case.status
    assert found.code == (case.code or case.type)
    assert found.message == (case.message or f"HTTP {case.status}")
    assert not found.prefill_rejected


@pytest.mark.parametrize(
    "message",
    [
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        "messages: final assistant content cannot end with trailing whitespace",
    ],
)
def test_a_rejected_prefill_is_marked_as_such(message: str) -> None:
    found = failure(400, error("invalid_request_error", message))
    assert (found.kind, found.prefill_rejected) == (K.CAPABILITY, True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, K.MODEL_GONE),
        (401, K.AUTH),
        (402, K.MONEY),
        (403, K.AUTH),
        (404, K.MODEL_GONE),
        (408, K.OVERLOAD),
        (413, K.CAPABILITY),
        (418, K.OVERLOAD),
        (429, K.RATE),
        (500, K.OVERLOAD),
        (502, K.OVERLOAD),
        (529, K.OVERLOAD),
        (599, K.OVERLOAD),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html><body>Bad gateway</body></html>", b"{", b"[]", b'{"error": 5}'])
def test_a_body_that_tells_nothing_leaves_the_status_to_decide(status: int, kind: FailureKind, body: bytes) -> None:
    found = failure(status, body)
    assert (found.kind, found.message) == (kind, f"HTTP {status}")


def test_a_plain_text_is_passed_on_as_the_reason() -> None:
    assert failure(502, b"upstream connect error").message == "upstream connect error"


def test_a_key_in_a_message_is_not_passed_on() -> None:
    assert "sk-ant-api03" not in failure(401, error("authentication_error", "bad key sk-ant-api03-abc_DEF")).message


def test_a_message_without_end_is_cut() -> None:
    assert len(failure(400, error("invalid_request_error", "x" * 10_000)).message) == 500


RESETS = {
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-30T00:00:45Z",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-30T00:00:20Z",
    "anthropic-ratelimit-output-tokens-remaining": "5",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-30T09:00:00Z",
}

RATE = error("rate_limit_error", "Slow down")
LIMITS = error(
    "invalid_request_error",
    "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
)
MONTH = error("rate_limit_error", "Enough for this month", "enforced_spend_limit_reached")


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait"),
    [
        (429, RATE, RESETS | {"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        (429, RATE, RESETS | {"retry-after": "9"}, 9.0),
        (429, RATE, {"retry-after": "Mon, 30 Nov 2026 00:01:00 GMT"}, 60.0),
        (429, RATE, RESETS, 45.0),
        (429, RATE, {"anthropic-ratelimit-requests-remaining": "0"}, RATE_WAIT),
        (429, RATE, {}, RATE_WAIT),
        (429, MONTH, {}, 86_400.0),
        (400, LIMITS, {}, 86_400.0),
        (402, error("billing_error", "No money"), {}, None),
        (529, error("overloaded_error", "Busy"), {}, None),
        (529, error("overloaded_error", "Busy"), {"retry-after": "3"}, 3.0),
        (500, error("api_error", "Oops"), RESETS, None),
    ],
)
def test_the_wait_is_taken_from_the_finest_word_there_is(
    status: int, body: Any, headers: dict[str, str], wait: float | None
) -> None:
    assert failure(status, body, headers).retry_after == wait


def test_the_months_limit_is_lifted_in_january_after_december() -> None:
    december = WALL + 86_400.0 + 30 * 86_400.0
    found = Upstream().failure(429, {}, msgspec.json.encode(MONTH), wall=december)
    assert found.retry_after == 86_400.0


@pytest.mark.parametrize(("value", "meant"), [("true", True), ("false", False), ("", None)])
def test_the_providers_own_word_on_retrying_is_kept(value: str, meant: bool | None) -> None:
    assert failure(500, error("api_error", "Oops"), {"x-should-retry": value}).should_retry is meant


@given(
    st.integers(100, 599),
    st.binary(max_size=200),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
)
def test_no_answer_makes_the_judge_raise(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert failure(status, body, headers).message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "type", "message", "details", "error_code"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_document_makes_the_judge_raise(document: Any) -> None:
    assert failure(400, document).message
