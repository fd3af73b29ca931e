"""Files as dialects write them: a media type beside base64 text, or both in a `data:` URL."""

from __future__ import annotations

import base64
import re

from segue.chat.media import of_data_url, settled
from segue.chat.messages import File, Image, Text

PDF = "application/pdf"
_TEXTS = frozenset(
    {
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/javascript",
        "image/svg+xml",
    }
)
"""Types that are text under another name; no provider accepts SVG as an image."""
_CHARSET = re.compile(r";\s*charset=\"?([\w.:-]{1,40})", re.IGNORECASE)

_OFFICE = "application/vnd.openxmlformats-officedocument."
_TYPES = {
    "docx": _OFFICE + "wordprocessingml.document",
    "pptx": _OFFICE + "presentationml.presentation",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "html": "text/html",
    "md": "text/markdown",
    "txt": "text/plain",
}


def named_type(name: str, otherwise: str = PDF) -> str:
    """The media type by a file's name or address; a PDF's if they have none."""
    return _TYPES.get(name.partition("?")[0].rpartition(".")[2].lower(), otherwise)


def of_url(url: str, media_type: str, name: str = "") -> Text | Image | File:
    """What a file's address stands for; a `data:` URL is the file itself."""
    if found := of_data_url(url):
        return of_data(found[1], found[0] or media_type, name)
    return File(url=url, media_type=media_type, name=name)


def of_image_url(url: str, detail: str | None = None) -> Text | Image | File:
    """What an image's address stands for; a `data:` URL is what its bytes show."""
    if found := of_data_url(url):
        return of_data(found[1], found[0] or "image/", detail=detail)
    return Image(url=url, detail=detail)


def of_data(data: str, media_type: str, name: str = "", *, detail: str | None = None) -> Text | Image | File:
    """What a file's base64 text stands for: images and text become their own kinds of parts, which every provider takes.

    `media_type` may have parameters, such as a text's `charset`; `image/` says that it is a picture of some type.
    """
    data, kind = settled(data, media_type)
    if kind == "application/octet-stream":
        kind = named_type(name, kind)
    is_text = kind is not None and (kind.startswith("text/") or kind in _TEXTS)
    if is_text and (text := _decoded(data, media_type)) is not None:
        return Text(f"{name}\n{text}" if name else text)
    if kind is None or kind.startswith("image/"):
        return Image(data=data, media_type=None if kind == "image/" else kind, detail=detail)
    return File(data=data, media_type=kind, name=name, detail=detail)


def _decoded(data: str, media_type: str) -> str | None:
    """Text of base64 in the charset that its type names, else in UTF-8; None if it is none."""
    named = _CHARSET.search(media_type)
    try:
        raw = base64.b64decode(data, validate=True)
        return raw.decode(named[1] if named else "utf-8-sig")
    except (ValueError, LookupError):
        return None
