"""A résumé that came as text: the whole text is kept; names of projects, companies and skills are looked for under its headings."""

from __future__ import annotations

import re
from typing import Any

from career_coach.cleaning import clean, without_contacts
from career_coach.fields import TOP, key_of, months_of, skills_of, words
from career_coach.resume import Resume, ResumeError, withheld_notice

_ORNAMENT = "#*=_-–—[]【】<>■◆●▶◇□○▪•~ \t"
_BULLET = re.compile(r"\s+|[-*•·▪‣–—]\s*")
_NUMBER = re.compile(r"^\(?\d{1,2}[.)]\s+")
_HEAD_ENDS = re.compile(r"\s{0,4}[(|:,\[]|\s{1,4}[-–—~@/]\s|\t|\s{3}")
_ONE_DATE = r"(?:\d{1,2}[./]){0,2}(?:19|20)\d\d(?:[-./年년] ?\d{1,2}[月월.]?)?(?:[-./] ?\d{1,2})?"
_COMPANY_MARK = re.compile(r"\((?:주|유|합|株|有|合)\)\s?")
"""The form of a Korean or Japanese company, as it stands before a name."""
_DATE = re.compile(
    rf"^{_ONE_DATE}(?:\s?[-–—~～]\s?(?:{_ONE_DATE}|현재|現在|[Pp]resent|[Nn]ow|CURRENT|[Cc]urrent))?[\s:|,)]{{1,4}}"
)
_ENTERED = re.compile(r"\s(?:入社|退社|入社[^\n]{0,20}|退社[^\n]{0,20})$")
_LABEL = re.compile(r"^[^:,(]{1,24}:\s*")
_OTHER_HEADINGS = words(
    "education certifications certificates awards languages publications interests references contact activities 학력 교육 "
    "교육이력 자격증 수상 수상경력 어학 외국어 대외활동 기타 연락처 병역 "
    "education_and_training language_skills driving_licence hobbies_and_interests 学歴 免許 資格 免許資格 志望動機 趣味 本人希望 本人希望記入欄 通勤時間"
)
_TITLES = words(
    "europass curriculum_vitae_europass 履歴書 職務経歴書 resume résumé cv curriculum_vitae 이력서 경력기술서"
)
_LONGEST_HEADING = 32
_LONGEST_SKILL = 48
_LEAST = 20
"""Letters and digits without which a text is no résumé."""


def from_text(text: str) -> Resume:
    """A résumé from text. Raises `ResumeError` if it says nothing."""
    withheld: list[str] = []
    cleaned = without_contacts(clean(text), withheld)
    if sum(character.isalnum() for character in cleaned) < _LEAST:
        raise ResumeError("nothing_to_ask")
    sections = _sections(cleaned)
    skills = skills_of([_LABEL.sub("", _unmarked(line)) for line in sections.get("technical_skills", ())])
    months = next(filter(None, (months_of(line) for line in sections.get("total_experience_months", ()))), None)
    return Resume(
        name=_name(cleaned),
        summary="\n".join(sections.get("summary", ())).strip(),
        work_experiences=_named("company", sections.get("work_experiences", [])),
        personal_projects=_named("name", sections.get("personal_projects", [])),
        technical_skills=tuple(skill for skill in skills if len(skill) <= _LONGEST_SKILL),
        total_experience_months=months,
        text=cleaned,
        notices=withheld_notice(withheld),
    )


def _sections(text: str) -> dict[str, list[str]]:
    """The lines under each heading that says what they are."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        heading, rest = _heading(line)
        if heading is not None:
            current = sections.setdefault(heading, [])
            line = rest
        if line.strip():
            current.append(line.rstrip())
    return sections


def _heading(line: str) -> tuple[str | None, str]:
    """The field that a line is the heading of, and what follows it on the same line."""
    title, colon, rest = line.partition(":")
    title = title.strip(_ORNAMENT)
    if not title or len(title) > _LONGEST_HEADING:
        return None, line
    key = key_of(_NUMBER.sub("", title))
    if key in TOP:
        return TOP[key], rest
    return ("other", rest) if key in _OTHER_HEADINGS and not (colon and rest.strip()) else (None, line)


def _named(field: str, lines: list[str]) -> tuple[dict[str, Any], ...]:
    """One entry for each line that begins something: Markdown's headings; without them, what is no bullet; where all are, the bullets."""
    begins = [line for line in lines if line.startswith("#")]
    begins = begins or [line for line in lines if not _BULLET.match(line)] or lines
    begins = [line for line in map(_undated, begins) if line]
    names = map(_head, begins)
    return tuple(
        {field: name} for name in dict.fromkeys(names) if 1 < len(name) <= 60 and not name.endswith((".", "。"))
    )


def _head(line: str) -> str:
    """The name with which the line begins."""
    line = _unmarked(line)
    mark = _COMPANY_MARK.match(line)
    start = mark.end() if mark else 0
    return line[:start] + _HEAD_ENDS.split(line[start:], maxsplit=1)[0].strip(_ORNAMENT)


def _unmarked(line: str) -> str:
    return _NUMBER.sub("", line.strip().lstrip("-*•·▪‣–—#").strip())


def _undated(line: str) -> str:
    """The line without a date before what it names, and without a Japanese "joined" or "left" after it."""
    return _ENTERED.sub("", _DATE.sub("", _unmarked(line))).strip()


def _name(text: str) -> str:
    """The first line's beginning, if it looks like a person's name."""
    title = _HEAD_ENDS.split(text.lstrip(_ORNAMENT).splitlines()[0], maxsplit=1)[0].strip(_ORNAMENT)
    words = title.split()
    looks = 1 <= len(words) <= 4 and len(title) <= 40 and not any(character.isdigit() for character in title)
    return title if looks and key_of(title) not in (*TOP, *_TITLES) else ""
