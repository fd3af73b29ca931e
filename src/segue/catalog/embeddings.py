"""Which providers turn texts into vectors in OpenAI's shape, where, and by what their models are known.

Checked on 2026-11-28 against the providers' documentation. A provider of `PROVIDERS` that is missing here has no embeddings (Claude, Groq,
DeepSeek).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

import msgspec

_VERSION = re.compile(r"/v\d{1,4}(?:(?:alpha|beta)\d{0,4})?$")


class Embedder(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's embeddings. A `path` that begins with a version replaces that of the target's address.

    `models` are globs for names that are nobody else's; without any, a model is found only as `target/model`.
    """

    path: str = "/embeddings"
    models: tuple[str, ...] = ()
    source: str = ""

    def url(self, base_url: str) -> str:
        base = base_url.rstrip("/")
        return (_VERSION.sub("", base) if self.path.startswith("/v") else base) + self.path

    def knows(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), glob) for glob in self.models)


EMBEDDERS: Final = {
    "openai": Embedder(
        models=("text-embedding-3-*", "text-embedding-ada-*"),
        source="https://platform.openai.com/docs/api-reference/embeddings",
    ),
    "gemini": Embedder(
        path="/v1beta/openai/embeddings",
        models=("gemini-embedding-*",),
        source="https://ai.google.dev/gemini-api/docs/openai",
    ),
    "mistral": Embedder(models=("mistral-embed*", "codestral-embed*"), source="https://docs.mistral.ai/api/"),
    "openrouter": Embedder(source="https://openrouter.ai/docs/api_reference/embeddings"),
    "together": Embedder(source="https://docs.together.ai/docs/openai-api-compatibility"),
    "fireworks": Embedder(source="https://docs.fireworks.ai/guides/querying-embeddings-models"),
    "clova": Embedder(source="https://api.ncloud-docs.com/docs/en/clovastudio-openaicompatibility"),
    "azure": Embedder(source="https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle"),
    "ollama": Embedder(source="https://docs.ollama.com/api/openai-compatibility"),
    "lmstudio": Embedder(source="https://lmstudio.ai/docs/api/openai-api"),
    "vllm": Embedder(source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    "llamacpp": Embedder(source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"),
}

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
