"""What a prompt is about: its language, and the names in it that a made-up answer can speak of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from segue.chat.messages import Message
from segue.sandbox.answers.name_finder import find, terms

Language = Literal["ko", "en"]

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")
_WISH = re.compile(r"\bin (?:Korean|English)\b|한국어로|영어로")
_JSON_KEY = re.compile(r'"[^"\n]*"\s*:')
_MOST = 24


class Subject(msgspec.Struct, frozen=True):
    """A project or company, and the skills that are named beside it."""

    name: str
    skills: tuple[str, ...] = ()


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """Names found in a prompt, in order, each once. Every tuple may be empty. `terms` are words written like names."""

    language: Language
    subjects: tuple[Subject, ...] = ()
    skills: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


def material_of(messages: Sequence[Message]) -> Material:
    """From the user's text."""
    text = "\n".join(message.text for message in messages if message.role == "user")
    found = find(text)
    skills = tuple(dict.fromkeys(found.skills))[:_MOST]
    return Material(
        language=_language(messages, text),
        subjects=tuple(_subjects([*found.projects, *found.companies], skills)),
        skills=skills,
        terms=tuple(word for word, _ in Counter(terms(text)).most_common(_MOST)),
    )


def _language(messages: Sequence[Message], text: str) -> Language:
    """The one that is asked for, else the one that is spoken; the keys of a document count nothing."""
    asking = [message.text for message in messages if message.role in ("system", "user")]
    if wishes := _WISH.findall("\n".join(asking)):
        return "ko" if wishes[-1] in ("in Korean", "한국어로") else "en"
    text = _JSON_KEY.sub("", text)
    korean, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    return "ko" if korean * 4 > latin else "en"


def _subjects(found: Iterable[tuple[str, str]], skills: tuple[str, ...]) -> Iterator[Subject]:
    """Each once, with those skills that the text around it names."""
    around: dict[str, str] = {}
    for name, text in found:
        around[name] = f"{around.get(name, '')}\n{text}"
    for name, text in list(around.items())[:_MOST]:
        yield Subject(name, tuple(skill for skill in skills if _names(text, skill)))


def _names(text: str, skill: str) -> bool:
    """Whether the text has the skill's name as a word: not the Go in MongoDB, but the Redis in "Redis를"."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(skill)}(?![A-Za-z0-9+#])", text, re.IGNORECASE) is not None
