"""Which providers turn texts into vectors in OpenAI's shape, where, and by what their models are known.

The data is the column `embeddings` of `providers.jsonl`; a provider without it has none (Claude, Groq, DeepSeek).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from segue.catalog.providers import PROVIDERS

EMBEDDERS: Final = {name: preset.embeddings for name, preset in PROVIDERS.items() if preset.embeddings is not None}

GONE: Final = {
    "text-embedding-004": "gemini-embedding-001",
    "embedding-001": "gemini-embedding-001",
    "embedding-gecko-001": "gemini-embedding-001",
    "text-similarity-*": "text-embedding-3-small",
    "text-search-*": "text-embedding-3-small",
    "code-search-*": "text-embedding-3-small",
}
"""Models that were shut down, as globs, and what their makers name in their place. Another model's vectors do not fit those that are kept,
so none is asked unbidden. Checked on 2026-11-30: ai.google.dev/gemini-api/docs/changelog (14 January 2026),
developers.openai.com/api/docs/deprecations."""


def replacement(model: str) -> str:
    """What to use in place of a model that was shut down, "" where it was not."""
    return next((heir for glob, heir in GONE.items() if fnmatchcase(model.rpartition("/")[2].lower(), glob)), "")
