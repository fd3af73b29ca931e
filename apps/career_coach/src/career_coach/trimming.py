"""A long résumé made to fit a prompt: first long texts are shortened, then long lists, at last the end is cut off.

Beginnings are kept, because a résumé has its latest and weightiest first.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from career_coach.resume import Notice, Resume

LIMIT = 24_000
"""Characters of a résumé that go into a prompt: some 6 000 tokens of English, 12 000 of Korean, four times a full résumé."""

_STEPS = ((2_000, 60), (1_000, 40), (500, 25), (250, 15), (150, 8))
"""Characters a text may keep and items a list may keep, one step after the other until it fits."""


def written(resume: Resume) -> str:
    """The résumé as a prompt holds it: the text it came as, or JSON."""
    return resume.text or json.dumps(resume.document, ensure_ascii=False, indent=1)


def fitted(resume: Resume, limit: int = LIMIT) -> Resume:
    """The résumé, or as much of it as `limit` characters hold; then one of its notices says so."""
    length = len(written(resume))
    if length <= limit:
        return resume
    if resume.text:
        return _noted(resume, "cut", length, text=_head(resume.text, limit))
    for characters, items in _STEPS:
        short = msgspec.structs.replace(
            resume,
            **{name: _clipped(getattr(resume, name), characters, items) for name in _CLIPPED},
            technical_skills=resume.technical_skills[: 2 * items],
        )
        if len(written(short)) <= limit:
            return _noted(short, "shortened", length)
    return _noted(resume, "cut", length, text=_head(written(short), limit))


_CLIPPED = ("name", "summary", "work_experiences", "personal_projects", "extra")


def _noted(resume: Resume, kind: Any, length: int, **changes: Any) -> Resume:
    resume = msgspec.structs.replace(resume, **changes)
    notice = Notice(kind, f"{length:,} → {len(written(resume)):,}")
    return msgspec.structs.replace(resume, notices=(*resume.notices, notice))


def _clipped(value: Any, characters: int, items: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{_head(value, characters - 1)}…"
    if isinstance(value, (list, tuple)):
        return type(value)(_clipped(item, characters, items) for item in value[:items])
    if isinstance(value, dict):
        return {key[:characters]: _clipped(item, characters, items) for key, item in list(value.items())[:items]}
    return value


def _head(text: str, limit: int) -> str:
    """The text's beginning, up to the end of a line or word where one is near."""
    head = text[:limit]
    for separator in ("\n", " "):
        if (end := head.rfind(separator)) > limit * 0.8:
            return head[:end]
    return head
