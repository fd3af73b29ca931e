"""Base URLs as people write them: with or without the version, with slashes too many, or with an endpoint pasted whole.

OpenAI's SDKs want `/v1` in a base URL, Anthropic's and Google's add their version themselves, and servers document it either way.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from segue.routing.dialect import CHAT, RESPONSES

_SLASHES: Final = re.compile("/{2,}")
_TWICE: Final = re.compile(r"(?<!/v1)/v1(?:/v1)+$")
_ENDPOINTS: Final = re.compile(r"/(?:chat/completions|completions|responses|embeddings|messages|models(?:/[^/]+)?)$")
_VERSION: Final = {"claude": re.compile(r"/v1$")}
"""What a dialect's codec adds itself; Gemini's adds its own only where there is none."""


def plain_base_url(url: str, dialect: str, home: str) -> str:
    """What a dialect's paths are added to. `home` is the provider's own base URL.

    Where OpenAI's dialects are spoken, an address without a path gets the one of `home` at that host, else `/v1`, unless `home` has none.
    """
    parts = urlsplit(url)
    path = _TWICE.sub("/v1", _ENDPOINTS.sub("", _SLASHES.sub("/", parts.path).rstrip("/")))
    if (version := _VERSION.get(dialect)) is not None:
        path = version.sub("", path)
    elif not path and dialect in (CHAT, RESPONSES) and (own := urlsplit(home).path.rstrip("/")):
        path = own if parts.netloc == urlsplit(home).netloc else "/v1"
    return urlunsplit(parts._replace(path=path))
