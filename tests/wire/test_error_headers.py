"""What an error tells a caller's retry logic, and by which id it can be found again: the same in every dialect."""

from __future__ import annotations

import msgspec
import pytest

from segue.errors import (
    AttemptSummary,
    ConfigurationError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    SegueError,
    StreamInterruptedError,
)
from segue.wire.dialects import DIALECTS, ingress
from segue.wire.retrying import error_headers

FAILED = AttemptSummary(target="a", model="m", outcome="overload")
SKIPPED = AttemptSummary(target="b", model="m", outcome="skipped")


@pytest.mark.parametrize(
    ("error", "word", "wait"),
    [
        (LLMServiceUnavailableError(attempts=[FAILED]), "false", None),
        (LLMServiceUnavailableError(attempts=[FAILED, SKIPPED], retry_after=2.0), "false", "2"),
        (LLMServiceUnavailableError(attempts=[SKIPPED], retry_after=1.2), "true", "2"),
        (LLMServiceUnavailableError(attempts=[SKIPPED, SKIPPED], retry_after=60.0), "true", "60"),
        (LLMServiceUnavailableError(attempts=[SKIPPED], retry_after=61.0), "false", "61"),
        (LLMServiceUnavailableError(attempts=[SKIPPED]), "false", None),
        (LLMServiceUnavailableError(retry_after=2.0), "false", "2"),
        (DeadlineExceededError("late", attempts=[FAILED], retry_after=2.0), "false", "2"),
        (StreamInterruptedError("cut", attempts=[FAILED]), "false", None),
        (InvalidRequestError("bad"), None, None),
        (InvalidRequestError("slow down", status=429, retry_after=3.0), None, "3"),
        (InvalidRequestError("spent", status=429, retry_after=3600.0), "false", "3600"),
        (ConfigurationError("no key"), "false", None),
        (SegueError("a defect"), "false", None),
    ],
    ids=str,
)
def test_the_headers_say_whether_trying_again_can_help(error: SegueError, word: str | None, wait: str | None) -> None:
    for dialect in DIALECTS:
        _, headers, _ = ingress(dialect).error(error)
        assert (headers.get("x-should-retry"), headers.get("retry-after")) == (word, wait)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("error", [InvalidRequestError("bad", code="x"), LLMServiceUnavailableError(attempts=[FAILED])])
def test_an_error_has_its_requests_id_in_head_and_body(dialect: str, error: SegueError) -> None:
    error.request_id = "r-17"
    _, headers, body = ingress(dialect).error(error)
    assert (headers["x-request-id"], headers["request-id"]) == ("r-17", "r-17")
    assert "r-17" in str(msgspec.json.decode(body))


def test_an_id_of_nothing_is_no_header() -> None:
    assert error_headers(InvalidRequestError("bad")) == {}
