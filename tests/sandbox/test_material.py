from __future__ import annotations

import json
from typing import Any

import pytest

from segue.chat.messages import system, user
from segue.sandbox.answers.korean_particles import Word
from segue.sandbox.answers.prompt_subjects import Material, material_of

KOREAN = {
    "name": "김하늘",
    "work_experiences": [{"company": "스타커머스", "description": "주문 API를 Spring Boot로 개선"}],
    "personal_projects": [
        {"name": "주문 추적 서비스", "technologies": ["Kotlin", "Kafka"], "description": "초당 1,200건"},
        {"name": "배포 도구", "description": "Docker 이미지를 만든다"},
    ],
    "technical_skills": ["Kotlin", "Kafka", "Spring Boot", "Docker"],
}


def _of(given: Any) -> Material:
    return material_of([user(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False))])


def test_a_resume_as_json_gives_its_projects_before_its_companies_each_with_the_skills_named_beside_it() -> None:
    material = _of(KOREAN)
    assert [(subject.name, subject.skills) for subject in material.subjects] == [
        ("주문 추적 서비스", ("Kotlin", "Kafka")),
        ("배포 도구", ("Docker",)),
        ("스타커머스", ("Spring Boot",)),
    ]
    assert material.language == "ko"
    assert set(material.skills) == set(KOREAN["technical_skills"])


@pytest.mark.parametrize(
    ("document", "projects", "skills"),
    [
        ({"personalProjects": [{"title": "Replay"}], "technicalSkills": "Go, Kafka"}, ["Replay"], ["Go", "Kafka"]),
        (
            {"프로젝트": [{"프로젝트명": "배차"}], "기술": {"백엔드": ["Java"], "기타": ["Git"]}},
            ["배차"],
            ["Java", "Git"],
        ),
        ({"projects": ["Ledger", "Router"]}, ["Ledger", "Router"], []),
        ({"skills": [{"name": "Go", "level": "expert"}]}, [], ["Go"]),
        ({"languages": ["Korean", "English"], "summary": "nothing else"}, [], []),
    ],
)
def test_usual_spellings_of_a_resumes_fields_are_understood(
    document: dict[str, Any], projects: list[str], skills: list[str]
) -> None:
    material = _of(document)
    assert [subject.name for subject in material.subjects] == projects
    assert list(material.skills) == skills


def test_a_resume_as_text_gives_what_stands_under_and_behind_its_headings() -> None:
    material = _of(
        "Jane\n\nSkills: Python, Go\n\nProjects\n- Ledger Replay (Go, Kafka): fast\n- Rate Limiter - a bucket in Redis\n"
        "\nHobbies\n- Chess\n"
    )
    assert [(subject.name, subject.skills) for subject in material.subjects] == [
        ("Ledger Replay", ("Go", "Kafka")),
        ("Rate Limiter", ("Redis",)),
    ]
    assert material.skills[:2] == ("Python", "Go")


def test_a_dated_line_names_a_project_or_company_and_the_items_below_belong_to_it() -> None:
    material = _of(
        "박서연\n\n기술 스택\n- 언어: TypeScript\n- 도구: Storybook, Vite\n\n경력\n클래스나루 — 개발자 (2023.10 ~ 현재)\n- Vite로 빌드 단축\n"
        "\n프로젝트\n강의 플레이어 재작성 (2024.05 ~)\n- TypeScript로 다시 작성\n나루 UI (2024.11 ~)\n- Storybook으로 문서화\n\n학력\n새벽대학교 (2023)\n"
    )
    assert [(subject.name, subject.skills) for subject in material.subjects] == [
        ("강의 플레이어 재작성", ("TypeScript",)),
        ("나루 UI", ("Storybook",)),
        ("클래스나루", ("Vite",)),
    ]


def test_a_skill_is_not_found_inside_another_word() -> None:
    material = _of({"projects": [{"name": "Store", "description": "MongoDB"}], "skills": ["Go", "MongoDB", "C"]})
    assert material.subjects[0].skills == ("MongoDB",)


def test_only_the_users_words_count() -> None:
    material = material_of([system('{"projects": ["Not Mine"]} 친절하게 답하세요'), user("Tell me about Redis")])
    assert (material.subjects, material.language) == ((), "en")
    assert "Redis" in material.terms


@pytest.mark.parametrize(
    ("instruction", "prompt", "language"),
    [
        ("Write all texts in English.", json.dumps(KOREAN, ensure_ascii=False), "en"),
        ("모두 한국어로 쓰세요.", "Tell me about Redis", "ko"),
        ("", "Redis가 뭐예요?", "ko"),
        ("", '{"이름": "Jane Doe", "요약": "A backend engineer of four years"}', "en"),
        ("Answer in Korean.", "No, in English please", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_one_spoken(instruction: str, prompt: str, language: str) -> None:
    assert material_of([system(instruction), user(prompt)]).language == language


@pytest.mark.parametrize("text", ["", "{", "{{{{", '{"a":' * 3000, "\x00", "…" * 10_000, "[" * 5000, "1) \n- \n:"])
def test_odd_prompts_give_no_error(text: str) -> None:
    assert _of(text).subjects == ()


@pytest.mark.parametrize(
    ("word", "particle", "expected"),
    [
        ("Redis", "을", "Redis를"),
        ("Kotlin", "을", "Kotlin을"),
        ("주문 서비스", "은", "주문 서비스는"),
        ("배달", "으로", "배달로"),
        ("배포 도구", "과", "배포 도구와"),
        ("검색", "이", "검색이"),
        ("검색", "으로", "검색으로"),
        ("PostgreSQL", "으로", "PostgreSQL로"),
        ("Python 3", "을", "Python 3을"),
        ("Redis", "", "Redis"),
        ("", "을", "를"),
    ],
)
def test_a_particle_follows_the_sound_that_a_word_ends_with(word: str, particle: str, expected: str) -> None:
    assert format(Word(word), particle) == expected
