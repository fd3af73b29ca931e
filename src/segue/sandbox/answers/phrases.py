"""Made-up sentences for the fields of a structured answer, in the prompt's language, about the things that the prompt names.

They are there to read sensibly in a demonstration, and claim nothing to be a model's work.
"""

from __future__ import annotations

import re

from segue.sandbox.answers.korean_particles import Word
from segue.sandbox.answers.phrasebook import ENGLISH, GENERIC, KOREAN
from segue.sandbox.answers.prompt_subjects import Material

_LINK = re.compile(r"link|url|href|website|링크", re.I)


def phrase(name: str, about: int, form: int, material: Material) -> str:
    """A text for the field `name`. `about` chooses what it speaks of, `form` how it says it."""
    subject, skill = _names(about, material)
    if _LINK.search(name):
        return f"https://example.com/{_slug(skill)}"
    for pattern, rows in KOREAN if material.language == "ko" else ENGLISH:
        if re.search(pattern, name, re.I):
            forms = rows[about % len(rows)]
            return forms[form % len(forms)].format(subject=subject, skill=skill)
    return str(skill if material.skills or material.terms else subject)


def _names(about: int, material: Material) -> tuple[Word, Word]:
    subject, skill = GENERIC[material.language]
    skills = material.skills or material.terms
    turn = about
    if material.subjects:
        chosen = material.subjects[about % len(material.subjects)]
        subject = chosen.name
        skills = chosen.skills or skills
        turn += about // len(material.subjects)  # so that a subject's second item has another skill than its first
    return Word(subject), Word(skills[turn % len(skills)] if skills else skill)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "more"
