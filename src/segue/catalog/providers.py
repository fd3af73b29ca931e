"""Providers by name: how each is reached, what is asked of it where nothing is set, and where it departs from its dialect.

The data is `providers.jsonl`, one JSON object a line, each with its `sources` and the day it was `checked`. A provider that speaks a
known dialect is one line there, or one `registry.register(name, Provider(...))`. What single models take is in `models.jsonl`.
"""

from __future__ import annotations

from datetime import date
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
    "system_role": "system messages have this role",
    "key_header": "the bare key goes into this header",
    "query": "these parameters are added to every URL",
    "bearer": "Claude's dialect: the key goes into `authorization`",
}
"""What a codec can do otherwise for a provider, by the names that presets and settings use."""


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset.

    `base_url` None is the dialect's public address, or, where `address` shows how one's own looks, one that must be set. `model` is the
    default, None where one must be named, or for a `local` server the first that it lists. `keyless` providers need no key; the others
    make theirs at `key_page`, and begin them with one of `key_prefixes` where they are known to. `region` is where all its answers come
    from by its own documentation, "" where that does not say so plainly. `quirks` are those of `QUIRKS`.
    """

    dialect: str
    title: str = ""
    base_url: str | None = None
    address: str | None = None
    model: str | None = None
    keyless: bool = False
    local: bool = False
    region: str = ""
    key_prefixes: tuple[str, ...] = ()
    key_page: str = ""
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

LOCAL: Final = "local"
"""The provider that is whichever of the local servers is found running."""
