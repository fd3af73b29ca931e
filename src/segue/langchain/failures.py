"""What a LangChain model raises, as a failure.

Where the provider's answer is at hand, the dialect's own codec judges it, as it judges an answer that came over HTTP. Else
LangChain's common error classes tell, then the kind of exception.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from langchain_core import exceptions as lc

from segue.chat.failure import Failure, FailureKind, Scope
from segue.wire import dialects

_CLASSES: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (lc.ContextOverflowError, FailureKind.CAPABILITY),
    (lc.ModelAuthenticationError, FailureKind.AUTH),
    (lc.ModelPermissionDeniedError, FailureKind.AUTH),
    (lc.ModelNotFoundError, FailureKind.MODEL_GONE),
    (lc.ModelRateLimitError, FailureKind.RATE),
    (lc.ModelAPIError, FailureKind.OVERLOAD),
    (lc.ModelConnectionError, FailureKind.TRANSPORT),
    (lc.ModelTimeoutError, FailureKind.TRANSPORT),
    (lc.ModelInvalidRequestError, FailureKind.CALLER),
    (TimeoutError, FailureKind.TRANSPORT),
    (OSError, FailureKind.TRANSPORT),
    # What a model raises by itself, without its provider: it can't say this, or not in this way.
    (NotImplementedError, FailureKind.CAPABILITY),
    (TypeError, FailureKind.CAPABILITY),
    (ValueError, FailureKind.CAPABILITY),
)

_UNEXPECTED: Final = re.compile(r"unexpected keyword argument '(?P<name>\w+)'")

_NETWORK: Final = frozenset(
    {
        "APIConnectionError",
        "ClientConnectionError",
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "TransportError",
    }
)
"""Base classes of SDKs and HTTP libraries, known by name so that none has to be imported."""


def failure_of(error: BaseException, dialect: str) -> Failure:
    for cause in _causes(error):
        if isinstance(cause, lc.ContextOverflowError):
            return Failure(kind=FailureKind.CAPABILITY, message=_text(error), status=status_of(error))
        if (status := _status(cause)) is not None:
            return _judged(cause, status, dialect)
    for cause in _causes(error):
        if not _NETWORK.isdisjoint(kind.__name__ for kind in type(cause).__mro__):
            return Failure(kind=FailureKind.TRANSPORT, message=_text(error), scope=Scope.ENDPOINT)
    for cause in _causes(error):
        for kind, meaning in _CLASSES:
            if isinstance(cause, kind):
                return Failure(kind=meaning, message=_text(error), param=_refused(cause))
    return Failure(kind=FailureKind.BROKEN, message=_text(error))


def _refused(error: BaseException) -> str | None:
    """The option that an SDK's function does not know; the engine then tries without it."""
    found = _UNEXPECTED.search(str(error)) if isinstance(error, TypeError) else None
    return found["name"] if found else None


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error or one of its causes carries."""
    return next((status for cause in _causes(error) if (status := _status(cause)) is not None), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    found: tuple[Any, ...] = (
        getattr(error, "status_code", None),
        getattr(error, "http_status", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    )
    if isinstance(response, Mapping):
        # botocore's form
        found = (response.get("ResponseMetadata", {}).get("HTTPStatusCode"), *found)
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool) and 400 <= n <= 599), None)


def _judged(error: BaseException, status: int, dialect: str) -> Failure:
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None)
    plain = {str(name).lower(): str(value) for name, value in headers.items()} if headers is not None else {}
    codec = dialects.upstream(dialect if dialects.known(dialect) else "openai_chat")
    return codec.failure(status, plain, _body(error, response), wall=time.time())


def _body(error: BaseException, response: Any) -> bytes:
    try:
        content = response.content
        if isinstance(content, bytes) and content:
            return content
    except Exception:  # a streamed answer of httpx that was not read raises here
        pass
    for name in ("body", "details"):
        value = getattr(error, name, None)
        if isinstance(value, dict) and value:
            return msgspec.json.encode(value if "error" in value else {"error": value}, enc_hook=str)
    return msgspec.json.encode({"error": {"message": _text(error)}})


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
