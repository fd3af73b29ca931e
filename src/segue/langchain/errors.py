"""The engine's errors, which are LangChain's too: what catches either, or asks whether to retry, understands them.

LangChain's retrying tries again anything that is not its own `ModelError`; ours have been through the whole chain already, so
`is_retryable` is False on all of them. Its summarizing acts on `ContextOverflowError`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from langchain_core import exceptions as lc

from segue import errors


class LLMServiceUnavailableError(errors.LLMServiceUnavailableError, lc.ModelAPIError):
    pass


class RateLimitError(errors.RateLimitError, lc.ModelRateLimitError):
    pass


class AuthenticationError(errors.AuthenticationError, lc.ModelAuthenticationError):
    pass


class APIConnectionError(errors.APIConnectionError, lc.ModelConnectionError):
    pass


class DeadlineExceededError(errors.DeadlineExceededError, lc.ModelTimeoutError):
    pass


class StreamInterruptedError(errors.StreamInterruptedError, lc.ModelAPIError):
    pass


class InvalidRequestError(errors.InvalidRequestError, lc.ModelInvalidRequestError):
    pass


class ContentRefusedError(errors.ContentRefusedError, lc.ModelError):
    pass


class PromptTooLongError(errors.InvalidRequestError, lc.ContextOverflowError):
    """No target of the chain has a window for it."""


_OURS: Final[dict[type[errors.SegueError], type[errors.SegueError]]] = {
    ours.__bases__[0]: ours
    for ours in (
        LLMServiceUnavailableError,
        RateLimitError,
        AuthenticationError,
        APIConnectionError,
        DeadlineExceededError,
        StreamInterruptedError,
        InvalidRequestError,
        ContentRefusedError,
    )
}
_TOO_LONG: Final = re.compile(r"too long|context|token count|'s window", re.IGNORECASE)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """What is raised inside is given its class in LangChain's terms; it stays the same error, with all it tells."""
    try:
        yield
    except errors.SegueError as error:
        if (kind := _kind(error)) is not None:
            error.__class__ = kind
        raise


def _kind(error: errors.SegueError) -> type[errors.SegueError] | None:
    if type(error) is errors.InvalidRequestError:
        reasons = [attempt.reason for attempt in error.attempts if attempt.outcome != "cancelled"]
        if reasons and all(_TOO_LONG.search(reason) for reason in reasons):
            return PromptTooLongError
    return _OURS.get(type(error))
