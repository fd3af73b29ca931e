"""Sources of an answer in Gemini's `groundingMetadata`, read and written. Its places count bytes of UTF-8; ours count characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from segue.chat.events import Citation

Json = dict[str, Any]


def read(metadata: object, texts: Iterable[str]) -> list[Citation]:
    """The sources that `groundingMetadata` names, each with the place in the answer so far (`texts`) that it supports, if any."""
    if not isinstance(metadata, dict):
        return []
    sources = [_source(chunk) for chunk in _tables(metadata.get("groundingChunks"))]
    cited: list[Citation] = []
    supported: set[int] = set()
    supports = _tables(metadata.get("groundingSupports"))
    data = "".join(texts).encode("utf-8", "replace") if supports else b""
    for support in supports:
        segment = support.get("segment")
        start, end = _place(segment, data) if isinstance(segment, dict) else (None, None)
        for index in support.get("groundingChunkIndices") or ():
            if isinstance(index, int) and 0 <= index < len(sources) and (source := sources[index]) is not None:
                supported.add(index)
                cited.append(Citation(url=source[0], title=source[1], start=start, end=end))
    rest = (source for index, source in enumerate(sources) if source is not None and index not in supported)
    return cited + [Citation(url=url, title=title) for url, title in rest]


def write(citations: Iterable[Citation], text: str) -> Json:
    chunks: list[Json] = []
    supports: list[Json] = []
    numbers: dict[str, int] = {}
    for citation in citations:
        if citation.url not in numbers:
            numbers[citation.url] = len(chunks)
            chunks.append({"web": {"uri": citation.url, "title": citation.title}})
        if citation.start is not None and citation.end is not None:
            begin, part = text[: citation.start], text[citation.start : citation.end]
            first = len(begin.encode())
            segment = {"startIndex": first, "endIndex": first + len(part.encode()), "text": part}
            supports.append({"segment": segment, "groundingChunkIndices": [numbers[citation.url]]})
    return {"groundingChunks": chunks, "groundingSupports": supports}


def _source(chunk: Json) -> tuple[str, str] | None:
    about = chunk.get("web") or chunk.get("retrievedContext") or chunk.get("maps")
    if not isinstance(about, dict) or not isinstance(url := about.get("uri"), str) or not url:
        return None
    title = about.get("title")
    return url, title if isinstance(title, str) else ""


def _place(segment: Json, data: bytes) -> tuple[int | None, int | None]:
    ends = [segment.get("startIndex") or 0, segment.get("endIndex")]
    if not all(isinstance(end, int) and 0 <= end <= len(data) for end in ends):
        return None, None
    start, end = (len(data[:end].decode("utf-8", "ignore")) for end in ends)
    return start, end


def _tables(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
