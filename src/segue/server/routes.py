"""The paths: the dialect and the operation of each.

    POST    /v1/chat/completions                          OpenAI Chat Completions
    POST    /v1/completions                               OpenAI's older Completions, served as a chat of one turn
    POST    /v1/responses, /v1/responses/input_tokens, /v1/responses/compact     OpenAI Responses
    GET     /v1/responses/{id}; DELETE too                a stored answer
    POST    /v1/embeddings                                OpenAI embeddings
    POST    /v1/messages, /v1/messages/count_tokens       Anthropic Messages
    POST    /v1/models/{model}:{action}                   Gemini, embeddings too
    GET     /v1/models, /v1/models/{model}                all three, told apart by their headers, their path or `?key=`
    GET     /health/live, /health/ready, /health/history, /metrics
    any     /dashboard/…; GET / too where a browser asks  the dashboard

Before these comes the end of a base URL, and SDKs differ in which part of it they add themselves: `/v1`, `/v1beta`, `/v1alpha`, `/openai`,
`/anthropic`, `/api` and Azure's `/deployments/{name}` are ignored, however often they come, and so are doubled and trailing slashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from segue.errors import InvalidRequestError
from segue.server.unserved import advice, is_action
from segue.wire import dialects

CHAT, RESPONSES, CLAUDE, GEMINI = "openai_chat", "openai_responses", "claude", "gemini"


class Kind(Enum):
    GENERATE = auto()
    COMPLETE = auto()
    COMPACT = auto()
    COUNT = auto()
    STORED = auto()
    EMBED = auto()
    MODELS = auto()
    LIVE = auto()
    READY = auto()
    HISTORY = auto()
    METRICS = auto()
    DASHBOARD = auto()


class HttpRoute(NamedTuple):
    """What a path stands for. `open`: no key is required. `name` is the model or the stored answer, "" for none."""

    kind: Kind
    dialect: str = CHAT
    open: bool = False
    name: str = ""


_POST: Final = {
    "/chat/completions": HttpRoute(Kind.GENERATE, CHAT),
    "/completions": HttpRoute(Kind.COMPLETE, CHAT),
    "/responses": HttpRoute(Kind.GENERATE, RESPONSES),
    "/responses/input_tokens": HttpRoute(Kind.COUNT, RESPONSES),
    "/responses/compact": HttpRoute(Kind.COMPACT, RESPONSES),
    "/messages": HttpRoute(Kind.GENERATE, CLAUDE),
    "/messages/count_tokens": HttpRoute(Kind.COUNT, CLAUDE),
    "/embeddings": HttpRoute(Kind.EMBED, CHAT),
}
_GET: Final = {
    "/health/live": HttpRoute(Kind.LIVE, open=True),
    "/health/ready": HttpRoute(Kind.READY, open=True),
    "/health/history": HttpRoute(Kind.HISTORY),
    "/metrics": HttpRoute(Kind.METRICS),
}
_ACTIONS: Final = {
    "generateContent": HttpRoute(Kind.GENERATE, GEMINI),
    "streamGenerateContent": HttpRoute(Kind.GENERATE, GEMINI),
    "countTokens": HttpRoute(Kind.COUNT, GEMINI),
    "embedContent": HttpRoute(Kind.EMBED, GEMINI),
    "batchEmbedContents": HttpRoute(Kind.EMBED, GEMINI),
}
_ORDINARY: Final = {("POST", f"/v1{path}"): route for path, route in _POST.items()}
"""The most frequent routes, found by one look-up."""

LONGEST_PATH: Final = 1024
"""Characters; three times the room for a model's name and the rest of a path."""

_BEFORE: Final = frozenset({"v1", "v1beta", "v1beta2", "v1beta3", "v1alpha", "openai", "anthropic", "api"})
"""What may precede a path."""
_GOOGLES: Final = frozenset({"v1beta", "v1beta2", "v1beta3", "v1alpha"})

