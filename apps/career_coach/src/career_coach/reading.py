"""From a file to a résumé: which form it is in, and one clear line where it is none."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from career_coach.plain import from_text
from career_coach.resume import Resume, ResumeError, from_document
from career_coach.wording import PROBLEMS

LARGEST = 5 * 1024 * 1024
"""Bytes; a résumé is a hundredth of that."""

_FORMATS = {  # the first bytes, and the code of what to say
    b"%PDF": "pdf",
    b"PK\x03\x04": "archive",
    b"\xd0\xcf\x11\xe0": "old_document",
    b"{\\rtf": "rich_text",
    b"\x89PNG": "picture",
    b"\xff\xd8\xff": "picture",
}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_resume(path: str) -> Resume:
    """The résumé in a file, or on standard input for "-". Raises `ResumeError` with one line that names the file."""
    if path == "-":
        return parse(sys.stdin.buffer.read(LARGEST + 1), "standard input")
    file = Path(path)
    try:
        with file.open("rb") as stream:
            return parse(stream.read(LARGEST + 1), file.name)
    except OSError as error:
        code = type(error).__name__
        raise ResumeError(code if code in PROBLEMS else "unreadable", source=path) from error


def parse(data: bytes, name: str) -> Resume:
    """A résumé from a file's bytes. `name` is for messages, and for its ending: what is called .json must be JSON."""
    try:
        text = _decoded(data)
        if name.lower().endswith(".json") or text.lstrip().startswith(("{", "[{")):
            return from_document(_json(text))
        return from_text(text)
    except ResumeError as error:
        error.source = name
        raise


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ResumeError("too_large", megabytes=LARGEST // 1024**2)
    if not data.strip():
        raise ResumeError("empty")
    for magic, code in _FORMATS.items():
        if data.startswith(magic):
            raise ResumeError(code)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        raise ResumeError("binary")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp949")
    except UnicodeDecodeError as error:
        raise ResumeError("encoding") from error


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError as error:
        raise ResumeError("nested") from error
    except msgspec.DecodeError as error:
        raise ResumeError("no_json", detail=error) from error
