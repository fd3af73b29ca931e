"""Paths, and nothing else: which dialect speaks at an address, and what it asks for.

    POST  /v1/chat/completions                          OpenAI Chat Completions
    POST  /v1/responses                                 OpenAI Responses
    POST  /v1/embeddings                                OpenAI embeddings
    POST  /v1/messages, /v1/messages/count_tokens       Anthropic Messages
    POST  /v1/models/{model}:{action}                   Gemini, embeddings too; also below /v1beta
    GET   /v1/models, /v1/models/{model}                all three, told apart by their headers
    GET   /health/live, /health/ready, /health/history, /metrics

A base URL without `/v1` works too: some SDKs append it and some do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from segue.errors import InvalidRequestError
from segue.wire import dialects

CHAT, RESPONSES, CLAUDE, GEMINI = "openai_chat", "openai_responses", "claude", "gemini"


class Kind(Enum):
    GENERATE = auto()
    COUNT = auto()
    EMBED = auto()
    MODELS = auto()
    LIVE = auto()
    READY = auto()
    HISTORY = auto()
    METRICS = auto()


class Route(NamedTuple):
    """What a path stands for. `open`: no key is asked for. `model` is the one a list of models is asked about, "" for all."""

    kind: Kind
    dialect: str = CHAT
    open: bool = False
    model: str = ""


_POST = {
    "/chat/completions": Route(Kind.GENERATE, CHAT),
    "/responses": Route(Kind.GENERATE, RESPONSES),
    "/messages": Route(Kind.GENERATE, CLAUDE),
    "/messages/count_tokens": Route(Kind.COUNT, CLAUDE),
    "/embeddings": Route(Kind.EMBED, CHAT),
}
_GET = {
    "/health/live": Route(Kind.LIVE, open=True),
    "/health/ready": Route(Kind.READY, open=True),
    "/health/history": Route(Kind.HISTORY),
    "/metrics": Route(Kind.METRICS),
}
_ACTIONS = {
    "generateContent": Route(Kind.GENERATE, GEMINI),
    "streamGenerateContent": Route(Kind.GENERATE, GEMINI),
    "countTokens": Route(Kind.COUNT, GEMINI),
    "embedContent": Route(Kind.EMBED, GEMINI),
    "batchEmbedContents": Route(Kind.EMBED, GEMINI),
}


def find(method: str, path: str, headers: Mapping[str, str]) -> Route:
    """The route of a request. Raises `InvalidRequestError` with 404 or 405; `dialect_of` says in which dialect to tell."""
    rest = _rest(path)
    route = _POST.get(rest) or _GET.get(rest) or _gemini(rest) or _models(rest, headers) or _plugin(path)
    if route is None:
        raise InvalidRequestError(f"there is nothing at {path}: see /v1/models for what can be asked", status=404)
    allowed = ("GET", "HEAD") if rest in _GET or route.kind is Kind.MODELS else ("POST",)
    if method not in allowed:
        raise InvalidRequestError(f"{path} takes {allowed[0]}, not {method}", status=405)
    return route


def dialect_of(path: str, headers: Mapping[str, str]) -> str:
    """The dialect of a caller, also where the path is none of ours."""
    if (plugin := _plugin(path)) is not None:
        return plugin.dialect
    rest = _rest(path)
    if rest.startswith("/messages") or "anthropic-version" in headers:
        return CLAUDE
    if path.startswith("/v1beta") or "x-goog-api-key" in headers or _gemini(rest) is not None:
        return GEMINI
    return RESPONSES if rest.startswith("/responses") else CHAT


def _rest(path: str) -> str:
    """The path without its version and without a slash at its end."""
    for version in ("/v1beta", "/v1"):
        if path.startswith(version + "/"):
            path = path[len(version) :]
            break
    return path.rstrip("/")


def _gemini(rest: str) -> Route | None:
    if not rest.startswith("/models/"):
        return None
    return _ACTIONS.get(rest.rpartition(":")[2])


def _plugin(path: str) -> Route | None:
    """The route of a path that a plug-in's dialect has taken."""
    dialect = dialects.paths().get(path)
    return None if dialect is None else Route(Kind.GENERATE, dialect)


def _models(rest: str, headers: Mapping[str, str]) -> Route | None:
    if rest != "/models" and not rest.startswith("/models/"):
        return None
    dialect = GEMINI if "x-goog-api-key" in headers else CLAUDE if "anthropic-version" in headers else CHAT
    return Route(Kind.MODELS, dialect, model=rest.removeprefix("/models").removeprefix("/"))
