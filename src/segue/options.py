"""The options of a call, from whichever face they come: typed for editors and mypy, and checked before anything is asked.

`CallOptions` is for type checkers; what is checked stands on `ChatRequest` and `Policy`, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

import msgspec

from segue import policy as policies
from segue.chat.request import ChatRequest, Effort, OutputSchema, Tool, ToolChoice
from segue.errors import ConfigurationError
from segue.policy import BreakerPolicy, Policy, StallPolicy
from segue.validation import convert, fields, unknown


class RequestOptions(TypedDict, total=False):
    """What a call says of its request and of the policy that it runs under; see `ChatRequest` and `Policy` for ranges and defaults."""

    tools: Sequence[Tool]
    tool_choice: ToolChoice | None
    parallel_tool_calls: bool | None
    output: OutputSchema | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    stop: str | Sequence[str]
    seed: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    effort: Effort | None
    thinking_budget: int | None
    user: str | None
    extra: dict[str, dict[str, Any]]
    policy: str
    complexity: float | None
    strong_share: float
    strong: Sequence[str]
    weights: dict[str, float]
    score: bool
    regions: Sequence[str]
    fallback: bool
    failover_on_refusal: bool
    unknown: Literal["middle", "light", "hard"]
    deadline: float | None
    last_share: float
    connect: float
    hedge: bool
    continuations: int
    rounds: int
    patience: float
    round_wait: tuple[float, float]
    quick_retry: tuple[float, float]
    seam_chars: int
    seam_wait: float
    linger: float
    successor: bool
    breaker: BreakerPolicy
    stall: StallPolicy


class CallOptions(RequestOptions, total=False):
    """All options of `Segue.complete`, `acomplete` and `stream`."""

    chain: str | Sequence[str] | None
    """The name of a chain of the settings or of a target, or names of targets in order; None is the default chain."""
    model: str | None
    """The model of the chain's first target."""
    system: str | None
    """A system text before the prompt."""
    validate: Callable[[str], str | None] | None
    """Returns what is wrong with a whole text, or None; an answer that fails is its target's failure."""
    metadata: Mapping[str, str] | None
    """Values for the ledger."""


REQUEST: Final = {name: kind for name, kind in fields(ChatRequest).items() if name != "messages"}
"""The types of the options that are fields of a request."""
POLICY: Final = fields(Policy)
"""The types of the options that are fields of a policy."""
_OWN: Final[dict[str, Any]] = {
    "chain": str | tuple[str, ...] | None,
    "model": str | None,
    "system": str | None,
    "validate": Any,
    "metadata": dict[str, str] | None,
}
_EMPTY: Final[dict[str, Any]] = {"tools": (), "stop": (), "extra": {}}
"""What None stands for where a field has no None."""


_BY_HAND: Final = frozenset({"chain", "policy", "validate"})
"""Options whose types do not say all that is right."""
_ALL: Final = msgspec.defstruct(
    "_All", [(name, kind, None) for name, kind in {**REQUEST, **POLICY, **_OWN}.items()], forbid_unknown_fields=True
)
"""All options as one struct: checking a call's at once costs a tenth of checking them one by one."""


def checked(name: str, value: Any, *, strict: bool = True, what: str = "") -> Any:
    """The value of one option in the type that it has; `strict` and errors as with `validation.convert`.

    `what` stands for the option's name in messages. A single `stop` text may stand for several.
    """
    what = what or name
    if name in POLICY:
        return policies.checked(name, value, strict=strict, what=what)
    if name == "stop" and isinstance(value, str):
        value = (value,)
    if name == "chain":
        return _chain(value, what)
    if name == "validate" and not (value is None or callable(value)):
        raise ConfigurationError(f"{what}={value!r} is wrong: use a function that takes a text")
    if value is None and name in _EMPTY:
        return _EMPTY[name]
    return convert(what, value, (REQUEST.get(name) or _OWN[name]), strict=strict)


def check(given: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """All of a call's options, checked. Raises `ConfigurationError` for one that does not exist or is wrong."""
    if not (given.keys() & _BY_HAND):
        try:
            read = msgspec.convert(given, _ALL)
        except msgspec.ValidationError:
            pass  # or only an odd way to say it: what follows takes them one by one, and says what is wrong
        else:
            return {name: getattr(read, name) for name in given}
    for name in given:
        if name not in REQUEST and name not in POLICY and name not in _OWN:
            raise unknown(name, f"an option of {whose}", (*REQUEST, *POLICY, *_OWN))
    return {name: checked(name, value) for name, value in given.items()}


def _chain(value: Any, what: str) -> str | tuple[str, ...] | None:
    if value is None or (isinstance(value, str) and value):
        return value
    names = tuple(value) if isinstance(value, list | tuple) else ()
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(
            f"{what}={value!r} is wrong: use the name of a chain or of a target, or a list of targets' names"
        )
    return names