_READ, _WRITE = ("GET", "HEAD"), ("POST",)
_METHODS: Final = {
    Kind.MODELS: _READ,
    Kind.LIVE: _READ,
    Kind.READY: _READ,
    Kind.HISTORY: _READ,
    Kind.METRICS: _READ,
    Kind.STORED: (*_READ, "DELETE"),
    Kind.DASHBOARD: (*_READ, "POST", "DELETE"),
}


def find(method: str, path: str, headers: Mapping[str, str], query: str = "") -> HttpRoute:
    """The route of a request. Raises `InvalidRequestError` with 404 or 405; `dialect_of` is the dialect in which to answer it."""
    if (ordinary := _ORDINARY.get((method, path))) is not None:
        return ordinary
    if len(path) > LONGEST_PATH:
        raise InvalidRequestError(f"a path of {len(path)} characters is not served here", status=404, code="not_served")
    rest = _rest(path)
    route = (
        _POST.get(rest)
        or _GET.get(rest)
        or _gemini(rest)
        or _models(rest, path, headers, query)
        or _plugin(path)
        or _stored(rest)
        or _dashboard(path, headers)
    )
    if route is None or (route.kind is Kind.MODELS and is_action(rest)):
        raise InvalidRequestError(f"{path} is not served here: {advice(rest)}", status=404, code="not_served")
    allowed = _METHODS.get(route.kind, _WRITE)
    if method not in allowed:
        raise InvalidRequestError(f"{path} takes {allowed[0]}, not {method}", status=405)
    return route


def dialect_of(path: str, headers: Mapping[str, str], query: str = "") -> str:
    """The dialect of a caller, also where the path is none of ours."""
    if (plugin := _plugin(path)) is not None:
        return plugin.dialect
    rest = _rest(path)
    if rest.startswith("/messages") or rest == "/complete" or "anthropic-version" in headers:
        return CLAUDE
    if _is_googles(path, headers, query) or _gemini(rest) is not None or is_action(rest):
        return GEMINI
    return RESPONSES if rest.startswith("/responses") else CHAT


def _rest(path: str) -> str:
    """The path from its significant part on."""
    parts = [part for part in path.split("/") if part]
    start = next((place for place, part in enumerate(parts) if part not in _BEFORE), len(parts))
    if parts[start : start + 1] == ["deployments"]:
        start += 2  # Azure's SDK names the model here, and in the body too
    return "/" + "/".join(parts[start:])


def _is_googles(path: str, headers: Mapping[str, str], query: str) -> bool:
    """Whether a caller uses Gemini's API: by the place of its key, or by a version that only Google has."""
    parts = path.strip("/").split("/", 2)
    own = parts[0] in _GOOGLES and "openai" not in parts[1:2]
    return own or "x-goog-api-key" in headers or ("key=" in query and "key" in parse_qs(query))


def _gemini(rest: str) -> HttpRoute | None:
    if not rest.startswith("/models/"):
        return None
    return _ACTIONS.get(rest.rpartition(":")[2])


def _plugin(path: str) -> HttpRoute | None:
    """The route of a path of a plug-in's dialect."""
    dialect = dialects.paths().get(path)
    return None if dialect is None else HttpRoute(Kind.GENERATE, dialect)


def _models(rest: str, path: str, headers: Mapping[str, str], query: str) -> HttpRoute | None:
    name = rest.removeprefix("/models").removeprefix("/")
    if rest != "/models" and not rest.startswith("/models/"):
        return None
    dialect = CLAUDE if "anthropic-version" in headers else GEMINI if _is_googles(path, headers, query) else CHAT
    return HttpRoute(Kind.MODELS, dialect, name=name)


def _dashboard(path: str, headers: Mapping[str, str]) -> HttpRoute | None:
    """Its own pages ask for keys themselves. A program that asks for `/` gets a list of what is served, as at any other path that is not served."""
    browser = path == "/" and "text/html" in headers.get("accept", "")
    served = browser or path == "/dashboard" or path.startswith("/dashboard/")
    return HttpRoute(Kind.DASHBOARD, open=True) if served else None


def _stored(rest: str) -> HttpRoute | None:
    id = rest.removeprefix("/responses/")
    return HttpRoute(Kind.STORED, RESPONSES, name=id) if id != rest and "/" not in id else None
