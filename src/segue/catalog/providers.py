"""Providers by name: how each is reached, what is asked of it where nothing is set, and where it departs from its dialect.

The data is `providers.jsonl`, one JSON object a line, each with its `sources` and the day it was `checked`. A provider that speaks a
known dialect is one line there, or one `registry.register(name, Provider(...))`. What single models take is in `models.jsonl`.
"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec

QUIRKS: Final = {
    "prefix": "the start of a turn that is to be continued is marked `prefix: true`",
    "prefix_path": "such a request goes to this path of the address instead of its own",
    "prefill": "the start of a turn that is to be continued needs no mark, but these fields of the body if any are named",
    "max_tokens_param": "the output limit is sent under this name, whatever the model",
    "no_stream_options": "`stream_options` is not sent; usage comes without being asked for",
    "top_k": "`top_k` is sent, which OpenAI does not know",
    "seed_param": "the seed is sent under this name",
    "leave_out": "these fields are never sent",
    "tool_choices": "of the tool choices only these are sent; `tool` becomes `required` with that one tool, `none` leaves the tools out",
    "no_strict": "`strict` is left out of tools and schemas",
    "formats": "of the response formats only these are sent; else JSON is asked for in words",
    "thinking_switch": "thinking is switched by `thinking: {type: enabled}` and `{type: disabled}`",
    "reasoning_field": "reasoning is sent back in this field of its turn",
    "reasoning_details": "reasoning is sent back as its `reasoning_details`, unchanged",
    "tool_id_length": "tool-call ids are replaced by ones of exactly so many letters and digits",
    "tool_images": "tool results may hold images",
    "plain_content": "content is one string, unless there are images",
    "alternate": "system text goes first, and turns of one role are joined",
    "assistant_after_tools": "a turn of the model's stands between the results of tools and a user's turn",
    "system_role": "system messages have this role",
    "key_header": "the bare key goes into this header",
    "query": "these parameters are added to every URL",
    "bearer": "Claude's dialect: the key goes into `authorization`",
}
"""What a codec can do otherwise for a provider, by the names that presets and settings use."""


_VERSION = re.compile(r"/v\d{1,4}(?:(?:alpha|beta)\d{0,4})?$")


class Embedder(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's embeddings. A `path` that begins with a version replaces that of the target's address.

    `models` are globs for names that no other provider uses; without any, a model is found only as `target/model`.
    """

    path: str = "/embeddings"
    models: tuple[str, ...] = ()
    source: str = ""

    def url(self, base_url: str) -> str:
        base = base_url.rstrip("/")
        return (_VERSION.sub("", base) if self.path.startswith("/v") else base) + self.path

    def knows(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), glob) for glob in self.models)


class Names(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What others call a provider.

    `aliases` are further names that callers use. `price_list` is its name in genai-prices, `otel` in OpenTelemetry's conventions, each ""
    where it is ours. `langchain` are those of LangChain's packages, the first for its tracers. `models` are what the names of its own
    models begin with.
    """

    aliases: tuple[str, ...] = ()
    price_list: str = ""
    otel: str = ""
    langchain: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset.

    `base_url` None is the dialect's public address, or, where `address` shows how one's own looks, one that must be
    set. `model` is the default, None where one must be named, or for a `local` server the first that it lists.
    `keyless` providers need no key; the others make theirs at `key_page`, and begin them with one of `key_prefixes`
    where they are known to; `key_variables` are further ones in which the key is looked for, as its own documentation
    names them. `region` is where all its answers come from by its own documentation, "" where that does not say so
    plainly. `serves` is another provider whose models it has under that provider's names. `tracked` is a glob for the models that
    `models.jsonl` lists one by one, "" where it has families only. `quirks` are those of `QUIRKS`.
    """

    dialect: str
    title: str = ""
    base_url: str | None = None
    address: str | None = None
    model: str | None = None
    keyless: bool = False
    local: bool = False
    region: str = ""
    serves: str = ""
    tracked: str = ""
    key_prefixes: tuple[str, ...] = ()
    key_page: str = ""
    key_variables: tuple[str, ...] = ()
    names: Names = Names()
    embeddings: Embedder | None = None
    quirks: dict[str, Any] = {}
    sources: tuple[str, ...] = ()
    checked: date | None = None


def _read() -> dict[str, Provider]:
    lines: list[dict[str, Any]] = msgspec.json.Decoder().decode_lines(
        Path(__file__).with_name("providers.jsonl").read_bytes()
    )
    return {line.pop("name"): msgspec.convert(line, Provider) for line in lines}


PROVIDERS: Final = _read()
"""The presets, in the order in which docs/providers.md lists them."""

OTHERS: Final = {
    "aws": Names(otel="aws.bedrock", langchain=("amazon_bedrock",)),
    "bedrock": Names(price_list="aws", otel="aws.bedrock"),
    "vertex": Names(otel="gcp.vertex_ai"),
}
"""Providers without a preset, which are asked through LangChain's packages."""

_NAMES: Final = {name: preset.names for name, preset in PROVIDERS.items()} | OTHERS
_ALIASES: Final = {alias: name for name, names in _NAMES.items() for alias in names.aliases}
_LANGCHAIN: Final = {alias: name for name, names in _NAMES.items() for alias in names.langchain}
_UNNAMED: Final = Names()


def our_name(provider: str) -> str:
    """Our name for a provider that may be called by its vendor's or a dialect's: `anthropic` is `claude`."""
    return _ALIASES.get(provider.lower(), provider.lower())


def from_langchain(provider: str) -> str:
    """Our name for a provider as LangChain's packages call it."""
    return _LANGCHAIN.get(provider, provider)


def names_of(provider: str) -> Names:
    """What others call a provider."""
    return _NAMES.get(provider, _UNNAMED)


LOCAL: Final = "local"
"""The provider that is whichever of the local servers is found running."""
