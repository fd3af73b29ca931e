"""What a client and a call can be told: one table of names for both, with their types and ranges.

A name is an option of `Segue.acomplete` (any field of `ChatRequest` or `Policy`), one of LangChain's standard parameters, or one of
the many words that LangChain's provider packages have for the same thing. Anything else is refused: LangChain itself passes over
what it does not know, and a misspelt `temprature` then works for months without ever doing anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from pydantic import SecretStr

from segue.chat.request import ChatRequest
from segue.errors import ConfigurationError
from segue.policy import Policy
from segue.routing.policy import names as policies

ALIASES: Final = {
    "model_name": "model",
    "max_output_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "request_timeout": "timeout",
    "default_request_timeout": "timeout",
    "stop_sequences": "stop",
    "reasoning_effort": "effort",
    "openai_api_key": "api_key",
    "anthropic_api_key": "api_key",
    "google_api_key": "api_key",
    "openai_api_base": "base_url",
    "anthropic_api_url": "base_url",
}
"""The provider packages' words for ours."""

_IDLE: Final = frozenset({"stream", "stream_usage"})
"""What goes without saying: LangChain decides about streaming, and usage is always told."""

ADDRESS: Final = frozenset({"api_key", "base_url", "timeout"})
"""What says where a request goes; beside these and the chain, everything is said anew with each request."""

_REQUEST = {field.name: field.type for field in msgspec.structs.fields(ChatRequest) if field.name != "messages"}
_POLICY = {field.name: field.type for field in msgspec.structs.fields(Policy)}
_TYPES: Final[dict[str, Any]] = {
    **_POLICY,
    **_REQUEST,
    "model": str | None,
    "base_url": str | None,
    "timeout": float | None,
    "max_retries": int | None,
}
_RANGES: Final[dict[str, tuple[float, float, str]]] = {
    "temperature": (0.0, 2.0, "use 0 to 2"),
    "top_p": (0.0, 1.0, "use 0 to 1"),
    "max_tokens": (1, float("inf"), "use a whole number from 1"),
    "timeout": (1e-3, float("inf"), "use seconds, more than 0"),
    "deadline": (1e-3, float("inf"), "use seconds, more than 0"),
    "max_retries": (0, float("inf"), "use a whole number from 0"),
}
_STRUCTURED: Final = frozenset({"tools", "tool_choice", "output"})
"""Options that have forms of their own in LangChain (see tools.py and structured.py)."""

PLAIN: Final = frozenset(_TYPES) - _STRUCTURED
"""Options that are values and no more."""


def named(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options by our names. Raises `ConfigurationError` where one is said twice."""
    ours: dict[str, Any] = {}
    for name, value in given.items():
        if name in _IDLE:
            continue
        known = ALIASES.get(name, name)
        if known in ours:
            raise ConfigurationError(f"{name} says the same as {known}: give one of them")
        ours[known] = value
    return ours


def refuse_unknown(names: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Raises `ConfigurationError` that names the first unknown option and the known one nearest to it."""
    allowed = frozenset(known)
    for name in names:
        if name not in allowed:
            near = difflib.get_close_matches(name, sorted(allowed), n=1)
            hint = f": did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(allowed))}"
            raise ConfigurationError(f"{name!r} is no option of {whose}{hint}")


def checked(name: str, value: Any, whose: str) -> Any:
    """The value, in the type that the option has. Raises `ConfigurationError` if it has another, or is out of range."""
    if name == "api_key":
        return _key(value, whose)
    if name == "stop":
        value = (value,) if isinstance(value, str) else tuple(value or ())
    try:
        known = msgspec.convert(value, _TYPES[name], strict=True)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{whose}: {name}={value!r} is wrong: {error}") from None
    if name == "policy" and known not in policies():
        raise ConfigurationError(f"{whose}: policy={value!r} is not a policy: use {', '.join(policies())}")
    if known is not None and name in _RANGES:
        low, high, allowed = _RANGES[name]
        if not low <= known <= high:
            raise ConfigurationError(f"{whose}: {name}={value} is out of range: {allowed}")
    return known


def _key(value: Any, whose: str) -> SecretStr | None:
    if callable(getattr(value, "get_secret_value", None)):
        value = value.get_secret_value()
    if value is None or isinstance(value, str):
        return SecretStr(value) if value else None
    raise ConfigurationError(f"{whose}: api_key must be text")


def settled(given: Mapping[str, Any], fields: Collection[str], whose: str) -> dict[str, Any]:
    """Checked values by field; an option that is no field goes to the field `options`. Raises `ConfigurationError`."""
    ours = named(given)
    rest = dict(ours.pop("options", None) or {})
    refuse_unknown(ours, PLAIN.union(fields), whose)
    rest |= {name: ours.pop(name) for name in tuple(ours) if name not in fields}
    refuse_unknown(rest, PLAIN.difference(fields), whose)
    known = {
        name: checked(name, value, whose) if name in PLAIN or name in ADDRESS else value for name, value in ours.items()
    }
    if rest:
        known["options"] = {name: checked(name, value, whose) for name, value in rest.items()}
    if "chain" in known:
        known["chain"] = chain_of(known["chain"], whose)
    return known


def chain_of(said: Any, whose: str) -> str | tuple[str, ...] | None:
    """A chain's name, a target's name, or targets' names. Raises `ConfigurationError` for anything else."""
    names = said if said is None or isinstance(said, str) else tuple(said)
    if names is not None and not (names and all(isinstance(name, str) and name for name in names)):
        raise ConfigurationError(
            f"{whose}: chain={said!r} is none: give the name of a chain or of a target, or names of targets"
        )
    return names


def request_options(said: Mapping[str, Any]) -> dict[str, Any]:
    """Options as `Segue` takes them. LangChain's `max_retries` is the number of rounds beyond the first; None leaves the policy's."""
    options = {name: value for name, value in said.items() if name not in ADDRESS}
    if (retries := options.pop("max_retries", None)) is not None:
        options.setdefault("rounds", retries + 1)
    return options
