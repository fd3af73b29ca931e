"""What a refusal means whatever the dialect: one table for all four, since servers speak one another's.

Messages are those of llama.cpp's and ik_llama.cpp's public reports and of pattern lists that other projects keep (vLLM, SGLang, LM Studio, Ollama,
TGI, Mistral, Cohere, Bedrock, xAI, OpenRouter, DeepSeek), with other numbers.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.failure import Failure, FailureKind
from segue.wire.dialects import DIALECTS, upstream
from segue.wire.refusals import LACKS, is_for_lack, is_for_room

K = FailureKind
PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body>nginx</body></html>"
WALL = 1_796_065_000.0

each = pytest.mark.parametrize("dialect", DIALECTS)


def failure(dialect: str, status: int, body: Any, **headers: str) -> Failure:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return upstream(dialect).failure(status, names, data, wall=WALL)


def own(dialect: str, status: int, message: str) -> dict[str, Any]:
    """An error in the dialect's own shape, with its word for a bad request, or for a server's trouble."""
    bad = status < 500
    if dialect == "claude":
        return {
            "type": "error",
            "error": {"type": "invalid_request_error" if bad else "api_error", "message": message},
        }
    if dialect == "gemini":
        word = "INVALID_ARGUMENT" if bad else "INTERNAL"
        return {"error": {"code": status, "message": message, "status": word}}
    return {"error": {"message": message, "type": "invalid_request_error" if bad else "server_error", "code": None}}


def llama(status: int, message: str, word: str = "invalid_request_error") -> dict[str, Any]:
    """llama.cpp's server, which answers in this shape at the addresses of all its dialects."""
    return {"error": {"code": status, "message": message, "type": word, "n_prompt_tokens": 5000, "n_ctx": 4096}}


ROOM = (
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "Context size has been exceeded.",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens",
    "The number of tokens to keep from the initial prompt is greater than the context length",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    "Please reduce the length of the messages or completion.",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "Input is too long for requested model.",
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "prompt is too long: 250000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Requested tokens (2285) exceed context window of 2048",
    "Prompt is 11543 tokens but the model context window is 4096 tokens.",
    "prompt too long; exceeded max context length by 300 tokens",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Your request exceeded model token limit: 8192 (requested: 9000)",
    "Input tokens exceed the configured limit of 272000 tokens",
    "Range of input length should be [1, 30720]",
)
WANT = (
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    "image input is not supported by this server",
    "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    "This model does not support image input",
    "Model does not support images. Please use a model that does.",
    "llama3 is not a multimodal model",
    "At most 0 image(s) may be provided in one request.",
    "messages[0]: unknown variant `image_url`, expected `text` at line 1 column 3",
    "Invalid content type. image_url is only supported by certain models.",
    "No endpoints found that support image input",
    "vision not supported",
    "Image input modality is not enabled for models/m",
    "registry.example/library/m does not support tools",
    "tools param requires --jinja flag",
)
NEITHER = (
    "Internal server error",
    "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.",
    "Invalid value: 'x'.",
    "Output blocked by content filtering policy",
    "temperature is not supported by this model.",
    "Could not process image",
    "image exceeds 5 MB maximum",
    "messages: at least one message is required",
    "max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens",
    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
)


@each
@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("message", ROOM)
def test_a_prompt_that_is_too_long_is_a_matter_of_room_in_any_servers_words(
    dialect: str, status: int, message: str
) -> None:
    for body in (own(dialect, status, message), llama(status, message)):
        found = failure(dialect, status, body)
        assert (found.kind, found.param) == (K.CAPABILITY, None), found


@each
@pytest.mark.parametrize("status", [400, 404, 500, 501])
@pytest.mark.parametrize("message", WANT)
def test_a_kind_of_input_that_a_server_lacks_is_no_trouble_of_its(dialect: str, status: int, message: str) -> None:
    for body in (own(dialect, status, message), llama(status, message, "server_error")):
        found = failure(dialect, status, body)
        assert (found.kind, found.param, found.prefill_rejected) == (K.CAPABILITY, LACKS, False), found


@pytest.mark.parametrize("message", NEITHER)
def test_other_refusals_are_not_taken_for_either(message: str) -> None:
    assert not is_for_room(message)
    assert not is_for_lack(message)


@each
def test_a_code_for_a_prompt_that_is_too_long_needs_no_message(dialect: str) -> None:
    assert failure(dialect, 400, llama(400, "no", "exceed_context_size_error")).kind is K.CAPABILITY


