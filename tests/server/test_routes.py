"""Paths: what stands at each, and in which dialect a mistake in one is reported."""

from __future__ import annotations

import pytest

from segue.errors import InvalidRequestError
from segue.server.routes import CHAT, CLAUDE, GEMINI, RESPONSES, Kind, dialect_of, find

GOOGLE = {"x-goog-api-key": "k"}
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("path", "kind", "dialect"),
    [
        ("/v1/chat/completions", Kind.GENERATE, CHAT),
        ("/chat/completions", Kind.GENERATE, CHAT),
        ("/v1/responses", Kind.GENERATE, RESPONSES),
        ("/v1/responses/", Kind.GENERATE, RESPONSES),
        ("/v1/embeddings", Kind.EMBED, CHAT),
        ("/v1/messages", Kind.GENERATE, CLAUDE),
        ("/messages", Kind.GENERATE, CLAUDE),
        ("/v1/messages/count_tokens", Kind.COUNT, CLAUDE),
        ("/v1beta/models/gemini-3.5-flash:generateContent", Kind.GENERATE, GEMINI),
        ("/v1beta/models/openai/gpt-6-luna:streamGenerateContent", Kind.GENERATE, GEMINI),
        ("/v1/models/auto:countTokens", Kind.COUNT, GEMINI),
        ("/v1beta/models/gemini-embedding-001:batchEmbedContents", Kind.EMBED, GEMINI),
        ("/v1/models/gemini/gemini-embedding-001:embedContent", Kind.EMBED, GEMINI),
        ("/v1alpha/models/auto:generateContent", Kind.GENERATE, GEMINI),
        ("/v1beta/models/auto:generateContent/", Kind.GENERATE, GEMINI),
        ("/v1/completions", Kind.COMPLETE, CHAT),
        ("/v1/responses/input_tokens", Kind.COUNT, RESPONSES),
        ("/v1/responses/compact", Kind.COMPACT, RESPONSES),
        ("/v1/v1/messages", Kind.GENERATE, CLAUDE),
        ("//v1//messages//", Kind.GENERATE, CLAUDE),
        ("/anthropic/v1/messages", Kind.GENERATE, CLAUDE),
        ("/openai/v1/responses", Kind.GENERATE, RESPONSES),
        ("/api/v1/chat/completions", Kind.GENERATE, CHAT),
        ("/v1beta/openai/chat/completions", Kind.GENERATE, CHAT),
        ("/v1beta/openai/embeddings", Kind.EMBED, CHAT),
        ("/openai/deployments/gpt-6-luna/chat/completions", Kind.GENERATE, CHAT),
        ("/openai/deployments/e/embeddings", Kind.EMBED, CHAT),
    ],
)
def test_what_is_posted_goes_to_its_dialect(path: str, kind: Kind, dialect: str) -> None:
    route = find("POST", path, {})
    assert (route.kind, route.dialect) == (kind, dialect)
    assert not route.open


@pytest.mark.parametrize(
    ("path", "kind", "open_to_all"),
    [("/health/live", Kind.LIVE, True), ("/health/ready", Kind.READY, True), ("/metrics", Kind.METRICS, False)],
)
def test_what_an_operator_asks_for(path: str, kind: Kind, open_to_all: bool) -> None:
    for method in ("GET", "HEAD"):
        route = find(method, path, {})
        assert (route.kind, route.open) == (kind, open_to_all)


def test_a_list_of_models_speaks_as_its_caller_does() -> None:
    for headers, dialect in (({}, CHAT), (ANTHROPIC, CLAUDE), (GOOGLE, GEMINI)):
        route = find("GET", "/v1/models", headers)
        assert (route.kind, route.dialect, route.name) == (Kind.MODELS, dialect, "")


@pytest.mark.parametrize(
    ("path", "query", "dialect"),
    [
        ("/v1beta/models", "", GEMINI),
        ("/v1beta/models", "key=k", GEMINI),
        ("/v1alpha/models", "pageSize=5", GEMINI),
        ("/v1/models", "key=k", GEMINI),
        ("/v1/models", "monkey=k", CHAT),
        ("/v1beta/openai/models", "", CHAT),
        ("/models/", "", CHAT),
    ],
)
def test_a_list_of_models_is_googles_by_its_path_or_by_the_place_of_its_key(
    path: str, query: str, dialect: str
) -> None:
    assert find("GET", path, {}, query).dialect == dialect
    assert dialect_of(path, {}, query) == dialect


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_an_answer_that_was_kept_goes_by_its_id(method: str) -> None:
    route = find(method, "/v1/responses/resp_1", {})
    assert (route.kind, route.dialect, route.name) == (Kind.STORED, RESPONSES, "resp_1")


