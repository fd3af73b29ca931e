"""Citations as OpenAI's two dialects annotate a text with them: under `url_citation` in Chat Completions, flat in the Responses API."""

from __future__ import annotations

from typing import Any

from segue.chat.events import Citation

Json = dict[str, Any]


def read(annotations: object) -> list[Citation]:
    """The citations among annotations of either form; other kinds, such as paths of files, are passed over."""
    found = [_one(one) for one in annotations] if isinstance(annotations, list) else []
    return [citation for citation in found if citation is not None]


def addresses(citations: object) -> list[Citation]:
    """Sources as Perplexity and xAI list them beside the answer: addresses, or objects with an address and a title."""
    found: list[Citation] = []
    for one in citations if isinstance(citations, list) else ():
        table = {"url": one} if isinstance(one, str) else one
        if isinstance(table, dict) and (url := _word(table.get("url"))):
            found.append(Citation(url=url, title=_word(table.get("title"))))
    return found


def flat(citation: Citation) -> Json:
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }


def nested(citation: Citation) -> Json:
    about = flat(citation)
    return {"type": about.pop("type"), "url_citation": about}


def _one(annotation: object) -> Citation | None:
    if not isinstance(annotation, dict):
        return None
    about = annotation.get("url_citation", annotation)
    if not isinstance(about, dict) or not (url := _word(about.get("url"))):
        return None
    start, end = _place(about.get("start_index")), _place(about.get("end_index"))
    return Citation(url=url, title=_word(about.get("title")), start=start, end=end, quote=_word(about.get("content")))


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _place(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
