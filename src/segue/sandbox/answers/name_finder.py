"""Finds the names of projects, companies and skills in a prompt: in the JSON it holds, or under the headings of its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PROJECT = re.compile(r"project|프로젝트", re.I)
_PLACE = re.compile(r"experience|employment|work history|career|경력|이력|경험", re.I)
_SKILL = re.compile(r"skill|stack|tech|tools|framework|기술|스킬|스택", re.I)
_NAMES = ("name", "title", "project_name", "projectName", "project", "이름", "제목", "프로젝트명", "프로젝트")
_COMPANIES = ("company", "company_name", "companyName", "organization", "employer", "회사", "회사명")

_ITEM = re.compile(r"^\s*(?:[-*•·]|\d+[.)])\s+(?P<item>.+)$")
_INLINE = re.compile(r"^\W{0,8}(?P<head>[^:：\n]{2,40})\s{0,8}[:：]\s*(?P<rest>.*)$")
_DATED = re.compile(r"(?:19|20)\d\d\b")
_TERM = re.compile(r"[A-Z][A-Za-z0-9+#.]*[A-Za-z0-9+#]|(?<![a-z])[a-z]+[A-Z][A-Za-z0-9]*")
_NO_TERM = re.compile(r"(?<![\w.+-])[\w.+-]+@\S*|https?://\S*")
_BETWEEN = re.compile(r"[,;·|/]")
_NAME_END = re.compile(r"\s[-–—|]\s|[(:：]|,\s")

_LONGEST_HEADING = 40
_LONGEST_SKILL = 40
_LONGEST_NAME = 60
_LONGEST_LINE = 500
_TRIES = 16


class FoundName:
    """`projects` and `companies` hold each one's name and the text around it, in the order of their appearance."""

    def __init__(self) -> None:
        self.projects: list[tuple[str, str]] = []
        self.companies: list[tuple[str, str]] = []
        self.skills: list[str] = []

    def add_skills(self, text: str) -> None:
        parts = (part.strip(" .") for part in _BETWEEN.split(text))
        self.skills += [part for part in parts if 0 < len(part) <= _LONGEST_SKILL]


def find(text: str) -> FoundName:
    """From the JSON objects in the text; from its lines, if those tell nothing."""
    found = FoundName()
    for document in _documents(text):
        _read(document, "", found)
    if not found.projects and not found.skills:
        _read_lines(text, found)
    return found


def terms(text: str) -> list[str]:
    """Words written like names, in order."""
    return _TERM.findall(_NO_TERM.sub(" ", text))


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


def _read(value: Any, under: str, found: FoundName) -> None:
    """Walks a document; `under` is the nearest telling key above."""
    if isinstance(value, dict):
        _read_object(value, under, found)
    elif isinstance(value, list):
        for inner in value:
            _read(inner, under, found)
    elif isinstance(value, str) and _SKILL.search(under):
        found.add_skills(value)
    elif isinstance(value, str) and _PROJECT.search(under) and len(value) <= _LONGEST_NAME:
        found.projects.append((value.strip(), value))


def _read_object(value: dict[str, Any], under: str, found: FoundName) -> None:
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    company = next((value[key] for key in _COMPANIES if isinstance(value.get(key), str)), None)
    if name and _SKILL.search(under):
        found.add_skills(name)
        return
    around = json.dumps(value, ensure_ascii=False)
    if name and _PROJECT.search(under):
        found.projects.append((name.strip(), around))
    elif company:
        found.companies.append((company.strip(), around))
    for key, inner in value.items():
        if _SKILL.search(key) or _PROJECT.search(key):
            if not isinstance(inner, str) or _SKILL.search(key):
                _read(inner, key, found)
        elif isinstance(inner, dict | list):
            _read(inner, under if isinstance(inner, list) and not name else "", found)


def _read_lines(text: str, found: FoundName) -> None:
    """A heading says what follows. A dated line below it names a project or company, to which its items belong; else each item is one."""
    into: list[tuple[str, str]] | None = None
    skills = dated = False
    for line in text.splitlines():
        line = line[:_LONGEST_LINE].strip()
        item, inline = _ITEM.match(line), _INLINE.match(line)
        if not line:
            continue
        if item is None and into is not None and _DATED.search(line):
            into.append((_name(line), line))
            dated = True
        elif item is None and len(heading := inline["head"] if inline else line) <= _LONGEST_HEADING:
            skills, dated = bool(_SKILL.search(heading)), False
            into = None if skills else _section(heading, found)
            if skills and inline:
                found.add_skills(inline["rest"])
        elif skills:
            found.add_skills(item["item"].rpartition(":")[2] if item else line)
        elif item and into is not None:
            _read_item(item["item"], into, found, dated=dated)


def _section(heading: str, found: FoundName) -> list[tuple[str, str]] | None:
    if _PROJECT.search(heading):
        return found.projects
    return found.companies if _PLACE.search(heading) else None


def _read_item(item: str, into: list[tuple[str, str]], found: FoundName, *, dated: bool) -> None:
    if dated:
        name, around = into[-1]
        into[-1] = (name, f"{around}\n{item}")
    elif into is found.projects:
        name = _name(item)
        into.append((name, item))
        found.skills += [term for term in terms(item) if term not in name]


def _name(text: str) -> str:
    return _NAME_END.split(text)[0].strip()[:_LONGEST_NAME]
