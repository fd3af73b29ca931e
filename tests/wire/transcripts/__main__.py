"""Writes the matrix into docs/transcripts.md."""

from __future__ import annotations

import re

from .conversation import table
from .test_pairs import PAGE

page = PAGE.read_text(encoding="utf-8")
PAGE.write_text(
    re.sub(r"\| begun by \|.*?\n(?!\|)", table().replace("\\", r"\\"), page, flags=re.DOTALL), encoding="utf-8"
)
