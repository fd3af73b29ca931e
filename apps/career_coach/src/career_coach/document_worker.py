"""The process that reads one document: `python -m career_coach.document_worker KIND`, the file on standard input, JSON on standard output."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from career_coach.documents import CPU, LONGEST, MEMORY, Extracted

_PAGES: Final = 60
_UNPACKED: Final = 64 * 1024 * 1024
"""Bytes that a ZIP file may say it has inside."""
_ENTRIES: Final = 2_000


def main() -> None:
    _limit()
    data = sys.stdin.buffer.read()
    try:
        extracted = _READERS[sys.argv[1]](data)
    except MemoryError:
        extracted = Extracted(problem="limits")
    except Exception:
        extracted = Extracted(problem="damaged")
    if not extracted.problem and not extracted.text.strip():
        extracted = Extracted(problem="no_text")
    extracted.text = extracted.text[:LONGEST]
    sys.stdout.buffer.write(msgspec.json.encode(extracted))


def _limit() -> None:
    """Bounds on what the process may take, where the system has them (Windows has not)."""
    if sys.platform == "win32":
        return
    resource = import_module("resource")
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))


def _pdf(data: bytes) -> Extracted:
    pdfium = import_module("pypdfium2")
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        return Extracted(problem="password" if "password" in str(error).lower() else "damaged")
    pages = (document[number].get_textpage().get_text_bounded() for number in range(min(len(document), _PAGES)))
    return Extracted(_within(page.replace("\r\n", "\n") for page in pages))


def _zip(data: bytes) -> Extracted:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_bytes(data)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _ENTRIES or sum(entry.file_size for entry in entries) > _UNPACKED:
                return Extracted(problem="limits")
            names = set(archive.namelist())
        if "word/document.xml" in names:
            return _office(path.rename(path.with_suffix(".docx")))
        if any(name.startswith("Contents/section") for name in names):
            return _office(path.rename(path.with_suffix(".hwpx")))
    return Extracted(problem="archive")


def _ole(data: bytes) -> Extracted:
    with tempfile.TemporaryDirectory() as directory:
        hangul = b"HWP Document File" in data
        path = Path(directory, "file.hwp" if hangul else "file.doc")
        path.write_bytes(data)
        return _office(path)


def _office(path: Path) -> Extracted:
    """Text without the document's properties, which name its author. The parser reports problems rather than raise."""
    document = import_module("dochan").Dochan(str(path))
    model = document.doc
    for section in model.sections:
        section.elements[:] = [element for element in section.elements if not _is_property(element)]
    text = _within(line for block in document.to_plain_text().split("\n\n") for line in _lines(block))
    if not text.strip() and (errors := " ".join(map(str, model.errors))):
        return Extracted(problem="password" if "암호" in errors or "encrypt" in errors.lower() else "damaged")
    return Extracted(text)


def _is_property(element: Any) -> bool:
    return str(getattr(getattr(element, "provenance", None), "path", "")).startswith("docProps/")


def _lines(block: str) -> Iterator[str]:
    """A paragraph, or the rows of a table: two cells are a label and its value, more stand beside each other."""
    for line in block.splitlines():
        cells = [cell.strip() for cell in line.split("\t") if cell.strip()]
        yield ": ".join(cells) if len(cells) == 2 and len(cells[0]) <= 24 else " | ".join(cells)


def _within(pieces: Iterator[str]) -> str:
    taken: list[str] = []
    length = 0
    for piece in pieces:
        taken.append(piece)
        length += len(piece) + 1
        if length > LONGEST:
            break
    return "\n".join(taken)


_READERS: Final[dict[str, Any]] = {"pdf": _pdf, "zip": _zip, "ole": _ole}

if __name__ == "__main__":
    main()
