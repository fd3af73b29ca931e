"""What a prompt is about: its language, and the names in it that a made-up answer can speak of."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from segue.chat.messages import Message

Language = Literal["ko", "en"]

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")
_PROJECT_KEYS = re.compile(r"project|프로젝트", re.I)
_SKILL_KEYS = re.compile(r"skill|stack|tech|tool|language|framework|기술|스킬|스택", re.I)
_PLACE_KEYS = re.compile(r"experience|work|career|compan|경력|회사", re.I)
_NAME_KEYS = ("name", "title", "project_name", "projectName", "project", "이름", "제목", "프로젝트명", "프로젝트")
_COMPANY_KEYS = ("company", "company_name", "companyName", "organization", "employer", "회사", "회사명")
_TERM = re.compile(r"\b(?:[A-Z][A-Za-z0-9+#.]*[A-Za-z0-9+#]|[a-z]+[A-Z][A-Za-z0-9]*)\b")
_SECTION = re.compile(r"^\W*(?P<head>[^:：\n]{2,40})\s*[:：]\s*(?P<rest>.*)$")
_ITEM = re.compile(r"^\s*(?:[-*•·]|\d+[.)])\s+(?P<item>.+)$")
_MOST = 24


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """Names found in a prompt, in order, each once. Every tuple may be empty."""

    language: Language
    projects: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """What there is to speak of, the most concrete first."""
        return self.projects or self.companies or self.skills or self.terms

    @property
    def abilities(self) -> tuple[str, ...]:
        return self.skills or self.terms or self.projects


def material_of(messages: Iterable[Message]) -> Material:
    """From everything that was said but by the model."""
    text = "\n".join(message.text for message in messages if message.role in ("user", "system"))
    asked = "\n".join(message.text for message in messages if message.role == "user") or text
    found = _Finder()
    for document in _documents(asked):
        found.read(document, "")
    if not found.projects and not found.skills:
        found.read_lines(asked)
    return Material(
        language=_language(asked),
        projects=_unique(found.projects),
        skills=_unique(found.skills),
        companies=_unique(found.companies),
        terms=_terms(asked),
    )


def _language(text: str) -> Language:
    korean, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    return "ko" if korean * 4 > latin else "en"


class _Finder:
    def __init__(self) -> None:
        self.projects: list[str] = []
        self.skills: list[str] = []
        self.companies: list[str] = []

    def read(self, value: Any, under: str) -> None:
        """Walks a document; `under` is the nearest telling key above."""
        if isinstance(value, dict):
            self._name(value, under)
            for key, inner in value.items():
                telling = any(pattern.search(key) for pattern in (_PROJECT_KEYS, _SKILL_KEYS, _PLACE_KEYS))
                self.read(inner, key if telling else under)
        elif isinstance(value, list):
            for inner in value:
                self.read(inner, under)
        elif isinstance(value, str) and _SKILL_KEYS.search(under) and len(value) <= 40:
            self.skills += [part.strip() for part in re.split(r"[,/;·]", value) if part.strip()]

    def _name(self, value: dict[str, Any], under: str) -> None:
        company = next((value[key] for key in _COMPANY_KEYS if isinstance(value.get(key), str)), None)
        if company:
            self.companies.append(company)
        name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
        if name and _PROJECT_KEYS.search(under):
            self.projects.append(name)
        elif name and _SKILL_KEYS.search(under):
            self.skills.append(name)

    def read_lines(self, text: str) -> None:
        """Plain text: the items under a heading, or behind it on its line."""
        into: list[str] | None = None
        for line in text.splitlines():
            item, section = _ITEM.match(line), _SECTION.match(line)
            heading = section["head"] if section else line.strip("#= \t*[]")
            if not item and len(heading) <= 40 and (known := self._list(heading)) is not None:
                into = known
                if section:
                    into += [part.strip() for part in re.split(r"[,;·|]", section["rest"]) if part.strip()]
            elif item and into is not None:
                into += self._item(item["item"], into)
            elif not line.strip():
                continue
            elif not item:
                into = None

    def _list(self, heading: str) -> list[str] | None:
        if _PROJECT_KEYS.search(heading):
            return self.projects
        return self.skills if _SKILL_KEYS.search(heading) else None

    def _item(self, item: str, into: list[str]) -> list[str]:
        if into is self.skills:
            return [part.strip() for part in re.split(r"[,;·|]", item) if 0 < len(part.strip()) <= 40]
        return [re.split(r"\s[-–—(|]|[:：(]", item)[0].strip()[:60]]


def _documents(text: str) -> Iterator[Any]:
    """The JSON objects in a text."""
    decoder, place = json.JSONDecoder(), 0
    while (place := text.find("{", place)) >= 0:
        try:
            document, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        yield document
        place = end


def _terms(text: str) -> tuple[str, ...]:
    """Names of things, by the way they are written; the frequent ones first."""
    return tuple(word for word, _ in Counter(_TERM.findall(text)).most_common(_MOST) if len(word) > 2)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))[:_MOST]
