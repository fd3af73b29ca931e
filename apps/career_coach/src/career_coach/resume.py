"""A résumé as the coach sees it, from any author and in any form.

`work_experiences` and `personal_projects` are tables with the names of `fields`: company, position, period, description,
achievements, technologies, projects (work); name … (projects). What has no such name keeps its own, here and in `extra`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from career_coach.anchors import Anchors, terms
from career_coach.cleaning import clean_all
from career_coach.fields import PROJECT, TOP, WORK, key_of, months_of, skills_of
from career_coach.language import Language, language_of
from career_coach.wording import CoachError

_WRAPPERS = frozenset({"resume", "cv", "curriculum_vitae", "이력서", "data", "candidate"})
_A_NAME = 80
"""The longest text that is still taken for the name of a company or a project."""


class ResumeError(CoachError):
    """The résumé can't be read, or says nothing to ask about. The message is one line."""


class Notice(msgspec.Struct, frozen=True):
    """Something done to a résumé that its owner should know: contact data left out, or parts shortened."""

    kind: Literal["withheld", "shortened", "cut"]
    detail: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Every field may be empty, but not all. `text` holds a résumé that came as text; names found in it are in the other fields."""

    name: str = ""
    summary: str = ""
    work_experiences: tuple[dict[str, Any], ...] = ()
    personal_projects: tuple[dict[str, Any], ...] = ()
    technical_skills: tuple[str, ...] = ()
    total_experience_months: int | None = None
    extra: dict[str, Any] = {}
    text: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def companies(self) -> list[str]:
        return _unique(_texts(work.get("company") for work in self.work_experiences))

    @property
    def projects(self) -> list[str]:
        """The names of all projects, those at work and personal ones."""
        return _unique(_texts(project.get("name") for project in (*self._projects_at_work(), *self.personal_projects)))

    @property
    def skills(self) -> list[str]:
        """Technical skills, and the technologies of all work and projects."""
        entries = (*self.work_experiences, *self._projects_at_work(), *self.personal_projects)
        return _unique(
            [*self.technical_skills, *(skill for entry in entries for skill in skills_of(entry.get("technologies")))]
        )

    def _projects_at_work(self) -> list[dict[str, Any]]:
        return [project for work in self.work_experiences for project in work.get("projects", ())]

    @property
    def language(self) -> Language:
        return language_of("\n".join(_all_texts(self.document)))

    @property
    def anchors(self) -> Anchors:
        """What a question can be about. Names that only look like ones count where no field holds any, and in text."""
        skills = self.skills
        if self.text or not (skills or self.projects or self.companies):
            skills += terms("\n".join(_all_texts(self.document)))
        return Anchors(projects=self.projects, companies=self.companies, skills=skills)

    @property
    def document(self) -> dict[str, Any]:
        """All that it says, as JSON: what is not empty, under the names above, then what has other names."""
        if self.text:
            return {"text": self.text}
        fields = {name: getattr(self, name) for name in _KNOWN if getattr(self, name) not in ("", (), None)}
        return fields | self.extra


_TELLING = {"summary", "work_experiences", "personal_projects", "technical_skills"}
_LEAST = 40
"""Letters that fields of unknown names must hold where no known field says anything."""
_KNOWN = ("name", "summary", "total_experience_months", "technical_skills", "work_experiences", "personal_projects")


def from_document(document: Any) -> Resume:
    """A résumé from parsed JSON. Raises `ResumeError` if it is none or says nothing to ask about."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise ResumeError("no_object")
    withheld: list[str] = []
    values = _top_fields(_unwrapped(clean_all(document, withheld)))
    months = _take_months(values)
    resume = Resume(
        name=_take_text(values, "name"),
        summary=_take_text(values, "summary"),
        work_experiences=tuple(_entries(values.pop("work_experiences", None), WORK, "company")),
        personal_projects=tuple(_entries(values.pop("personal_projects", None), PROJECT, "name")),
        technical_skills=tuple(skills_of(values.pop("technical_skills", None))),
        total_experience_months=months,
        extra=values,
    )
    if not resume.document.keys() & _TELLING and _length(resume.extra) < _LEAST:
        raise ResumeError("nothing_to_ask")
    return msgspec.structs.replace(resume, notices=withheld_notice(withheld))


def withheld_notice(withheld: list[str]) -> tuple[Notice, ...]:
    """What to say of contact data that was left out."""
    return (Notice("withheld", ", ".join(dict.fromkeys(withheld))),) if withheld else ()


def _unwrapped(document: dict[str, Any]) -> dict[str, Any]:
    """The object that matters: without a wrapper around it, and with JSON Resume's `basics` among the other fields."""
    if len(document) == 1:
        [(key, inner)] = document.items()
        if key_of(key) in _WRAPPERS and isinstance(inner, dict):
            document = inner
    if isinstance(basics := document.get("basics"), dict):
        rest = {key: value for key, value in document.items() if key != "basics"}
        document = {**basics, **rest}
    return document


def _top_fields(document: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for label, value in document.items():
        field = TOP.get(key_of(label), label)
        if field not in values:
            values[field] = value
        elif isinstance(values[field], list) and isinstance(value, list):
            values[field] = [*values[field], *value]
        else:
            values[label if label not in values else f"{label} (2)"] = value
    return values


def _take_text(values: dict[str, Any], field: str) -> str:
    """The field's text; several lines for a list of texts. Anything else stays where it is."""
    value = values.get(field)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        return ""
    del values[field]
    return value


def _take_months(values: dict[str, Any]) -> int | None:
    for field, unit in (("total_experience_months", 1), ("total_experience_years", 12)):
        if (months := months_of(values.get(field), unit=unit)) is not None:
            del values[field]
            return months
    return None


def _entries(value: Any, table: dict[str, str], name: str) -> Iterator[dict[str, Any]]:
    """The entries of a list of work or projects, also where it is one entry, a table by name, or plain texts."""
    if isinstance(value, dict):
        is_table = bool(value) and all(isinstance(inner, dict) for inner in value.values())
        value = [{name: key, **inner} for key, inner in value.items()] if is_table else [value]
    elif not isinstance(value, (list, tuple)):
        value = [value]
    for item in value:
        if isinstance(item, dict):
            yield _entry(item, table)
        elif isinstance(item, str) and item:
            yield {name if len(item) <= _A_NAME else "description": item}


def _entry(item: dict[str, Any], table: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for label, value in item.items():
        field = table.get(key_of(label), label)
        entry[field if field not in entry else label] = value
    if table is WORK and "projects" in entry:
        entry["projects"] = list(_entries(entry["projects"], PROJECT, "name"))
    return entry


def _length(value: Any) -> int:
    return sum(character.isalpha() for text in _all_texts(value) for character in text)


def _texts(values: Iterator[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str) and value)


def _unique(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _all_texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _all_texts(inner)
