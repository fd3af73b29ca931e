"""From a file to a résumé: which form it is in, and one clear line where it is none."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from career_coach.plain import from_text
from career_coach.resume import Resume, ResumeError, from_document

LARGEST = 5 * 1024 * 1024
"""Bytes; a résumé is a hundredth of that."""

_FORMATS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a Word document or another archive",
    b"\xd0\xcf\x11\xe0": "an old Word or Hangul (hwp) document",
    b"{\\rtf": "rich text (RTF)",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
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
        raise ResumeError(f"{path}: {error.strerror or 'it cannot be read'}") from error


def parse(data: bytes, name: str) -> Resume:
    """A résumé from a file's bytes. `name` is for messages, and for its ending: what is called .json must be JSON."""
    try:
        text = _decoded(data)
        if name.lower().endswith(".json") or text.lstrip().startswith(("{", "[{")):
            return from_document(_json(text))
        return from_text(text)
    except ResumeError as error:
        raise ResumeError(f"{name}: {error}") from error


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ResumeError(f"it is larger than {LARGEST // 1024**2} MB: is it a résumé?")
    if not data.strip():
        raise ResumeError("it is empty")
    for magic, what in _FORMATS.items():
        if data.startswith(magic):
            raise ResumeError(f"it is {what}: save it as text or JSON first")
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        raise ResumeError("it is neither text nor JSON")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp949")
    except UnicodeDecodeError as error:
        raise ResumeError("its characters are in neither UTF-8 nor CP949: save it as UTF-8") from error


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError as error:
        raise ResumeError("its JSON is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise ResumeError(f"it is not valid JSON: {error}") from error
