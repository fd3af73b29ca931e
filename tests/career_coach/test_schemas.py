"""What is accepted as an answer: each rule is kept by the good documents and broken once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from career_coach.anchors import Anchors
from career_coach.schemas import PATH_SCHEMA, QUESTIONS_SCHEMA, TYPES, is_link, path_problem, questions_problem

from .harness import changed, good_path, good_questions

ANCHORS = Anchors(skills=["Redis"])


def texts_of_questions(document: Any) -> str | None:
    return questions_problem(document if isinstance(document, str) else json.dumps(document), ANCHORS)


def texts_of_path(document: Any) -> str | None:
    return path_problem(document if isinstance(document, str) else json.dumps(document))


def test_good_answers_pass() -> None:
    assert texts_of_questions(good_questions()) is None
    assert texts_of_path(good_path()) is None


def test_an_answer_in_a_code_fence_passes() -> None:
    assert texts_of_questions(f"```json\n{json.dumps(good_questions(), indent=2)}\n```\n") is None


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["questions"], ..., "the answer lacks questions"),
        (["questions"], {}, "questions must be of type array"),
        (["questions"], good_questions()["questions"][:4], "questions has 4 items: 5 are asked for"),
        (["questions"], good_questions()["questions"] * 2, "questions has 10 items: 5 are asked for"),
        (["note"], "x", "the answer has fields that were not asked for"),
        (["questions", 1, "hint"], "x", "questions[1] has fields that were not asked for"),
        (["questions", 0, "topic"], ..., "questions[0] lacks topic"),
        (["questions", 2, "difficulty"], "brutal", "questions[2].difficulty must be one of easy, medium, hard"),
        (["questions", 2, "type"], "trivia", f"questions[2].type must be one of {', '.join(TYPES)}"),
        (["questions", 0, "question"], 7, "questions[0].question must be of type string"),
        (["questions", 0, "question"], " \n", "questions[0].question is blank"),
        (
            ["questions", 0, "what_good_answers_cover"],
            ["one"],
            "questions[0].what_good_answers_cover has 1 items: 2 to 6",
        ),
        (["questions", 0, "what_good_answers_cover"], ["x"] * 7, "what_good_answers_cover has 7 items: 2 to 6"),
        (["questions", 0, "what_good_answers_cover", 1], "", "questions[0].what_good_answers_cover[1] is blank"),
        (["questions", 1, "question"], "NUMBER 0:  why Redis?", "questions[1].question repeats an earlier one"),
        (["questions", 1, "type"], "performance", "questions have 3 different types: at least 4 are asked for"),
    ],
)
def test_questions_that_break_a_rule_are_refused_with_its_place(path: list[Any], value: Any, problem: str) -> None:
    assert problem in (texts_of_questions(changed(good_questions(), path, value)) or "")


def test_a_question_about_nothing_in_the_resume_is_refused() -> None:
    document = changed(good_questions(), ["questions", 3, "question"], "What is a hash table?")
    document = changed(document, ["questions", 3, "topic"], "Data structures")
    assert texts_of_questions(document) == "questions[3] names no project, skill or company of the résumé"


@pytest.mark.parametrize("field", ["question", "topic"])
def test_the_question_or_its_topic_must_name_something_of_the_resume_not_both(field: str) -> None:
    assert texts_of_questions(changed(good_questions(), ["questions", 3, field], "Something else")) is None


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["analysis"], ..., "the answer lacks analysis"),
        (["summary"], ..., "the answer lacks summary"),
        (["summary"], " ", "summary is blank"),
        (["analysis", "strengths"], [], "analysis.strengths has 0 items: 1 to 5 are asked for"),
        (["analysis", "weaknesses"], ["x"] * 6, "analysis.weaknesses has 6 items: 1 to 5 are asked for"),
        (["analysis", "weaknesses"], "none", "analysis.weaknesses must be of type array"),
        (["learning_paths"], good_path()["learning_paths"][:3], "learning_paths has 3 items: 5 are asked for"),
        (["learning_paths", 4, "type"], "gap", "learning_paths[4].type must be one of strength, weakness"),
        (["learning_paths", 0, "title"], ..., "learning_paths[0] lacks title"),
        (
            ["learning_paths", 0, "resources"],
            ["one", "two"],
            "learning_paths[0].resources has 2 items: 3 are asked for",
        ),
        (["learning_paths", 0, "resources", 2], "\t", "learning_paths[0].resources[2] is blank"),
        (["learning_paths", 0, "link"], "http://a.io/", "learning_paths[0].link is no https address"),
        (["learning_paths", 0, "link"], "https://nohost", "learning_paths[0].link is no https address"),
        (["learning_paths", 0, "reason"], None, "learning_paths[0].reason must be of type string"),
    ],
)
def test_a_path_that_breaks_a_rule_is_refused_with_its_place(path: list[Any], value: Any, problem: str) -> None:
    assert problem in (texts_of_path(changed(good_path(), path, value)) or "")


@pytest.mark.parametrize(
    "text", ["", "I am sorry.", "{", "[]", "null", "5", '{"questions": [', "[" * 100_000, "```json\n```"]
)
def test_an_answer_that_is_no_document_is_refused_in_one_line(text: str) -> None:
    for problem in (texts_of_questions(text), texts_of_path(text)):
        assert problem is not None
        assert "\n" not in problem
        assert len(problem) < 200


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_check_never_raises_whatever_was_answered(document: Any) -> None:
    assert texts_of_questions(json.dumps(document)) is not None
    assert texts_of_path(json.dumps({**good_path(), "learning_paths": document})) is not None


@pytest.mark.parametrize(
    "link",
    [
        "https://kafka.apache.org/documentation/",
        "https://a.io",
        "https://xn--3e0b.kr/x?y=1#z",
        "https://docs.a-b.dev:8443/",
    ],
)
def test_a_link_is_an_https_address(link: str) -> None:
    assert is_link(link)


@pytest.mark.parametrize(
    "link",
    [
        "", "https://", "http://a.io", "HTTPS//a.io", "ftp://a.io", "javascript:alert(1)", "https:a.io", "//a.io", "a.io", "https://localhost",
        "https://a..io", "https://.io", "https://-a.io", "https://a.io:99999", "https://a.io:x", "https://user:pw@a.io", "https://a.io/ b",
        "https://a.io/\n", "https://[::1", "https://a_b.io", "https://a.io\u202e/", "Kafka docs: https://a.io",
    ],
)  # fmt: skip
def test_what_only_resembles_an_https_address_is_no_link(link: str) -> None:
    assert not is_link(link)


@pytest.mark.parametrize("schema", [QUESTIONS_SCHEMA, PATH_SCHEMA])
def test_the_schemas_keep_to_what_strict_modes_take(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    pending = [schema]
    while pending:
        part = pending.pop()
        assert part.keys() <= {
            "type", "description", "enum", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "pattern",
        }  # fmt: skip
        if part["type"] == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False
            pending += part["properties"].values()
        elif part["type"] == "array":
            pending.append(part["items"])
