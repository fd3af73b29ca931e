"""From a file to a résumé: which form it is in, and one clear line where it is none."""

from __future__ import annotations

import sys
from pathlib import Path

import charset_normalizer
import msgspec

from career_coach.documents import container, text_of
from career_coach.plain import from_text
from career_coach.resume import Resume, ResumeError, from_document
from career_coach.wording import PROBLEMS

LARGEST = 5 * 1024 * 1024
"""Bytes; a résumé is a hundredth of that."""
LONGEST = 400_000
"""Characters of a résumé that is text; what is after them is not read."""
LONGEST_JSON = 1024**2
"""Characters of a résumé that is JSON, which can't be cut: of the pages that are made from one of 5 MB each takes a second."""

_FORMATS = {  # the first bytes, and the code of what to say
    b"{\\rtf": "rich_text",
    b"\x89PNG": "picture",
    b"\xff\xd8\xff": "picture",
}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENCODINGS = [
    "cp949", "cp932", "euc_jp", "gb18030", "big5", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257",
]  # fmt: skip
"""What files from before UTF-8 come in."""
_WESTERN = "cp1252"
_EUROPEAN = ("cp1250", "cp1254", "cp1257")
_SAMPLE = 50_000
"""Bytes by which the encoding is judged."""


def read_resume(path: str) -> Resume:
    """The résumé in a file, or on standard input for "-". Raises `ResumeError` with one line that names the file."""
    if path == "-":
        data = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin is not None else b""  # None if it is closed
        return parse(data, "standard input")
    file = Path(path)
    try:
        with file.open("rb") as stream:
            return parse(stream.read(LARGEST + 1), file.name)
    except OSError as error:
        code = type(error).__name__
        raise ResumeError(code if code in PROBLEMS else "unreadable", source=path) from error


def parse(data: bytes, name: str) -> Resume:
    """A résumé from a file's bytes: PDF, Word, Hangul, JSON or text. Blocks, for a document up to `documents.PATIENCE`.

    `name` is for messages, and for its ending: what is called .json must be JSON.
    """
    try:
        text = _text(data)
        if name.lower().endswith(".json") or text.lstrip().startswith("{"):
            if len(text) > LONGEST_JSON:
                raise ResumeError("too_large", megabytes=LONGEST_JSON // 1024**2)
            return from_document(_json(text))
        return from_text(text[:LONGEST])
    except ResumeError as error:
        error.source = name
        raise


def _text(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ResumeError("too_large", megabytes=LARGEST // 1024**2)
    if not data.strip():
        raise ResumeError("empty")
    for magic, code in _FORMATS.items():
        if data.startswith(magic):
            raise ResumeError(code)
    if (kind := container(data)) is not None:
        return text_of(data, kind)
    return _decoded(data)


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        raise ResumeError("binary")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return data.decode(_encoding(data[:_SAMPLE]), errors="replace")


def _encoding(sample: bytes) -> str:
    """The likeliest encoding; where Western Europe's is as likely as another, that one, which is by far the most common."""
    likely = charset_normalizer.from_bytes(sample, cp_isolation=_ENCODINGS)
    best = likely.best()
    if best is None:
        raise ResumeError("encoding")
    as_likely = {
        name
        for match in likely
        if (match.chaos, match.coherence) == (best.chaos, best.coherence)
        for name in match.could_be_from_charset
    }
    return _WESTERN if best.encoding in _EUROPEAN and _WESTERN in as_likely else best.encoding


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError as error:
        raise ResumeError("nested") from error
    except msgspec.DecodeError as error:
        raise ResumeError("no_json", detail=error) from error
