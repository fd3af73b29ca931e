"""Paths: what stands at each, and in which dialect a mistake in one is told."""

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
        assert (route.kind, route.dialect, route.model) == (Kind.MODELS, dialect, "")


def test_a_model_is_asked_about_by_its_whole_name() -> None:
    assert find("GET", "/v1/models/openai/gpt-6-luna", {}).model == "openai/gpt-6-luna"


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v2/chat/completions", "/v1/v1/messages", "/admin", "/v1/modelsx"])
def test_nothing_is_at_other_paths(path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        find("GET", path, {})
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/chat/completions"), ("DELETE", "/v1/responses"), ("POST", "/health/live"), ("POST", "/v1/models")],
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
def test_a_mistake_is_told_in_the_callers_dialect(path: str, headers: dict[str, str], dialect: str) -> None:
    assert dialect_of(path, headers) == dialect
