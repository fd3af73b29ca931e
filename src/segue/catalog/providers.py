"""Providers by name: how each is reached and what is asked of it where nothing is set.

A provider that speaks a known dialect is one entry here, or one `registry.register(name, Provider(...))`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset. `base_url` None is the dialect's public address; `model` is the default, None where one must be named.

    `keyless` providers need no key (local servers). `quirks` are the deviations that the dialect's codec knows of.
    """

    dialect: str
    base_url: str | None = None
    model: str | None = None
    keyless: bool = False
    quirks: dict[str, Any] = {}


PROVIDERS: dict[str, Provider] = {
    "gemini": Provider(dialect="gemini", model="gemini-3.5-flash-lite"),
    "openai": Provider(dialect="openai_chat", model="gpt-6-luna"),
    "claude": Provider(dialect="claude", model="claude-sonnet-5-5"),
    "groq": Provider(dialect="openai_chat", base_url="https://api.groq.com/openai/v1"),
    "deepseek": Provider(dialect="openai_chat", base_url="https://api.deepseek.com/v1"),
    "mistral": Provider(dialect="openai_chat", base_url="https://api.mistral.ai/v1", quirks={"prefix": True}),
    "openrouter": Provider(dialect="openai_chat", base_url="https://openrouter.ai/api/v1"),
    "ollama": Provider(dialect="openai_chat", base_url="http://127.0.0.1:11434/v1", keyless=True),
}
"""Default models: the three of the original guide's chain, brought up to November 2026 (see models.jsonl for their sources)."""
