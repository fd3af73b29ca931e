"""What a prompt is about: its language, and the names in it that a made-up answer can speak of."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from segue.chat.messages import Message

Language = Literal["ko", "en"]

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")
_WISH = re.compile(r"\bin (?:Korean|English)\b|한국어로|영어로")
_JSON_KEY = re.compile(r'"[^"\n]*"\s*:')
_PROJECT_KEYS = re.compile(r"project|프로젝트", re.I)
_SKILL_KEYS = re.compile(r"skill|stack|tech|tools|framework|기술|스킬|스택", re.I)
_NAME_KEYS = ("name", "title", "project_name", "projectName", "project", "이름", "제목", "프로젝트명", "프로젝트")
_COMPANY_KEYS = ("company", "company_name", "companyName", "organization", "employer", "회사", "회사명")
_TERM = re.compile(r"[A-Z][A-Za-z0-9+#.]*[A-Za-z0-9+#]|[a-z]+[A-Z][A-Za-z0-9]*")
_NO_TERM = re.compile(r"[\w.+-]{1,64}@\S*|https?://\S*")
_SECTION = re.compile(r"^\W{0,8}(?P<head>[^:：\n]{2,40})\s*[:：]\s*(?P<rest>.*)$")
_ITEM = re.compile(r"^\s*(?:[-*•·]|\d+[.)])\s+(?P<item>.+)$")
_LIST = re.compile(r"[,;·|/]")
_NAME_END = re.compile(r"\s[-–—|]\s|[(:：]|,\s")
_LONGEST_SKILL = 40
_LONGEST_NAME = 60
_LONGEST_LINE = 500
_MOST = 24
_TRIES = 16


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
    """From what the user said."""
    text = "\n".join(message.text for message in messages if message.role == "user")
    found = _Finder()
    for document in _documents(text):
        found.read(document, "")
    if not found.projects and not found.skills:
        found.read_lines(text)
    skills = _unique(found.skills)
    return Material(
        language=_language(messages, text),
        subjects=tuple(_subjects([*found.projects, *found.companies], skills)),
        skills=skills,
        terms=tuple(word for word, _ in Counter(_TERM.findall(_NO_TERM.sub(" ", text))).most_common(_MOST)),
    )


def _language(messages: Sequence[Message], text: str) -> Language:
    """The one that is asked for, else the one that is spoken; the keys of a document count nothing."""
    wishes = [
        wish[0] for message in messages if message.role in ("system", "user") for wish in _WISH.finditer(message.text)
    ]
    if wishes:
        return "ko" if wishes[-1] in ("in Korean", "한국어로") else "en"
    text = _JSON_KEY.sub("", text)
    korean, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    return "ko" if korean * 4 > latin else "en"


def _subjects(found: Iterable[tuple[str, str]], skills: tuple[str, ...]) -> Iterator[Subject]:
    """Each once, with those skills that the text around it names."""
    around: dict[str, str] = {}
    for name, text in found:
        around[name] = around.get(name, "") + text
    for name, text in list(around.items())[:_MOST]:
        lowered = text.lower()
        yield Subject(name, tuple(skill for skill in skills if skill.lower() in lowered))


class _Finder:
    """`projects` and `companies` hold each one's name and the text around it."""

    def __init__(self) -> None:
        self.projects: list[tuple[str, str]] = []
        self.companies: list[tuple[str, str]] = []
        self.skills: list[str] = []

    def read(self, value: Any, under: str) -> None:
        """Walks a document; `under` is the nearest telling key above."""
        if isinstance(value, dict):
            self._read_object(value, under)
        elif isinstance(value, list):
            for inner in value:
                self.read(inner, under)
        elif isinstance(value, str) and _SKILL_KEYS.search(under):
            self._add_skills(value)
        elif isinstance(value, str) and _PROJECT_KEYS.search(under) and len(value) <= _LONGEST_NAME:
            self.projects.append((value.strip(), value))

    def _read_object(self, value: dict[str, Any], under: str) -> None:
        name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
        company = next((value[key] for key in _COMPANY_KEYS if isinstance(value.get(key), str)), None)
        if name and _SKILL_KEYS.search(under):
            self._add_skills(name)
            return
        around = json.dumps(value, ensure_ascii=False)
        if name and _PROJECT_KEYS.search(under):
            self.projects.append((name.strip(), around))
        elif company:
            self.companies.append((company.strip(), around))
        for key, inner in value.items():
            if _SKILL_KEYS.search(key) or not isinstance(inner, str):
                telling = _SKILL_KEYS.search(key) or _PROJECT_KEYS.search(key)
                self.read(inner, key if telling else under if isinstance(inner, list) and not name else "")

    def read_lines(self, text: str) -> None:
        """Plain text: the items under a heading, or behind it on its line."""
        projects = False
        skills = False
        for line in text.splitlines():
            line = line[:_LONGEST_LINE]
            item, section = _ITEM.match(line), _SECTION.match(line)
            heading = section["head"] if section else line.strip("#= \t*[]<>")
            if not line.strip():
                continue
            if not item and len(heading) <= _LONGEST_SKILL:
                skills = bool(_SKILL_KEYS.search(heading))
                projects = not skills and bool(_PROJECT_KEYS.search(heading))
                if skills and section:
                    self._add_skills(section["rest"])
            elif skills:
                self._add_skills(item["item"].rpartition(":")[2] if item else line)
            elif projects and item:
                name = _NAME_END.split(item["item"])[0].strip()[:_LONGEST_NAME]
                self.projects.append((name, item["item"]))
                self.skills += [term for term in _TERM.findall(item["item"]) if term not in name]

    def _add_skills(self, text: str) -> None:
        parts = (part.strip(" .") for part in _LIST.split(text))
        self.skills += [part for part in parts if 0 < len(part) <= _LONGEST_SKILL]


def _documents(text: str) -> Iterator[Any]:
    """The JSON objects in a text. Not every brace of a text that is no JSON is tried."""
    decoder, place, tries = json.JSONDecoder(), 0, _TRIES
    while tries and (place := text.find("{", place)) >= 0:
        tries -= 1
        try:
            document, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        yield document
        place = end


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[:_MOST]
