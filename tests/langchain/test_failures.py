"""What the models' errors mean, wherever the SDKs put the status and the provider's words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core import exceptions as lc

from segue.chat.failure import FailureKind, Scope
from segue.langchain.failures import failure_of, status_of


class Sdk(Exception):
    """An SDK's error, with these attributes."""

    def __init__(self, message: str = "no", **attributes: Any) -> None:
        super().__init__(message)
        self.__dict__.update(attributes)


class APIConnectionError(Exception):
    """Named like the SDKs' own."""


def response(status: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


QUOTA = {
    "error": {"message": "You exceeded your current quota", "code": "insufficient_quota", "type": "insufficient_quota"}
}
BILLING = {"type": "error", "error": {"type": "billing_error", "message": "Your credit balance is too low"}}


@pytest.mark.parametrize(
    ("error", "dialect", "kind", "status"),
    [
        (Sdk(status_code=503), "", FailureKind.OVERLOAD, 503),
        (Sdk(response=response(429, QUOTA)), "openai_chat", FailureKind.MONEY, 429),
        (Sdk(status_code=429, body=QUOTA["error"]), "openai_chat", FailureKind.MONEY, 429),
        (Sdk(response=response(402, BILLING)), "claude", FailureKind.MONEY, 402),
        (
            Sdk(code=401, details={"error": {"message": "no key", "status": "UNAUTHENTICATED"}}),
            "gemini",
            FailureKind.AUTH,
            401,
        ),
        (
            Sdk(response={"ResponseMetadata": {"HTTPStatusCode": 403}, "Error": {"Code": "AccessDenied"}}),
            "",
            FailureKind.AUTH,
            403,
        ),
        (Sdk(http_status=500), "langchain", FailureKind.OVERLOAD, 500),
        (lc.ContextOverflowError("too long"), "", FailureKind.CAPABILITY, None),
        (lc.ModelRateLimitError("slow down"), "", FailureKind.RATE, None),
        (lc.ModelAuthenticationError("no"), "", FailureKind.AUTH, None),
        (lc.ModelNotFoundError("no"), "", FailureKind.MODEL_GONE, None),
        (lc.ModelAPIError("no"), "", FailureKind.OVERLOAD, None),
        (lc.ModelInvalidRequestError("no"), "", FailureKind.CALLER, None),
        (lc.ModelTimeoutError("no"), "", FailureKind.TRANSPORT, None),
        (Sdk(code="rate_limit_exceeded"), "", FailureKind.BROKEN, None),
        (Sdk(status_code=200), "", FailureKind.BROKEN, None),
    ],
)
def test_an_error_is_judged_by_the_providers_answer_then_by_its_class(
    error: Exception, dialect: str, kind: FailureKind, status: int | None
) -> None:
    failure = failure_of(error, dialect)
    assert failure.kind is kind
    assert failure.status == status == status_of(error)


def test_the_status_is_found_behind_a_wrapping_error() -> None:
    outer = RuntimeError("calling the model failed")
    outer.__cause__ = Sdk(status_code=429)
    assert failure_of(outer, "").kind is FailureKind.RATE
    assert status_of(outer) == 429


def test_errors_that_cause_each_other_end_somewhere() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first, "").kind is FailureKind.BROKEN


def test_a_stated_delay_is_kept() -> None:
    error = Sdk(response=response(429, {"error": {"message": "slow", "type": "rate_limit"}}, **{"retry-after": "7"}))
    assert failure_of(error, "openai_chat").retry_after == 7.0


def test_a_network_error_speaks_of_the_address() -> None:
    failure = failure_of(APIConnectionError("refused"), "")
    assert (failure.kind, failure.scope) == (FailureKind.TRANSPORT, Scope.ENDPOINT)


def test_an_answer_that_was_not_read_is_judged_by_its_status() -> None:
    unread = httpx.Response(503, stream=httpx.ByteStream(b"{}"))
    assert failure_of(Sdk(response=unread), "openai_chat").kind is FailureKind.OVERLOAD


def test_a_message_is_one_short_line() -> None:
    message = failure_of(RuntimeError("first line " + "x" * 1000 + "\nsecond line"), "").message
    assert message.startswith("RuntimeError: first line")
    assert "\n" not in message
    assert len(message) < 400
    assert failure_of(RuntimeError(), "").message == "RuntimeError"


def test_an_option_that_an_sdk_does_not_know_is_named_to_be_left_out() -> None:
    failure = failure_of(TypeError("create() got an unexpected keyword argument 'seed'"), "")
    assert (failure.kind, failure.param) == (FailureKind.CAPABILITY, "seed")
    assert failure_of(TypeError("odd"), "").param is None