@each
@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, K.OVERLOAD) for status in (405, 406, 415, 418, 421, 423, 425, 426, 499)]
    + [(407, K.TRANSPORT), (410, K.MODEL_GONE), (451, K.AUTH), (301, K.MODEL_GONE), (308, K.MODEL_GONE)],
)
def test_an_odd_status_outweighs_whatever_stands_in_its_body(dialect: str, status: int, kind: FailureKind) -> None:
    for body in (b"", PAGE, b"no", own(dialect, 400, "Invalid value: 'x'."), b'{"detail": "Method Not Allowed"}'):
        assert failure(dialect, status, body).kind is kind


@each
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, K.OVERLOAD),
        (401, K.AUTH),
        (403, K.AUTH),
        (404, K.MODEL_GONE),
        (413, K.CAPABILITY),
        (422, K.OVERLOAD),
        (429, K.RATE),
        (500, K.OVERLOAD),
        (502, K.OVERLOAD),
        (503, K.OVERLOAD),
        (520, K.OVERLOAD),
        (529, K.OVERLOAD),
    ],
)
def test_a_page_from_something_in_between_never_stops_the_chain(dialect: str, status: int, kind: FailureKind) -> None:
    assert failure(dialect, status, PAGE).kind is kind
    assert failure(dialect, status, b"\r\n " + PAGE).kind is kind


@each
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]"])
def test_a_refusal_without_a_word_on_why_may_be_of_this_target_alone(dialect: str, status: int, body: bytes) -> None:
    assert failure(dialect, status, body).kind is K.CAPABILITY


@each
@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("6m0s", 360.0),
        ("1796065007", 7.0),
        ("1796065007000", 7.0),
        ("1796060000", 0.0),
        ("99999", 86400.0),
        ("1896065000", 86400.0),
        ("Mon, 30 Nov 2026 18:56:50 GMT", 10.0),
    ],
)
def test_a_stated_wait_is_read_in_every_form_and_believed_up_to_a_day(dialect: str, text: str, wait: float) -> None:
    found = failure(dialect, 429, b"", retry_after=text)
    assert (found.kind, found.retry_after) == (K.RATE, pytest.approx(wait))


@each
@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf", ""])
def test_a_wait_that_says_nothing_leaves_the_usual_one(dialect: str, text: str) -> None:
    assert failure(dialect, 429, b"", retry_after=text).retry_after in (None, 5.0)


def openai(message: str = "m", code: str | None = None, type: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": type, "param": None}}


def claude(type: str, message: str = "m", code: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"type": type, "message": message}
    return {"type": "error", "error": error | ({"details": {"error_code": code}} if code else {})}


def google(code: int, status: str, message: str = "m", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": [*details]}}


REGAIN = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
EMPTY = "Your credit balance is too low to access the API. Please go to Plans & Billing to purchase credits."
REASON = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("dialect", "status", "body", "kind"),
    [
        ("openai_chat", 429, openai(code="rate_limit_exceeded"), K.RATE),
        ("openai_chat", 503, openai(code="slow_down"), K.RATE),
        ("openai_chat", 429, openai(code="insufficient_quota"), K.MONEY),
        ("openai_responses", 429, openai(code="credit_balance_exhausted"), K.MONEY),
        ("openai_chat", 429, openai(code="team_spend_limit_exceeded"), K.MONEY),
        ("openai_chat", 402, openai("Insufficient Balance"), K.MONEY),
        ("claude", 429, claude("rate_limit_error"), K.RATE),
        ("claude", 402, claude("billing_error"), K.MONEY),
        ("claude", 400, claude("invalid_request_error", REGAIN), K.MONEY),
        ("claude", 400, claude("invalid_request_error", EMPTY), K.MONEY),
        ("claude", 429, claude("rate_limit_error", code="enforced_spend_limit_reached"), K.MONEY),
        ("claude", 529, claude("overloaded_error"), K.OVERLOAD),
        ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), K.RATE),
        ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0, model: m"), K.MONEY),
        ("gemini", 402, google(402, ""), K.MONEY),
        ("gemini", 400, google(400, "FAILED_PRECONDITION", "User location is not supported."), K.AUTH),
        ("gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid.", REASON), K.AUTH),
        # A gateway that gives OpenAI's errors at the addresses of other dialects.
        ("claude", 429, openai(code="insufficient_quota", type="insufficient_quota"), K.MONEY),
        ("claude", 401, openai(code="invalid_api_key"), K.AUTH),
        ("claude", 404, openai(code="model_not_found"), K.MODEL_GONE),
        ("claude", 429, openai("slow down"), K.RATE),
        ("gemini", 429, openai(code="insufficient_quota", type="insufficient_quota"), K.MONEY),
        ("gemini", 401, openai(code="invalid_api_key"), K.AUTH),
        ("gemini", 429, openai("slow down"), K.RATE),
    ],
)
def test_money_rate_and_keys_are_told_apart(dialect: str, status: int, body: Any, kind: FailureKind) -> None:
    assert failure(dialect, status, body).kind is kind
