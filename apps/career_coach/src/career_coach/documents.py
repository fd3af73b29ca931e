"""The text of a PDF, Word or Hangul document, read in a process of its own under limits.

What a stranger's file can do to a parser is bounded there: a second of processor time for a usual file, `CPU` seconds and `MEMORY`
bytes at most (on systems with resource limits), `PATIENCE` seconds on all. Macros and scripts are never run: only text is taken.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Final

import msgspec

from career_coach.resume import ResumeError

CPU: Final = 15
"""Seconds of processor time."""
MEMORY: Final = 1024**3
"""Bytes of address space."""
PATIENCE: Final = 30.0
"""Seconds of the clock, for a machine that is busy."""
LONGEST: Final = 400_000
"""Characters of text that are taken from a document; a résumé has some 10 000."""

MAGICS: Final = {b"%PDF": "pdf", b"PK\x03\x04": "zip", b"\xd0\xcf\x11\xe0": "ole"}
"""The containers by their first bytes: Word's .docx and Hangul's .hwpx are ZIP files, .doc and .hwp are OLE files."""
_PACKAGES: Final = {"pdf": "pypdfium2", "zip": "dochan", "ole": "dochan"}


class Extracted(msgspec.Struct):
    """What the process answers: the text, or the code of a problem."""

    text: str = ""
    problem: str = ""


def container(data: bytes) -> str | None:
    """Which container the bytes are, if it is one that is read here. A PDF may have some bytes before its mark."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    return next((name for magic, name in MAGICS.items() if data.startswith(magic)), None)


def text_of(data: bytes, kind: str) -> str:
    """The document's text. Blocks. Raises `ResumeError` if there is none, or if it can't be read within the limits."""
    if find_spec(_PACKAGES[kind]) is None:
        raise ResumeError("needs_web")
    command = [sys.executable, "-I", "-m", "career_coach.document_worker", kind]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise ResumeError("limits") from None
    try:
        extracted = msgspec.json.decode(done.stdout, type=Extracted)
    except msgspec.DecodeError:
        raise ResumeError("limits" if done.returncode else "damaged") from None
    if extracted.problem:
        raise ResumeError(extracted.problem)
    return extracted.text
