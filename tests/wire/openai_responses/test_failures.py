"""What each error means: those of HTTP, those inside a stream, those inside a document."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.events import Failed, Finished, Started, TextDelta, UsageReport
from segue.chat.failure import Failure, FailureKind, Scope
from segue.chat.usage import Usage
from segue.failover.plan import OMITTABLE
from segue.wire.openai_responses.upstream.codec import Upstream

from .upstream_harness import KEY, counts, created, decoded, ended, response, sse, text

WALL = 1_790_000_000.0
K = FailureKind


def failure(status: int, body: Any, headers: dict[str, str] | None = None) -> Failure:
    return Upstream().failure(status, headers or {}, msgspec.json.encode(body), wall=WALL)


def openai(message: str, code: Any = None, param: str | None = None, type: str | None = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


BUSY = "Rate limit reached for gpt-6-luna on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 6.5s."
CASES: dict[str, tuple[int, Any, FailureKind, str | None]] = {
    "rate": (429, openai(BUSY, "rate_limit_exceeded", type="tokens"), K.RATE, None),
    "no quota": (429, openai("Check your plan.", "insufficient_quota", type="insufficient_quota"), K.MONEY, None),
    "server error": (500, openai("Trouble.", type="server_error"), K.OVERLOAD, None),
    "wrong key": (401, openai(f"Incorrect API key provided: {KEY}.", "invalid_api_key"), K.AUTH, None),
    "no such model": (404, openai("The model `x` does not exist.", "model_not_found", "model"), K.MODEL_GONE, "model"),
    "too long": (400, openai("Too many.", "context_length_exceeded", "input"), K.CAPABILITY, None),
    "a parameter it does not take": (
        400,
        openai("Unsupported parameter: 'temperature' is not supported with this model.", None, "temperature"),
        K.CAPABILITY,
        "temperature",
    ),
    "an effort it does not have": (
        400,
        openai("Unsupported value: 'max' is not supported.", "unsupported_value", "reasoning.effort"),
        K.CAPABILITY,
        "effort",
    ),
    "reasoning by a model that has none": (
        400,
        openai("Unsupported parameter: 'reasoning.effort'.", "unsupported_parameter", "reasoning.effort"),
        K.CAPABILITY,
        "effort",
    ),
    "a limit it does not take": (
        400,
        openai("Unsupported parameter: 'max_output_tokens'.", "unsupported_parameter", "max_output_tokens"),
        K.CAPABILITY,
        "max_tokens",
    ),
    "a part of the input it does not take": (
        400,
        openai("Unsupported value: 'input_image'.", "unsupported_value", "input[0].content[1].type"),
        K.CAPABILITY,
        None,
    ),
    "a format it does not have": (
        400,
        openai("Unsupported value: 'json_schema' is not supported.", "unsupported_value", "text.format"),
        K.CAPABILITY,
        "output",
    ),
    "reasoning that another key encrypted": (
        400,
        openai("The encrypted content gAAA...== could not be verified.", "invalid_encrypted_content"),
        K.CAPABILITY,
        "thinking",
    ),
    "a broken image": (400, openai("No image.", "invalid_base64_image", "input[0].content"), K.CALLER, "input[0].content"),
    "an image it could not fetch": (400, openai("404.", "failed_to_download_image"), K.CAPABILITY, None),
    "a rule of residency": (400, openai("Not in this region.", "data_residency_mismatch"), K.CAPABILITY, None),
    "no reasoning at all": (
        400,
        openai("Unsupported parameter: 'reasoning'.", "unsupported_parameter", "reasoning"),
        K.CAPABILITY,
        "effort",
    ),
    "an earlier response it does not have": (
        400,
        openai("Not found.", "previous_response_not_found", "previous_response_id"),
        K.CALLER,
        "previous_response_id",
    ),
    "policy": (400, openai("Flagged.", "invalid_prompt"), K.POLICY, None),
    "a call without its result": (400, openai("No tool output found for function call x.", None, "input"), K.CALLER, "input"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "param"), CASES.values(), ids=CASES.keys())
def test_an_error_is_what_it_says(status: int, body: Any, kind: FailureKind, param: str | None) -> None:
    found = failure(status, body)
    assert (found.kind, found.param, found.status) == (kind, param, status)
    assert KEY not in found.message


@pytest.mark.parametrize(
    "param", [case[3] for case in CASES.values() if case[2] is K.CAPABILITY and case[3] is not None]
)
def test_a_field_to_leave_out_is_called_by_a_name_that_the_engine_knows(param: str) -> None:
    assert param in OMITTABLE


def test_the_stated_delay_is_kept() -> None:
    busy = openai(BUSY, "rate_limit_exceeded", type="tokens")
    assert failure(429, busy).retry_after == 6.5
    assert failure(429, busy, {"retry-after": "3"}).retry_after == 3.0


def test_a_refused_key_is_the_credentials_trouble() -> None:
    assert failure(401, openai("No.", "invalid_api_key")).scope is Scope.CREDENTIAL


def error_event(**fields: Any) -> dict[str, Any]:
    return {"type": "error", "message": "Trouble.", "param": None, **fields}


ENDS: dict[str, tuple[bytes, FailureKind, str]] = {
    "an error event, flat": (sse(error_event(code="server_error")), K.OVERLOAD, "Trouble."),
    "an error event, flat, about the rate": (sse(error_event(code="rate_limit_exceeded")), K.RATE, "Trouble."),
    "an error event with an object": (
        sse({"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}}),
        K.RATE,
        "Slow down.",
    ),
    "an error event without a code": (sse(error_event(code=None)), K.OVERLOAD, "Trouble."),
    "an error event without a name": (sse(error_event(code="insufficient_quota"), named=False), K.MONEY, "Trouble."),
    "an error event that is no JSON": (b"event: error\ndata: overloaded\n\n", K.OVERLOAD, "overloaded"),
    "an error as bare data": (sse({"type": "", **openai("Busy.", type="server_error")}, named=False), K.OVERLOAD, "Busy."),
    "a failed response": (
        sse(ended("failed", error={"code": "server_error", "message": "Sorry."})), K.OVERLOAD, "Sorry."),
    "a failed response, rate": (
        sse(ended("failed", error={"code": "rate_limit_exceeded", "message": "Slow."})), K.RATE, "Slow."),
    "a failed response, policy": (
        sse(ended("failed", error={"code": "bio_policy", "message": "No."})), K.POLICY, "No."),
    "a failed response, a bad image": (
        sse(ended("failed", error={"code": "invalid_image", "message": "No image."})), K.CALLER, "No image."),
    "a failed response that gives no reason": (sse(ended("failed")), K.OVERLOAD, "server_error"),
    "cancelled": (sse(ended("cancelled")), K.BROKEN, "the provider ended the answer with status 'cancelled'"),
    "JSON behind the stream": (
        msgspec.json.encode(openai("Gone.", type="server_error")), K.OVERLOAD, "Gone."),
}  # fmt: skip


@pytest.mark.parametrize(("data", "kind", "words"), ENDS.values(), ids=ENDS.keys())
def test_a_stream_can_fail_after_it_has_begun(data: bytes, kind: FailureKind, words: str) -> None:
    begun = sse(created(), text("Hi"))
    expected = decoded([begun + data])
    assert expected[:2] == [Started("resp_1", "gpt-6-luna"), TextDelta("Hi")]
    assert isinstance(last := expected[-1], Failed)
    assert (last.failure.kind, last.failure.message) == (kind, words)
    assert not [event for event in expected if isinstance(event, Finished)]
    for at in range(len(begun), len(begun) + len(data)):
        assert decoded([(begun + data)[:at], (begun + data)[at:]]) == expected


DOCUMENTS: dict[str, tuple[Any, FailureKind]] = {
    "an error with a 2xx status": (openai("Busy.", "rate_limit_exceeded"), K.RATE),
    "a failed response": (response("failed", error={"code": "server_error", "message": "Sorry."}), K.OVERLOAD),
    "a failed response without a reason": (response("failed"), K.OVERLOAD),
}


@pytest.mark.parametrize(("document", "kind"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_can_be_an_error(document: Any, kind: FailureKind) -> None:
    last = decoded([msgspec.json.encode(document)])[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is kind


def test_what_a_failed_answer_cost_is_reported() -> None:
    failed = ended("failed", error={"code": "server_error", "message": "Sorry."}, usage=counts(5, 3))
    assert decoded([sse(failed)])[1] == UsageReport(Usage(input_tokens=5, output_tokens=3))
