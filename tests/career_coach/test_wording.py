"""What goes wrong is in the reader's language: nothing of Segue's English stands in Korean output."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import segue
from career_coach import wording
from career_coach.coach import Coach
from career_coach.reading import parse
from career_coach.resume import Resume, from_document
from career_coach.wording import PROBLEMS, CoachError, CutAnswerError, explained, reason
from segue import AttemptSummary, ConfigurationError, LLMServiceUnavailableError, SegueError
from segue.chat.events import FinishReason
from segue.chat.failure import FailureKind

from .harness import RESUME, Scripted, client, failing

_NAMES = re.compile(r"\[[^]]*\]|HTTP|API|JSON|gemini|openai|claude|^ +\S+", re.MULTILINE)
ERRORS = [value for value in vars(segue.errors).values() if inspect.isclass(value) and issubclass(value, SegueError)]


def english_in(text: str) -> list[str]:
    """The Latin words of a text that are no names."""
    return re.findall(r"[A-Za-z]{2,}", _NAMES.sub("", text))


@pytest.fixture
def resume() -> Resume:
    return from_document(RESUME)


@pytest.mark.parametrize("kind", [*ERRORS, CutAnswerError])
def test_every_error_of_segue_has_a_korean_sentence(kind: type[SegueError]) -> None:
    text = explained(kind("the stream ended"), "ko")
    assert re.search("[가-힣]", text)
    assert kind is ConfigurationError or english_in(text) == []
    assert explained(kind("the stream ended"), "en") == "the stream ended"


@pytest.mark.parametrize("outcome", [*FailureKind, "ok", "cancelled", "skipped", "lost", "pending"])
def test_every_outcome_has_a_korean_reason(outcome: str) -> None:
    assert english_in(reason(outcome, "the stream ended before the answer was complete", "ko", 503)) == []
    assert reason(outcome, "words of a provider", "en", 503) == "words of a provider"


def test_an_answer_has_no_reason() -> None:
    assert reason("ok", "", "ko") == ""


def test_each_attempt_of_a_failed_task_is_a_line_with_its_status_and_its_wait() -> None:
    attempts = [
        AttemptSummary(
            target="gemini", model="flash", outcome="rate", reason="slow down", status=429, recovers_in=30.0
        ),
        AttemptSummary(target="openai", model="luna", outcome="skipped", reason="no credit left"),
    ]
    assert explained(LLMServiceUnavailableError(attempts=attempts), "ko").splitlines() == [
        "모든 제공자가 답하지 못했습니다",
        "  gemini [flash]: 요청 한도를 넘었습니다(HTTP 429), 30초 뒤에 회복될 수 있습니다",
        "  openai [luna]: 지금은 사용할 수 없어 건너뛰었습니다",
    ]


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_in_both_languages_and_names_the_same_things(code: str) -> None:
    english, korean = PROBLEMS[code]["en"], PROBLEMS[code]["ko"]
    assert re.search("[가-힣]", korean)
    assert sorted(re.findall(r"\{.*?\}", english)) == sorted(re.findall(r"\{.*?\}", korean))


def test_every_code_that_is_raised_is_in_the_table() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(wording.__file__).parent.rglob("*.py"))
    assert set(re.findall(r'(?:Coach|Resume)Error\("(\w+)"', sources)) <= PROBLEMS.keys()


def test_a_file_that_is_no_resume_is_named_in_both_languages() -> None:
    with pytest.raises(CoachError) as caught:
        parse(b"\x89PNG ...", "a.png")
    assert str(caught.value) == "a.png: it is a picture: save it as text or JSON first"
    assert explained(caught.value, "ko") == "a.png: 이미지입니다. 텍스트나 JSON으로 저장하세요"


async def test_a_korean_run_that_fails_says_why_in_korean_and_keeps_the_original_words(resume: Resume) -> None:
    coach = Coach(client(gemini=failing("the model is on fire"), openai=Scripted("no JSON", "no JSON")), language="ko")
    coaching = await coach.run(resume, ["path"])
    document = coaching.document()
    assert english_in(document["failures"]["path"]) == []
    assert [english_in(attempt["reason"]) for attempt in document["attempts"]] == [[], []]
    assert document["attempts"][0]["detail"] == "the model is on fire"


async def test_an_answer_without_its_end_is_explained_in_korean(resume: Resume) -> None:
    segue = client(gemini=Scripted(path='{"analysis": {', reason=FinishReason.LENGTH))
    coaching = await Coach(segue, language="ko").run(resume, ["path"])
    assert english_in(explained(coaching.failures["path"], "ko")) == []


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "", "LC_ALL": ""}, "en"),
    ],
)
def test_the_systems_language_is_what_its_variables_say_though_the_locale_is_not_installed(
    environ: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: (None, None))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert wording.system_language() == language


def test_where_no_variable_says_the_systems_language_its_locale_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: ("Korean_Korea", "949"))
    assert wording.system_language() == "ko"
