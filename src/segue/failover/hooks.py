"""Hooks: what the engine reports of its work, and the checks that see a request first.

A hook is called in the event loop's thread and must return at once. An exception of a `Listener` is logged and goes no further: observing
never disturbs serving. An exception of a `RequestCheck` is raised to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from segue import plugins
from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import AttemptSummary, ConfigurationError, SegueError
from segue.routing.target import Target


class RequestStart(msgspec.Struct, frozen=True, kw_only=True):
    """A request was accepted. `wall` is epoch seconds; `target` the first of its chain; `hold`: its answer is delivered only as a whole."""

    request_id: str
    request: ChatRequest
    target: Target
    chain: str
    wall: float
    hold: bool
    metadata: dict[str, str]


class RequestEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A request is over, and so are all its attempts. Exactly one for each `RequestStart`.

    "cancelled": its reader left before the end. `target` and `model` are the last that delivered content, "" if none did. `first_content` is in
    seconds from the request's start. `text` is what the caller was shown, without thinking and tool calls.
    """

    start: RequestStart
    outcome: Literal["ok", "failed", "cancelled"]
    seconds: float
    target: str = ""
    model: str = ""
    first_content: float | None = None
    error: SegueError | None = None
    attempts: tuple[AttemptSummary, ...] = ()
    seams: int = 0
    hedges: int = 0
    rounds: int = 1
    usage: Usage = Usage()
    text: str = ""


class AttemptStart(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt is about to be sent. `wall` is epoch seconds; `prompt_tokens` an estimate; `max_tokens` bounds the output.

    `after` names the target whose failure it follows, if that is another one: then this is a failover.
    """

    attempt_id: str
    request_id: str
    target: Target
    chain: str
    wall: float
    prompt_tokens: int
    max_tokens: int | None
    hedge: bool
    continuation: bool
    metadata: dict[str, str]
    after: str = ""
    operation: Literal["chat", "embeddings"] = "chat"


class AttemptEnd(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt is over. Exactly one for each `AttemptStart`.

    `failure` is None if it answered or was cancelled. `usage` is the provider's latest report, if any; `usage_is_final` says that its
    terminal was read. `sent` is False if no byte was sent. `text` is everything it sent, shown or not: text, thinking and tool arguments.
    """

    start: AttemptStart
    outcome: str
    seconds: float
    failure: Failure | None = None
    usage: Usage | None = None
    usage_is_final: bool = False
    first_content: float | None = None
    status: int | None = None
    sent: bool = True
    text: str = ""
    shown: bool = False


class Listener(Protocol):
    """A listener may also have `request_started(RequestStart)` and `request_ended(RequestEnd)`, which are called for whole requests,

    and `attempt_booked(AttemptEnd, AttemptRecord)`, which is called with the ledger's record of an ended attempt and its cost: immediately,
    except in the first second of a process, while prices are loaded: then later and from another thread.
    """

    def attempt_started(self, start: AttemptStart) -> None: ...

    def attempt_ended(self, end: AttemptEnd) -> None: ...


@runtime_checkable
class RequestCheck(Protocol):
    """Sees every chat request before its chain is asked, from every interface: may change it, or refuse it."""

    def check_request(self, request: ChatRequest, metadata: Mapping[str, str]) -> ChatRequest:
        """Returns the request to send, the same or a changed one. `metadata` is the caller's metadata for the ledger, and the gateway's
        `key`.

        Raises `InvalidRequestError`, or another `SegueError`, to refuse it: the caller gets that error in the caller's dialect.
        """
        ...


def register(name: str, make: Callable[[], Any]) -> None:
    """Adds a hook to this process; it runs if the setting `hooks` names it. `make` returns a `Listener`, a `RequestCheck`, or both."""
    plugins.register("hooks", name, make)


def made(name: str) -> Any:
    """A new hook of that name. Raises `ConfigurationError` if there is none."""
    make = plugins.find("hooks", name)
    if make is None:
        known = ", ".join(plugins.names("hooks")) or "none is installed"
        raise ConfigurationError(f"unknown hook {name!r} in SEGUE_HOOKS or hooks: use one of segue.hooks ({known})")
    return make()
