"""Citations of a text block, read and written. What is not an address (a place in a document) goes only to callers of this dialect."""

from __future__ import annotations

from typing import Any

from segue.chat.events import Citation

Json = dict[str, Any]

_DIALECT = "claude"


def read(citation: object) -> Citation | None:
    if not isinstance(citation, dict):
        return None
    texts = {name: value for name, value in citation.items() if isinstance(value, str)}
    url = texts.get("url") or _address(texts.get("source", ""))
    if not url and "cited_text" not in texts:
        return None
    return Citation(
        url=url,
        title=texts.get("title") or texts.get("document_title", ""),
        quote=texts.get("cited_text", ""),
        native=citation,
        dialect=_DIALECT,
    )


def write(citation: Citation) -> Json | None:
    """None for what cannot be written in this dialect."""
    if citation.dialect == _DIALECT and citation.native:
        return citation.native
    if not citation.url:
        return None
    return {
        "type": "web_search_result_location",
        "cited_text": citation.quote,
        "encrypted_index": "",
        "title": citation.title or None,
        "url": citation.url,
    }


def _address(source: str) -> str:
    return source if source.startswith(("http://", "https://")) else ""
