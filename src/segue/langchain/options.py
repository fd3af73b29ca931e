"""The options of a client and of a call: one table of names for both, with their types and ranges.

A name is an option of `Segue.acomplete` (any field of `ChatRequest` or `Policy`), one of LangChain's standard parameters, or one of
the many words that LangChain's provider packages have for the same thing. Anything else is refused: LangChain itself passes over
what it does not know, and a misspelt `temprature` then works for months without ever doing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic import SecretStr

from segue import options
from segue.chat.request import Effort
from segue.errors import ConfigurationError
from segue.langchain.backend import Address
from segue.langchain.older_options import merged, translated
from segue.options import POLICY, REQUEST, CallOptions, RequestOptions
from segue.policy import Count, Seconds
from segue.secret import Secret
from segue.validation import convert, unknown


class ClientOptions(RequestOptions, total=False):
    """All options of `LLMClient` and of its `with_options`: those of a call, those of LangChain's chat models, and their aliases."""

    chain: str | Sequence[str] | None
    model: str | None
    timeout: float | None
    max_retries: int | None
    base_url: str | None
    api_key: str | SecretStr | None
    streaming: bool
    options: dict[str, Any]
    client: Any
    streams: bool
    backend: Any
    engine: Any
    name: str | None
    cache: Any
    verbose: bool
    callbacks: Any
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: Any
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: Any
    stream: bool
    stream_usage: bool
    model_name: str | None
    max_output_tokens: int | None
    max_completion_tokens: int | None
    max_tokens_to_sample: int | None
    request_timeout: float | None
    default_request_timeout: float | None
    stop_sequences: Sequence[str] | None
    reasoning_effort: Effort | None
    openai_api_key: str | SecretStr | None
    anthropic_api_key: str | SecretStr | None
    google_api_key: str | SecretStr | None
    openai_api_base: str | None
    anthropic_api_url: str | None
    model_kwargs: dict[str, Any]
    extra_body: dict[str, Any]
    logit_bias: dict[str, int] | None
    logprobs: bool | None
    top_logprobs: int | None
    service_tier: str | None
    verbosity: str | None
    reasoning: dict[str, Any] | None
    betas: Sequence[str] | None
    thinking: dict[str, Any] | None
    thinking_level: Effort | None
    safety_settings: Any
    cached_content: str | None
    convert_system_message_to_human: bool
    n: int | None


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
"""Options without effect: LangChain decides about streaming, and usage is always reported."""

ADDRESS: Final = frozenset({"api_key", "base_url", "timeout"})
"""What says where a request goes; beside these and the chain, everything is sent with each request."""

_OWN: Final[dict[str, Any]] = {"base_url": str | None, "timeout": Seconds | None, "max_retries": Count | None}
_STRUCTURED: Final = frozenset({"tools", "tool_choice", "output"})
"""Options that have other forms in LangChain (see tools.py and structured.py)."""

PLAIN: Final = frozenset({*REQUEST, *POLICY, *_OWN, "model"}) - _STRUCTURED
"""Options that are values and no more."""


def named(given: Mapping[str, Any], whose: str = "LLMClient") -> dict[str, Any]:
    """The options by our names. Raises `ConfigurationError` if one is set twice, or no longer exists."""
    ours: dict[str, Any] = {}
    for name, value in translated(given, whose).items():
        if name in _IDLE:
            continue
        known = ALIASES.get(name, name)
        if known in ours:
            raise ConfigurationError(f"{name} says the same as {known}: give one of them")
        ours[known] = value
    return ours


def refuse_unknown(names: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Raises `ConfigurationError` for the first name that is not known."""
    allowed = frozenset(known)
    for name in names:
        if name not in allowed:
            raise unknown(name, f"an option of {whose}", allowed)


def checked(name: str, value: Any, whose: str) -> Any:
    """The value, in the type that the option has. Raises `ConfigurationError` if it has another, or is out of range."""
    if name == "api_key":
        return _key(value, whose)
    what = f"{whose}: {name}"
    return convert(what, value, _OWN[name]) if name in _OWN else options.checked(name, value, what=what)


def _key(value: Any, whose: str) -> SecretStr | None:
    if callable(getattr(value, "get_secret_value", None)):
        value = value.get_secret_value()
    if value is None or isinstance(value, str):
        return SecretStr(value) if value else None
    raise ConfigurationError(f"{whose}: api_key must be text")


def settled(given: Mapping[str, Any], fields: Collection[str], whose: str) -> dict[str, Any]:
    """Checked values by field; an option that is no field goes to the field `options`. Raises `ConfigurationError`."""
    ours = named(given, whose)
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
        known["chain"] = checked("chain", known["chain"], whose)
    return known


class ModelOptions(NamedTuple):
    """The checked options of a client or of one call: where a request goes, and what is sent with it."""

    call: CallOptions
    """Options as `Segue` takes them."""
    api_key: str | SecretStr | None = None
    """A subclass written after the original guide may have set plain text."""
    base_url: str | None = None
    timeout: float | None = None
    max_retries: int | None = None

    def changed(self, values: Mapping[str, Any]) -> ModelOptions:
        """A copy with these checked values; those of `extra` are merged."""
        beside = {name: values[name] for name in (*ADDRESS, "max_retries") if name in values}
        call = {**self.call, **{name: value for name, value in values.items() if name not in beside}}
        if values.get("extra"):
            call["extra"] = merged(self.call.get("extra"), values["extra"])
        return self._replace(call=cast(CallOptions, call), **beside)

    def address(self, model: str | None = None) -> Address:
        key = self.api_key.get_secret_value() if isinstance(self.api_key, SecretStr) else self.api_key
        return Address(model=model, api_key=Secret(key) if key else None, base_url=self.base_url, timeout=self.timeout)

    def request(self) -> CallOptions:
        """A copy of `call` with `max_retries`, the number of rounds beyond the first, as `rounds`; None leaves the policy's."""
        call = self.call.copy()
        if self.max_retries is not None:
            call.setdefault("rounds", self.max_retries + 1)
        return call

    def public(self) -> dict[str, Any]:
        """All that are set, without the key."""
        beside = {"base_url": self.base_url, "timeout": self.timeout, "max_retries": self.max_retries}
        return {**self.call, **{name: value for name, value in beside.items() if value is not None}}