def test_a_model_is_asked_about_by_its_whole_name() -> None:
    assert find("GET", "/v1/models/openai/gpt-6-luna", {}).name == "openai/gpt-6-luna"
    assert find("GET", "/v1/models/llama3:8b", {}).name == "llama3:8b"


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v2/chat/completions", "/admin", "/v1/modelsx"])
def test_nothing_is_at_other_paths(path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        find("GET", path, {})
    assert caught.value.status == 404
    assert "use /v1/chat/completions, /v1/responses, /v1/messages" in caught.value.message


INSTEAD = [
    ("POST", "/v1/assistants", CHAT, "POST /v1/responses"),
    ("GET", "/v1/threads/thread_1/runs", CHAT, "POST /v1/responses"),
    ("POST", "/v1/complete", CLAUDE, "POST /v1/messages"),
    ("POST", "/v1/engines/davinci/completions", CHAT, "POST /v1/chat/completions"),
    ("POST", "/v1/images/generations", CHAT, "the provider's own address"),
    ("POST", "/v1/audio/transcriptions", CHAT, "input_audio"),
    ("POST", "/v1/batches", CHAT, "one by one"),
    ("POST", "/v1/messages/batches", CLAUDE, "one by one"),
    ("POST", "/v1/files", CHAT, "into the message"),
    ("GET", "/v1/files/file_1/content", CHAT, "into the message"),
    ("POST", "/v1/moderations", CHAT, "the provider's own address"),
    ("POST", "/v1/fine_tuning/jobs", CHAT, "the provider's own address"),
    ("POST", "/v1/vector_stores", CHAT, "POST /v1/embeddings"),
    ("POST", "/v1/conversations", CHAT, "previous_response_id"),
    ("POST", "/v1/responses/resp_1/cancel", RESPONSES, "GET and DELETE"),
    ("GET", "/v1/responses/resp_1/input_items", RESPONSES, "GET and DELETE"),
    ("GET", "/v1/chat/completions/chatcmpl_1", CHAT, "POST /v1/responses"),
    ("POST", "/v1beta2/models/text-bison-001:generateText", GEMINI, ":generateContent"),
    ("POST", "/v1beta/models/chat-bison-001:generateMessage", GEMINI, ":generateContent"),
    ("POST", "/v1/models/embedding-gecko-001:embedText", GEMINI, ":embedContent"),
    ("POST", "/v1beta/models/gemini-3.5-flash:batchGenerateContent", GEMINI, "one by one"),
    ("POST", "/v1beta/models/imagen-4:predict", GEMINI, "the provider's own address"),
    ("POST", "/v1beta/cachedContents", GEMINI, "whole contents"),
    ("POST", "/v1beta/files", GEMINI, "inlineData"),
    ("POST", "/api/chat", CHAT, "POST /v1/chat/completions"),
    ("GET", "/api/tags", CHAT, "GET /v1/models"),
    ("POST", "/completion", CHAT, "POST /v1/completions"),
    ("POST", "/v1/rerank", CHAT, "/v1/embeddings"),
]


@pytest.mark.parametrize(("method", "path", "dialect", "advice"), INSTEAD)
def test_what_is_not_served_says_in_its_dialect_what_to_use_instead(
    method: str, path: str, dialect: str, advice: str
) -> None:
    with pytest.raises(InvalidRequestError, match="is not served here") as caught:
        find(method, path, {})
    assert advice in caught.value.message
    assert "see /v1/models" not in caught.value.message
    assert (caught.value.status, caught.value.code) == (404, "not_served")
    assert dialect_of(path, {}) == dialect


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/responses"),
        ("POST", "/health/live"),
        ("POST", "/v1/models"),
        ("POST", "/v1/responses/resp_1"),
    ],
)
def test_a_path_says_what_it_takes_instead(method: str, path: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{path} takes (GET|POST), not {method}") as caught:
        find(method, path, {})
    assert caught.value.status == 405


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1/messages/batches", {}, CLAUDE),
        ("/nowhere", ANTHROPIC, CLAUDE),
        ("/v1beta/nowhere", {}, GEMINI),
        ("/nowhere", GOOGLE, GEMINI),
        ("/v1/models/x:generateContent", {}, GEMINI),
        ("/v1/responses/resp_1", {}, RESPONSES),
        ("/v1/nowhere", {}, CHAT),
    ],
)
def test_a_mistake_is_reported_in_the_callers_dialect(path: str, headers: dict[str, str], dialect: str) -> None:
    assert dialect_of(path, headers) == dialect
