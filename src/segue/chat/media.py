"""Media as providers take it: one name for each type, the type that the bytes show, and plain base64.

Callers write `image/jpg`, `IMAGE/PNG`, `text/plain; charset=utf-8`, call a JPEG a PNG, and send URL-safe base64 (the official Google
SDK does) or base64 in lines. Claude refuses each of these with a 400, and others some of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

_SAME: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jpe": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-webp": "image/webp",
    "application/x-pdf": "application/pdf",
    "application/acrobat": "application/pdf",
    "text/pdf": "application/pdf",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
}
"""Names that are in use for a type, and the registered one."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_HEAD: Final = 24
"""Characters of base64 that hold every mark above."""

_DATA_URL: Final = re.compile(r"\s*data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*),", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")
_URL_SAFE: Final = str.maketrans("-_", "+/")


def named(media_type: str) -> str:
    """The registered name of a type, in lower case and without parameters."""
    name = media_type.partition(";")[0].strip().lower()
    return _SAME.get(name, name)


def shown(data: str) -> str | None:
    """The type that the first bytes of base64 text show; None where they show none."""
    try:
        head = base64.b64decode(data[: min(_HEAD, len(data) // 4 * 4)])
    except (binascii.Error, ValueError):
        return None
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def plain_base64(data: str) -> str:
    """Base64 text in the standard alphabet, in one line, padded."""
    if "-" in data or "_" in data:
        data = data.translate(_URL_SAFE)
    if not data.isascii() or " " in data or "\n" in data or "\r" in data or "\t" in data:
        data = _SPACE.sub("", data)
    return data + "=" * (-len(data) % 4) if len(data) % 4 > 1 else data


def of_data_url(url: str) -> tuple[str, str] | None:
    """The type with its parameters, "" if it names none, and the base64 text of a `data:` URL; None for anything else."""
    head = _DATA_URL.match(url)
    if head is None:
        return None
    parameters = [text for text in head["parameters"].split(";") if text.strip()]
    kept = [text for text in parameters if text.strip().lower() != "base64"]
    data = url[head.end() :]
    if len(kept) == len(parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return ";".join([head["type"].strip().lower(), *kept]), data


def settled(data: str, text: str | None) -> tuple[str, str | None]:
    """Plain base64 and its type: what the bytes show, else the declared type; None if neither is known. `data` may be a `data:` URL."""
    if data[:5].lower() == "data:" and (found := of_data_url(data)):
        text, data = text or found[0], found[1]
    data = plain_base64(data)
    return data, shown(data) or named(text or "") or None
