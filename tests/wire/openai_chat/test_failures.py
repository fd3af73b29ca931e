"""What each error means: a table of bodies in the shapes that providers send them in, with our own words for the values."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.chat.failure import Failure, FailureKind, QuotaHint, Scope
from segue.wire.openai.upstream_errors import EFFORT_BESIDE_TOOLS
from segue.wire.openai_chat.upstream.codec import Upstream

WALL = 1_790_000_000.0
IN_FIVE_SECONDS = datetime.fromtimestamp(WALL + 5, timezone.utc).isoformat()
K = FailureKind


def failure(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> Failure:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Upstream().failure(status, headers or {}, data, wall=WALL)


def openai(message: str, type: str | None = "invalid_request_error", code: Any = None, param: str | None = None) -> Any:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


BUSY_MINUTE = (
    "Rate limit reached for gpt-6-luna in organization org-1 on tokens per min (TPM): "
    "Limit 30000, Used 29000, Requested 5000. Please try again in 6.5s."
)
CASES: dict[str, tuple[int, Any, FailureKind]] = {
    # OpenAI
    "rate": (429, openai(BUSY_MINUTE, "tokens", "rate_limit_exceeded"), K.RATE),
    "too steep": (429, openai("Ramp up gently.", "rate_limit_error", "slow_down"), K.RATE),
    "too steep, as before": (503, openai("Ramp up gently.", "service_unavailable_error", "slow_down"), K.RATE),
    "rate without a code": (429, openai("Calm down", None), K.RATE),
    "no quota": (429, openai("Check your plan.", "insufficient_quota", "insufficient_quota"), K.MONEY),
    "no credit": (429, openai("Add credits.", "insufficient_quota", "credit_balance_exhausted"), K.MONEY),
    "spend limit": (429, openai("Limit reached.", "insufficient_quota", "project_spend_limit_exceeded"), K.MONEY),
    "usage limit": (429, openai("Reached.", "insufficient_quota", "organization_usage_limit_exceeded"), K.MONEY),
    "money named by the type alone": (429, openai("Sorry.", "insufficient_quota", "rate_limit_exceeded"), K.MONEY),
    "money named by the message alone": (429, openai("You exceeded your current quota.", None), K.MONEY),
    "overloaded": (503, openai("Busy.", "service_unavailable_error", "server_is_overloaded"), K.OVERLOAD),
    "server error": (500, openai("Trouble.", "server_error"), K.OVERLOAD),
    "wrong key": (401, openai("Incorrect API key provided: sk-abc.", code="invalid_api_key"), K.AUTH),
    "wrong organization": (401, openai("Unknown organization.", code="invalid_organization"), K.AUTH),
    "wrong country": (403, openai("Not here.", "request_forbidden", "unsupported_country_region_territory"), K.AUTH),
    "no such model": (404, openai("The model `x` does not exist.", code="model_not_found"), K.MODEL_GONE),
    "no access to the model": (403, openai("No access to model `x`.", code="model_not_found"), K.MODEL_GONE),
    "too long": (400, openai("Too many.", code="context_length_exceeded", param="messages"), K.CAPABILITY),
    "larger than a minute's allowance": (
        429,
        openai(
            "Request too large for x on tokens per min (TPM): Limit 3, Requested 4.", "tokens", "rate_limit_exceeded"
        ),
        K.CAPABILITY,
    ),
    "an unsupported parameter": (
        400,
        openai("Unsupported parameter: 'top_p'.", code="unsupported_parameter", param="top_p"),
        K.CAPABILITY,
    ),
    "a schema outside the subset": (
        400,
        openai("Invalid schema for response_format 'x': 'oneOf' is not permitted.", param="response_format"),
        K.CAPABILITY,
    ),
    "a tool with a name about money": (
        400,
        openai("Invalid schema for function 'billing_limit': 'moderation' is no type.", param="tools"),
        K.CAPABILITY,
    ),
    "a policy": (400, openai("Blocked.", code="content_policy_violation"), K.POLICY),
    "a flagged prompt": (400, openai("Flagged under our usage policy.", code="invalid_prompt"), K.POLICY),
    "misalignment": (403, openai("Blocked.", code="misalignment_policy_violation"), K.POLICY),
    "a cyber policy": (400, openai("Blocked.", code="cyber_policy"), K.POLICY),
    "a wrong value": (400, openai("Invalid 'n': use 1.", code="invalid_value", param="n"), K.CALLER),
    "a wrong message": (400, openai("Missing 'content'.", param="messages[0].content"), K.CALLER),
    # Azure
    "Azure, no such deployment": (404, {"error": {"code": "DeploymentNotFound", "message": "None."}}, K.MODEL_GONE),
    "Azure, filtered": (
        400,
        {
            "error": {
                "message": "Filtered",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        K.POLICY,
    ),
    "Azure, rate": (429, {"error": {"code": "429", "message": "Please retry after 86400 seconds."}}, K.RATE),
    "Azure, not for this model": (400, {"error": {"code": "OperationNotSupported", "message": "No."}}, K.CAPABILITY),
    # Google's compatible face
    "Google, quota of a minute": (
        429,
        [{"error": {"code": 429, "message": "Quota exceeded, limit: 15", "status": "RESOURCE_EXHAUSTED"}}],
        K.RATE,
    ),
    "Google, not for free": (
        429,
        [{"error": {"code": 429, "message": "Quota exceeded, limit: 0", "status": "RESOURCE_EXHAUSTED"}}],
        K.MONEY,
    ),
    "Google, wrong key": (
        400,
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
        K.AUTH,
    ),
    "Google, wrong place": (
        400,
        [{"error": {"code": 400, "message": "User location is wrong.", "status": "FAILED_PRECONDITION"}}],
        K.AUTH,
    ),
    "Google, an unknown field": (
        400,
        [{"error": {"code": 400, "message": 'Unknown name "store": Cannot find field.', "status": "INVALID_ARGUMENT"}}],
        K.CAPABILITY,
    ),
    # DeepSeek
    "DeepSeek, no balance": (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), K.MONEY),
    # Groq
    "Groq, larger than a minute's allowance": (
        413,
        openai("Request too large for model `x` on tokens per minute (TPM).", "tokens", "rate_limit_exceeded"),
        K.CAPABILITY,
    ),
    "Groq, an unsupported property": (
        400,
        openai("'messages.0' : for 'role:user' property 'name' is unsupported"),
        K.CAPABILITY,
    ),
    "Groq, retired": (400, openai("Decommissioned.", code="model_decommissioned"), K.MODEL_GONE),
    "Groq, a botched call": (400, openai("Failed to call a function.", code="tool_use_failed"), K.BROKEN),
    "Groq, no capacity": (498, openai("No room.", None, "capacity_exceeded"), K.RATE),
    # Mistral
    "Mistral, an extra field": (
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs are not permitted"}
                ]
            },
            "type": "invalid_request_error",
            "code": None,
        },
        K.CAPABILITY,
    ),
    "Mistral, an assistant turn last": (
        400,
        {
            "object": "error",
            "message": "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
        K.CAPABILITY,
    ),
    "Mistral, roles": (
        400,
        {"object": "error", "message": "Unexpected role 'user' after role 'tool'", "type": "x", "code": "3230"},
        K.CAPABILITY,
    ),
    "Mistral, rate": (429, {"object": "error", "message": "Slower", "type": "rate_limited", "code": "1300"}, K.RATE),
    "Mistral, wrong key": (401, {"detail": "Unauthorized"}, K.AUTH),
    # Others
    "Moonshot, overloaded": (429, openai("Engine overloaded", "engine_overloaded_error"), K.OVERLOAD),
    "Moonshot, no balance": (429, openai("Suspended", "exceeded_current_quota_error"), K.MONEY),
    "Moonshot, policy": (400, openai("Rejected as high risk", "content_filter"), K.POLICY),
    "xAI, wrong key": (400, {"code": "invalid argument", "error": "Incorrect API key provided: x"}, K.AUTH),
    "Cerebras, tokens of a day": (
        429,
        {"message": "Tokens per day limit exceeded", "type": "too_many_tokens_error", "code": "token_quota_exceeded"},
        K.RATE,
    ),
    "OpenRouter, no credits": (402, {"error": {"code": 402, "message": "Add credits."}}, K.MONEY),
    "OpenRouter, moderation": (
        403,
        {"error": {"code": 403, "message": "Requires moderation", "metadata": {"reasons": ["x"]}}},
        K.POLICY,
    ),
    "OpenRouter, no such ability": (
        404,
        {"error": {"code": 404, "message": "No endpoints found that support tool use."}},
        K.CAPABILITY,
    ),
    "OpenRouter, the provider's reason": (
        400,
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"Too long","code":"context_length_exceeded"}}'},
            }
        },
        K.CAPABILITY,
    ),
    "Claude behind a compatible face, prefill": (
        400,
        openai("This model does not support assistant message prefill. It must end with a user message."),
        K.CAPABILITY,
    ),
    "DashScope, policy": (400, openai("Inappropriate.", "data_inspection_failed", "data_inspection_failed"), K.POLICY),
    "vLLM, too long": (
        400,
        openai("This model's maximum context length is 4096 tokens. However, you sent 5000.", "BadRequestError", 400),
        K.CAPABILITY,
    ),
    "FastAPI, no such path": (404, {"detail": "Not Found"}, K.MODEL_GONE),
    # Without a document
    "a proxy's page": (502, b"<html><head><title>502 Bad Gateway</title></head></html>", K.OVERLOAD),
    "a firewall's page": (403, b"<html><title>Attention Required!</title></html>", K.AUTH),
    "an empty 503": (503, b"", K.OVERLOAD),
    "an overloaded edge": (529, b"", K.OVERLOAD),
    "a time-out": (408, b"", K.OVERLOAD),
    "a lock": (409, b"", K.OVERLOAD),
    "a redirect": (308, b"", K.MODEL_GONE),
    "a legal bar": (451, b"", K.AUTH),
    "a wrong method": (405, b"", K.OVERLOAD),
    "too large": (413, b"", K.CAPABILITY),
    "a teapot": (418, b"", K.OVERLOAD),
    "an empty 400": (400, b"", K.CAPABILITY),
    "an empty 422": (422, b"[]", K.CAPABILITY),
}


@pytest.mark.parametrize(("status", "body", "kind"), CASES.values(), ids=CASES.keys())
def test_an_error_is_of_its_class(status: int, body: Any, kind: FailureKind) -> None:
    found = failure(status, body)
    assert found.kind is kind
    assert found.status == status
    assert found.message
    assert "{" not in found.message


def test_money_and_keys_cool_the_credential_and_all_else_the_model() -> None:
    for status, body, kind in CASES.values():
        found = failure(status, body)
        wide = kind in (K.MONEY, K.AUTH) and "limit: 0" not in found.message
        assert found.scope is (Scope.CREDENTIAL if wide else Scope.MODEL), found


WAITS: list[tuple[str, dict[str, str], str, float | None]] = [
    ("milliseconds first", {"retry-after-ms": "1500", "retry-after": "9"}, BUSY_MINUTE, 1.5),
    ("then seconds", {"retry-after": "9", "x-ratelimit-reset-tokens": "3s"}, BUSY_MINUTE, 9.0),
    (
        "then the exhausted dimension's reset",
        {
            "x-ratelimit-remaining-requests": "12",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        BUSY_MINUTE,
        360.0,
    ),
    (
        "the longest of those exhausted",
        {
            "x-ratelimit-remaining-requests-day": "0",
            "x-ratelimit-reset-requests-day": "3600.5",
            "x-ratelimit-remaining-tokens-minute": "0",
            "x-ratelimit-reset-tokens-minute": "20",
        },
        BUSY_MINUTE,
        3600.5,
    ),
    ("the dimension that the type names", {"x-ratelimit-reset-tokens": "120ms"}, BUSY_MINUTE, 0.12),
    ("an epoch", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790000030"}, BUSY_MINUTE, 30.0),
    ("an epoch in ms", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790000030000"}, BUSY_MINUTE, 30.0),
    (
        "a date",
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": IN_FIVE_SECONDS},
        BUSY_MINUTE,
        5.0,
    ),
    ("then the words", {}, BUSY_MINUTE, 6.5),
    ("words with units spelt out", {}, "Please retry after 86400 seconds.", 86400.0),
    ("words with several units", {}, "Try again in 6m0s. Thanks", 360.0),
    ("words with minutes", {}, "Please try again in 5 minutes or later", 300.0),
    ("nothing", {}, "Slow down", None),
]


@pytest.mark.parametrize(("headers", "message", "wait"), [case[1:] for case in WAITS], ids=[case[0] for case in WAITS])
def test_the_delay_comes_from_the_first_that_states_one(
    headers: dict[str, str], message: str, wait: float | None
) -> None:
    found = failure(429, openai(message, "tokens", "rate_limit_exceeded"), headers)
    assert found.retry_after == (None if wait is None else pytest.approx(wait))


def test_a_full_allowance_says_nothing_about_money() -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "3s"}
    assert failure(429, openai("No credit.", "insufficient_quota"), headers).retry_after is None
    assert failure(429, openai("No credit.", "insufficient_quota"), {"retry-after": "60"}).retry_after == 60.0


def test_openrouters_wait_is_read_from_the_body() -> None:
    metadata = {"error_type": "rate_limit_exceeded", "retry_after_seconds": 7}
    found = failure(429, {"error": {"code": 429, "message": "Slower", "metadata": metadata}})
    assert (found.code, found.retry_after) == ("rate_limit_exceeded", 7.0)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        (BUSY_MINUTE, QuotaHint(period=60.0, limit=30000, tokens=True)),
        ("Rate limit on requests per day (RPD): Limit 1,000.", QuotaHint(period=86400.0, limit=1000)),
        ("Limit reached: RPM", QuotaHint(period=60.0)),
        ("Slow down", None),
    ],
)
def test_a_named_limit_is_learned(message: str, hint: QuotaHint | None) -> None:
    assert failure(429, openai(message, code="rate_limit_exceeded")).quota == hint


PARAMS: list[tuple[Any, str | None]] = [
    (openai("Unsupported parameter: 'top_p'.", code="unsupported_parameter", param="top_p"), "top_p"),
    (openai("Unsupported value: 'temperature' does not support 0.7.", code="unsupported_value"), "temperature"),
    (openai("Unrecognized request argument supplied: top_k"), "top_k"),
    (openai("`reasoning_effort` is not supported with this model"), "effort"),
    (openai("property 'store' is unsupported"), "store"),
    (
        openai("Function tools with reasoning_effort are not supported for x.", param="reasoning_effort"),
        EFFORT_BESIDE_TOOLS,
    ),
    (openai("Too many.", code="context_length_exceeded", param="messages"), None),
    (openai("Invalid schema for function 'f'.", code="invalid_function_parameters", param="tools"), None),
    (openai("Unsupported value: 'messages[0].role'.", code="unsupported_value", param="messages[0].role"), None),
]


@pytest.mark.parametrize(("body", "param"), PARAMS)
def test_a_capability_names_a_field_only_where_leaving_it_out_is_a_cure(body: Any, param: str | None) -> None:
    found = failure(400, body)
    assert found.kind is K.CAPABILITY
    assert found.param == param


def test_the_field_of_a_callers_mistake_is_named() -> None:
    found = failure(400, openai("Missing.", param="messages[0].content"))
    assert (found.kind, found.param) == (K.CALLER, "messages[0].content")


def test_mistrals_extra_field_is_named_and_its_code_kept() -> None:
    found = failure(*CASES["Mistral, an extra field"][:2])
    assert (found.param, found.code) == ("user", "extra_forbidden")
    assert found.message == "user: Extra inputs are not permitted"


def test_only_a_refused_prefill_is_marked_as_one() -> None:
    refused = {name for name, (status, body, _) in CASES.items() if failure(status, body).prefill_rejected}
    assert refused == {"Mistral, an assistant turn last", "Claude behind a compatible face, prefill"}


@pytest.mark.parametrize(("value", "meant"), [("true", True), ("false", False), ("maybe", None)])
def test_the_providers_own_word_on_retrying_is_kept(value: str, meant: bool | None) -> None:
    assert failure(500, b"", {"x-should-retry": value}).should_retry is meant


def test_messages_are_short_plain_and_without_keys() -> None:
    message = "Incorrect API key provided: secret123. sk-proj-abcdefgh Bearer tok.en AIzaSyA1234567890\n" + "x" * 9000
    shown = failure(401, openai(message)).message
    assert not any(key in shown for key in ("secret123", "abcdefgh", "tok.en", "SyA123"))
    assert len(shown) <= 401
    assert "\n" not in shown


def test_a_pages_title_is_its_message() -> None:
    assert failure(502, b"<html><title>502 Bad Gateway</title>").message == "502 Bad Gateway"
    assert failure(502, b"<html>").message == "an HTML page"
    assert failure(502, b"upstream connect error").message == "upstream connect error"
    assert failure(502, b"").message == "HTTP 502"


FIELDS = [
    *("error", "message", "code", "type", "param", "detail", "metadata", "raw", "status", "loc", "msg"),
    *("x_groq", "object", "innererror", "retry_after_seconds", "choices"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
NAMES = [f"x-ratelimit-{what}{dimension}" for what in ("reset", "remaining") for dimension in ("", "-tokens")]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(300, 599),
    st.one_of(st.binary(max_size=60), JSON.map(msgspec.json.encode)),
    st.dictionaries(st.sampled_from([*NAMES, "retry-after", "retry-after-ms"]), st.text(max_size=8), max_size=3),
)
def test_no_body_and_no_header_is_too_odd_to_be_classified(status: int, body: bytes, headers: dict[str, str]) -> None:
    found = failure(status, body, headers)
    assert found.status == status
    assert found.message
    assert found.retry_after is None or found.retry_after >= 0
