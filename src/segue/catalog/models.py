"""What is known of each model: limits, capabilities, the parameters it takes, and how long it lives.

The data is `models.jsonl`, one JSON object a line, each with its `sources` and the day it was `checked`. It is append-only:
news of a model is a new line with the same `id` that names only what changed; later lines win. A line may say it is `like` an
earlier one: everything but identity, lifecycle and free quota is taken over from there. A line with `match` (globs) speaks
for a family, so that a model that came out after the data still gets the manners of its family, and one that is gone is known to be.

A name is looked up as it is, then without its date or `-latest`, then among the families, longest glob first. What is not found
gets a generic entry that takes everything: a provider's 400 teaches more than a guess, and is retried once without the parameter.
"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec

from segue.catalog.providers import PROVIDERS, our_name
from segue.chat.request import Effort

Dialect: TypeAlias = Literal["openai_chat", "openai_responses", "claude", "gemini"]


FILES: Final = {
    "openai": ("application/pdf", "text/*", "application/vnd.openxmlformats-officedocument.*"),
    "claude": ("application/pdf",),
    "gemini": ("application/pdf", "audio/*", "video/*", "text/*"),
}
"""What the models of a provider read beside text and pictures; those of others count as reading nothing else. Checked on 2026-11-28:
developers.openai.com/api/docs/guides/file-inputs, platform.claude.com/docs/en/build-with-claude/pdf-support,
ai.google.dev/gemini-api/docs/document-processing and …/audio, …/video-understanding."""


LONGEST_NAME: Final = 256
"""Characters of a model's name. What is longer is none: the gateway refuses it, and nothing is looked up or kept of it here."""


