"""Every refusal means to our own codecs what it means at the provider."""

from __future__ import annotations

import pytest

from segue.chat.failure import Failure, FailureKind
from segue.sandbox.faults import KINDS, parse_fault
from segue.sandbox.refusals import REASONS, error_event, refusal
from segue.wire.dialects import DIALECTS, upstream

MEANING = {
    "rate": FailureKind.RATE,
    "quota": FailureKind.MONEY,
    "error": FailureKind.OVERLOAD,
    "bad_gateway": FailureKind.OVERLOAD,
    "unavailable": FailureKind.OVERLOAD,
    "overloaded": FailureKind.OVERLOAD,
    "auth": FailureKind.AUTH,
    "model_gone": FailureKind.MODEL_GONE,
    "context_length": FailureKind.CAPABILITY,
}
MODELS = {
    "openai_chat": "gpt-6-luna",
    "openai_responses": "gpt-6-luna",
    "claude": "claude-sonnet-5-5",
    "gemini": "gemini-3.5-flash-lite",
}


def _failure(reason: str, dialect: str) -> Failure:
    status, headers, body = refusal(reason, dialect, MODELS[dialect])
    return upstream(dialect).failure(status, headers, body, wall=0.0)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_is_read_as_what_it_is(reason: str, dialect: str) -> None:
    assert _failure(reason, dialect).kind is MEANING[reason]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rate_limit_says_when_to_come_back(dialect: str) -> None:
    assert _failure("rate", dialect).retry_after == 7


@pytest.mark.parametrize("dialect", ["claude", "gemini"])
def test_a_refused_prefill_is_read_as_such(dialect: str) -> None:
    assert _failure("prefill", dialect).prefill_rejected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_event_breaks_an_answer_off(dialect: str) -> None:
    events = upstream(dialect).decoder("text/event-stream").feed(error_event(dialect))
    assert [event.failure.kind for event in events if hasattr(event, "failure")] == [FailureKind.OVERLOAD]


@pytest.mark.parametrize("status", ["400", "401", "404", "429", "500", "502", "503", "529"])
def test_a_status_names_a_refusal(status: str) -> None:
    assert parse_fault(status).name in REASONS


def test_every_fault_tells_what_it_does() -> None:
    assert all(kind.help and kind.name == name for name, kind in KINDS.items())
