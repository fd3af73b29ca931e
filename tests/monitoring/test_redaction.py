"""Secrets are taken out wherever they stand, and nothing else is."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.monitoring.redaction import GONE, Redactor, redactor_of
from segue.settings_loading import load

SHAPED = [
    "sk-proj-abcDEF0123456789abcDEF",
    "sk-ant-api03-abcDEF0123456789",
    "sk-segue-abcDEF0123456789_-abc",
    "AIzaSyA-abcDEF0123456789abcDEF_0123456",
    "AQ.Ab8RN6abcdefghijklmnopqrst",
    "gsk_abcDEF0123456789abcDEF",
    "xai-abcDEF0123456789abcDEF",
    "hf_abcDEF0123456789abcDEF",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF0123-_",
]
PLACED = [
    ("Authorization: Bearer {}", "abcdef"),
    ("authorization=Basic {}", "dXNlcjpwYXNz"),
    ('{{"authorization": "Bearer {}"}}', "not+shaped/like=a~key.1"),
    ("sent with bearer {}", "t0ken.with-all_of/them+=~"),
    ("x-goog-api-key: {}", "whatever-it-is"),
    ('"x-api-key": "{}"', "whatever-it-is"),
    (r"{{\"api_key\": \"{}\"}}", "escaped-once"),
    ("apiKey='{}'", "whatever"),
    ("password={}", "hunter2x"),
    ("OPENAI_API_KEY={} is set", "of-no-known-shape"),
    ("Incorrect API key provided: {}", "of-no-known-shape"),
    ('{{"secret_key": "{}", "client_id": "x"}}', "of-no-known-shape"),
    ('{{\\"refresh_token\\": \\"{}\\"}}', "of-no-known-shape"),
    ("[('x-api-key', '{}'), ('accept', '*/*')]", "of-no-known-shape"),
    ("Headers([(b'x-goog-api-key', b'{}')])", "of-no-known-shape"),
    ("Ocp-Apim-Subscription-Key: {}", "of-no-known-shape"),
    ("https://host/v1?auth={}", "plain-query-key"),
    ("mongodb://someone:{}@host/db", "pa@ss:w@rd"),
    ("https://{}@host/v1", "of-no-known-shape"),
    ("https://host/v1/models?key={}&alt=sse", "plain-query-key"),
    ("https://host/v1?alt=sse&access_token={}", "plain-query-token"),
    ("mongodb://someone:{}@host/db", "pa$$word"),
]
PROSE = [
    "The key to it is patience; a basic requirement, and the bearer of news.",
    "Authorization is asked for by the server. Tokens: 12, secrets: none",
    "task-oriented, desk-bound, risk-averse-people-like-these",
    '{"max_tokens": 1500, "key_id": "key_0123456789ab", "request_id": "00112233445566778899aabbccddeeff"}',
    "http://127.0.0.1:4000/v1/models?page=2",
    "2026-11-28T09:51:15.123Z",
]


@pytest.mark.parametrize("secret", SHAPED)
def test_what_is_shaped_like_a_key_is_taken_out_wherever_it_stands(secret: str) -> None:
    redact = Redactor()
    for text in (secret, f"no such key: {secret}.", f'{{"a":"{secret}"}}', f"/v1/{secret}/x", f"({secret})"):
        assert secret not in redact(text), text
        assert GONE in redact(text)


@pytest.mark.parametrize(("place", "secret"), PLACED)
def test_what_stands_in_a_secrets_place_is_taken_out(place: str, secret: str) -> None:
    assert secret not in Redactor()(place.format(secret))


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_left_alone(text: str) -> None:
    assert Redactor()(text) == text


@given(
    st.text(min_size=6, max_size=60).filter(lambda text: text not in GONE), st.text(max_size=30), st.text(max_size=30)
)
def test_a_known_secret_is_found_in_every_form_it_is_written_in(secret: str, before: str, after: str) -> None:
    redact = Redactor([secret])
    for form in (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
    ):
        for clean in (redact.known(before + form + after), redact(before + form + after)):
            assert form not in clean or form in before + GONE + after


def test_a_word_too_short_to_be_a_secret_is_no_reason_to_mangle_a_log() -> None:
    assert Redactor(["", "a", "test"])("a test of it") == "a test of it"


def test_all_secrets_of_the_settings_are_known() -> None:
    environ = {"GEMINI_API_KEY": "first one", "CLAUDE_API_KEY": "second one", "MONGODB_URL": "mongodb://third-one/x"}
    redact = redactor_of(load(environ, directory="/nonexistent"))
    assert redact.known("first one, second one, mongodb://third-one/x") == f"{GONE}, {GONE}, {GONE}"