class FreeQuota(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider gives away to one project and model. `None`: no such limit is known."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input tokens."""
    requests_per_day: int | None = None
    tokens_per_day: int | None = None


class ListPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars a million tokens, as overrides have them."""

    input: str
    output: str
    cache_read: str | None = None
    cache_write: str | None = None


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. `None` is: not known. Parameters are named as the fields of `ChatRequest`."""

    id: str
    provider: str
    """Our name of it: `openai`, `claude`, `gemini`, `groq` …"""
    dialect: Dialect
    """The dialect to speak to it where there is a choice; some OpenAI models answer in `openai_responses` only."""
    aliases: tuple[str, ...] = ()
    match: tuple[str, ...] = ()

    window: int | None = None
    """The most prompt tokens it reads."""
    max_output: int | None = None
    """The most tokens it writes, reasoning included."""
    tools: bool = True
    images: bool = True
    files: tuple[str, ...] | None = None
    """Media types of the files it reads, as globs, e.g. `audio/*`; None: those that its provider's models read in general, if it sees."""
    json_schema: bool = True
    streams: bool = True
    prefill: Literal["none", "partial"] = "none"
    """`partial`: a last assistant turn is continued. Unknown models count as `none`: a user turn asks any of them to go on."""

    rejects: tuple[str, ...] = ()
    """Parameters whose non-default values are answered with a 400 …"""
    rejects_while_reasoning: tuple[str, ...] = ()
    """… and those only while it reasons."""
    ignores: tuple[str, ...] = ()
    """Parameters accepted without effect."""
    exclusive: tuple[str, ...] = ()
    """Of these at most one may be sent."""
    temperature_max: float = 2.0
    max_tokens_param: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field's name in Chat Completions."""
    forced_tool_use: bool = True
    """Whether a request may demand a tool call."""
    forced_tool_use_while_reasoning: bool = True
    chat_tools_need_no_reasoning: bool = False
    """Chat Completions takes tools only with reasoning effort `none`; the Responses API has no such rule."""
    signatures: bool = False
    """Tool calls in the transcript need the thought signature they came with (Gemini 3 and later)."""

    reasoning: bool = False
    """Whether it can think before it answers."""
    reasoning_control: Literal["none", "effort", "budget", "adaptive", "level"] = "none"
    """How thinking is asked for: OpenAI's effort; a token budget; Claude's adaptive thinking with effort; Gemini's level."""
    reasoning_off: Literal["default", "explicit", "between_tools", "never"] | None = None
    """How thinking is switched off: it is off unless asked for; by saying so; by Claude's `between_tools`; not at all."""
    efforts: tuple[str, ...] | None = None
    """The efforts it takes, in the provider's words; empty: none at all."""
    effort_default: str | None = None
    """What it uses when none is asked for; `none`: it does not think."""

    released: date | None = None
    deprecated: date | None = None
    """The day its end was announced."""
    shutdown: date | None = None
    successor: str | None = None
    """The replacement the provider names."""
    successor_effort: Effort | None = None
    """What to ask of the replacement where nothing is asked for: `none` where this one did not think and that one does."""
    redirects_to: str | None = None
    """From `shutdown` on, requests are answered, and billed, as this model."""
    retired: bool = False
    """It is gone, since a day that is not known."""
    price: ListPrice | None = None
    """For a model that the price list does not have yet."""
    free_quota: FreeQuota | None = None
    """`None`: no free tier, or none known."""

    sources: tuple[str, ...] = ()
    """Where the facts are from that are not taken over from another model; empty in a generic entry."""
    checked: date | None = None

    def reads(self, media_type: str) -> bool:
        """Whether it takes files of this type."""
        globs = self.files
        if globs is None:
            globs = FILES.get(self.provider, ()) if self.images else ()
        return any(fnmatchcase(media_type, glob) for glob in globs)

    @property
    def known(self) -> bool:
        """False for a generic entry."""
        return bool(self.sources)

    def reasons(self, effort: str | None = None, thinking_budget: int | None = None) -> bool:
        """Whether a request with this effort and budget makes it think before it answers."""
        if not self.reasoning:
            return False
        if thinking_budget is not None:
            return thinking_budget > 0 or self.reasoning_off == "never"
        wanted = effort or self.effort_default
        return wanted != "none" or (effort == "none" and self.reasoning_off == "never")

    def deliberates(self, effort: str | None = None, thinking_budget: int | None = None) -> bool:
        """Whether it thinks long enough for its first word to be late: more than with `minimal` effort, which is made for speed."""
        quick = thinking_budget is None and (effort or self.effort_default) == "minimal"
        return not quick and self.reasons(effort, thinking_budget)

    def takes(self, parameter: str, *, effort: str | None = None, thinking_budget: int | None = None) -> bool:
        """Whether a non-default value of this `ChatRequest` field has an effect and is not refused."""
        if parameter in self.rejects or parameter in self.ignores:
            return False
        return parameter not in self.rejects_while_reasoning or not self.reasons(effort, thinking_budget)

    def billed_as(self, day: date) -> str:
        """The model whose prices hold on this day: itself, unless it has become another one's name."""
        return self.redirects_to if self.redirects_to and self.shutdown and day >= self.shutdown else self.id


class Lifecycle(NamedTuple):
    """`message` is a sentence for people, where there is something to say. `successor` is still alive on the day asked about."""

    status: Literal["current", "deprecated", "retired"]
    message: str | None = None
    successor: str | None = None


def find_model(provider: str, name: str) -> ModelInfo:
    """What is known of the model `name` of a provider, named by our name, the vendor's or a dialect's. Never fails."""
    name = name.strip()
    return _find(provider.lower(), name) if len(name) <= LONGEST_NAME else _unknown(provider.lower(), name)


def lifecycle(info: ModelInfo, today: date) -> Lifecycle:
    """Where the model stands on a day. A model with a shutdown date ahead is deprecated from the notice on."""
    successor = _living_successor(info, today)
    advice = f": use {successor}" if successor else ""
    if info.shutdown and today >= info.shutdown:
        if info.redirects_to:
            message = f"{info.id} is answered and billed as {info.redirects_to} since {info.shutdown}{advice}"
            return Lifecycle("retired", message, successor)
        return Lifecycle("retired", f"{info.id} was shut down on {info.shutdown}{advice}", successor)
    if info.retired:
        return Lifecycle("retired", f"{info.id} is no longer served{advice}", successor)
    announced = info.deprecated or (info.checked if info.shutdown else None)
    if announced and today >= announced:
        when = f"shuts down on {info.shutdown}" if info.shutdown else "is deprecated"
        return Lifecycle("deprecated", f"{info.id} {when}{advice}", successor)
    return Lifecycle("current", None, successor)


_OWN = frozenset(
    {"id", "aliases", "match", "like", "released", "deprecated", "shutdown", "successor", "redirects_to", "free_quota"}
    | {"successor_effort", "retired", "price", "sources", "checked"}
)
_DATED = re.compile(r"(?:[-@](?:\d{8}|20\d\d-\d\d-\d\d|00\d|latest)){1,3}$")
_VENDOR = re.compile(r"^(?:models|openai|anthropic|claude|google|gemini)/")


class _Index(NamedTuple):
    names: dict[tuple[str, str], ModelInfo]
    families: list[tuple[str, str, ModelInfo]]


def plain_name(provider: str, name: str) -> str:
    """A model's name in lower case, without the `models/` or vendor's prefix that some callers put before it."""
    plain = name.strip().lower()
    return _VENDOR.sub("", plain) if provider in ("openai", "claude", "gemini") else plain


@cache
def _index() -> _Index:
    lines: list[dict[str, Any]] = msgspec.json.Decoder().decode_lines(
        Path(__file__).with_name("models.jsonl").read_bytes()
    )
    merged: dict[str, dict[str, Any]] = {}
    for line in lines:
        base = merged.get(line["id"])
        if base is None and "like" in line:
            base = {field: value for field, value in merged[line["like"]].items() if field not in _OWN}
        merged[line["id"]] = (base or {}) | line
    names: dict[tuple[str, str], ModelInfo] = {}
    families: list[tuple[str, str, ModelInfo]] = []
    for record in merged.values():
        record.pop("like", None)
        info = msgspec.convert(record, ModelInfo)
        families.extend((info.provider, glob, info) for glob in info.match)
        names.update({(info.provider, name): info for name in (info.id, *info.aliases) if not info.match})
    families.sort(key=lambda family: len(family[1]), reverse=True)
    return _Index(names, families)


def entries() -> tuple[ModelInfo, ...]:
    """Every model with a separate line, once."""
    return tuple(dict.fromkeys(_index().names.values()))


def listed(provider: str, name: str) -> ModelInfo | None:
    """What is known of this very model, under any of its names; None where it is known only as one of a family, or not at all."""
    if len(name) > LONGEST_NAME:
        return None
    provider = our_name(provider)
    names = _index().names
    plain = _looked_up(provider, name)
    return names.get((provider, plain)) or names.get((provider, _DATED.sub("", plain)))


def _looked_up(provider: str, name: str) -> str:
    """A model's name as the data spells it."""
    plain = plain_name(provider, name)
    if plain.startswith("ft:"):
        plain = plain.split(":")[1]
    if provider == "claude" and not plain.startswith("claude-2"):
        plain = plain.replace(".", "-")
    return plain


@lru_cache(maxsize=4096)
def _find(asked: str, name: str) -> ModelInfo:
    if (found := listed(asked, name)) is not None:
        return found
    provider = our_name(asked)
    plain = _looked_up(provider, name)
    for owner, glob, family in _index().families:
        if owner == provider and fnmatchcase(plain, glob):
            sources = () if glob == "*" else family.sources  # what holds for whatever a provider has names no model
            return msgspec.structs.replace(family, id=name, match=(), sources=sources)
    if (preset := PROVIDERS.get(provider)) is not None and preset.serves:
        # A deployment under a name of the user's choice is unknown.
        served = _find(preset.serves, name)
        return msgspec.structs.replace(served, provider=provider, dialect="openai_chat")
    return _unknown(asked, name)


def _unknown(asked: str, name: str) -> ModelInfo:
    """The generic entry."""
    provider = our_name(asked)
    preset = PROVIDERS.get(provider)
    return ModelInfo(
        id=name,
        provider=provider,
        dialect=cast(Dialect, preset.dialect) if preset is not None else "openai_chat",
        temperature_max=1.0 if provider == "claude" else 2.0,
        max_tokens_param="max_completion_tokens" if asked == "openai" else "max_tokens",
    )


def _living_successor(info: ModelInfo, today: date) -> str | None:
    """The first of the chain of replacements that is not shut down; `None` where the chain has no living end."""
    seen = {info.id}
    name = info.successor
    while name and name not in seen:
        seen.add(name)
        after = find_model(info.provider, name)
        if not (after.retired or (after.shutdown and today >= after.shutdown)):
            return name
        name = after.successor
    return None
