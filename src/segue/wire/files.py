"""Files as dialects write them: a media type beside base64 text, or both in a `data:` URL."""

from __future__ import annotations

import base64
import binascii
import re

from segue.chat.messages import File, Image, Text

PDF = "application/pdf"

_OFFICE = "application/vnd.openxmlformats-officedocument."
_TYPES = {
    "docx": _OFFICE + "wordprocessingml.document",
    "pptx": _OFFICE + "presentationml.presentation",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
    "txt": "text/plain",
}
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.IGNORECASE)


def of_data_url(url: str) -> tuple[str, str] | None:
    """The media type, "" if it names none, and the base64 text of a `data:` URL; None for anything else."""
    head = _DATA_URL.match(url)
    return ((head["type"] or "").lower(), url[head.end() :]) if head else None


def named_type(name: str) -> str:
    """The media type that a file's name or address tells of; a PDF's where it tells nothing."""
    return _TYPES.get(name.partition("?")[0].rpartition(".")[2].lower(), PDF)


def of_url(url: str, media_type: str, name: str = "") -> Text | Image | File:
    """What a file's address stands for; a `data:` URL is the file itself."""
    if found := of_data_url(url):
        return of_data(found[1], found[0] or media_type, name)
    return File(url=url, media_type=media_type, name=name)


def of_data(data: str, media_type: str, name: str = "") -> Text | Image | File:
    """What a file's base64 text stands for: pictures and plain text have parts of their own, which every provider can be given."""
    media_type = media_type.lower()
    if media_type.startswith("image/"):
        return Image(data=data, media_type=media_type)
    if media_type == "text/plain":
        try:
            text = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pass
        else:
            return Text(f"{name}\n{text}" if name else text)
    return File(data=data, media_type=media_type, name=name)
