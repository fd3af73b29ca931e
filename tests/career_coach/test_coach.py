"""The coach over providers that answer well, badly or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from career_coach.coach import Coach
from career_coach.resume import Resume, from_document
from segue import ConfigurationError, LLMServiceUnavailableError, Segue, Settings
from segue.chat.events import Failed, FinishReason, UpstreamEvent
from segue.chat.failure import Failure, FailureKind
from segue.failover.upstream import Ask, Receipt

from .harness import RESUME, Scripted, changed, client, failing, good_path, good_questions


@pytest.fixture
def resume() -> Resume:
    return from_document(RESUME)


async def test_questions_and_path_come_as_values(resume: Resume) -> None:
    coach = Coach(client(gemini=Scripted()))
    questions = await coach.questions(resume)
    assert [question.difficulty for question in questions] == ["easy", "medium", "hard", "medium", "hard"]
    assert questions[0].what_good_answers_cover == ("what it replaced", "what was measured")
    path = await coach.path(resume)
    assert [step.title for step in path.learning_paths] == ["Step 0", "Step 1", "Step 2", "Step 3", "Step 4"]
    assert path.learning_paths[0].resources == ("A book", "A course", "A talk")
    assert path.analysis.weaknesses == ("Tests are not shown",)


async def test_a_schema_goes_with_each_request_and_the_resume_is_in_it(resume: Resume) -> None:
    provider = Scripted()
    await Coach(client(gemini=provider)).run(resume)
    outputs = {ask.request.output.name: ask.request.output for ask in provider.asked if ask.request.output}
    assert outputs.keys() == {"interview_questions", "learning_path"}
    for output in outputs.values():
        assert output.schema is not None
        assert output.strict is True
    for ask in provider.asked:
        system, user = ask.request.messages
        assert (system.role, user.role) == ("system", "user")
        assert "Order Pipeline Rewrite" in user.text


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("I'm sorry", "the answer is not JSON", id="no JSON"),
        pytest.param(changed(good_questions(), ["questions"], []), "questions has 0 items", id="against the schema"),
        pytest.param(
            changed(good_questions(), ["questions", 1, "type"], "performance"), "3 different types", id="against a rule"
        ),
    ],
)
async def test_invalid_questions_fail_over_to_the_next_target(resume: Resume, bad: Any, reason: str) -> None:
    coaching = await Coach(client(gemini=Scripted(bad), openai=Scripted())).run(resume, ["questions"])
    assert coaching.questions is not None
    assert [(attempt.target, attempt.outcome) for attempt in coaching.attempts] == [
        ("gemini", "invalid"),
        ("openai", "ok"),
    ]
    assert reason in coaching.attempts[0].reason


async def test_an_invalid_path_fails_over_to_the_next_target(resume: Resume) -> None:
    bad = changed(good_path(), ["learning_paths", 2, "link"], "javascript:alert(1)")
    coaching = await Coach(client(gemini=Scripted(path=bad), openai=Scripted())).run(resume, ["path"])
    assert coaching.path is not None
    assert [attempt.outcome for attempt in coaching.attempts] == ["invalid", "ok"]
    assert coaching.attempts[0].reason == "learning_paths[2].link is no https address"


async def test_questions_about_something_else_fail_over(resume: Resume) -> None:
    other = from_document({"skills": ["COBOL"], "projects": ["Mainframe"]})
    with pytest.raises(LLMServiceUnavailableError) as caught:
        await Coach(client(gemini=Scripted())).questions(other)
    assert "names no project, skill or company" in str(caught.value)


async def test_the_failure_of_all_targets_is_reported_with_each_reason(resume: Resume) -> None:
    coach = Coach(client(gemini=failing("first reason"), openai=Scripted("no JSON", "no JSON")))
    with pytest.raises(LLMServiceUnavailableError) as caught:
        await coach.path(resume)
    assert "first reason" in str(caught.value)
    assert "the answer is not JSON" in str(caught.value)


async def test_one_task_failing_leaves_the_other_its_result(resume: Resume) -> None:
    coaching = await Coach(client(gemini=Scripted(questions="none"))).run(resume)
    assert coaching.questions is None
    assert coaching.path is not None
    assert list(coaching.failures) == ["questions"]
    assert coaching.document()["failures"]["questions"].startswith("All LLM providers failed")


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.PAUSE])
async def test_an_answer_cut_short_for_lack_of_tokens_is_never_taken_for_a_result(
    resume: Resume, reason: FinishReason
) -> None:
    with pytest.raises(LLMServiceUnavailableError):
        await Coach(client(gemini=Scripted('{"questions": [', reason=reason))).questions(resume)


async def test_a_refusal_fails_over(resume: Resume) -> None:
    refusing = Scripted("I can't", reason=FinishReason.CONTENT_FILTER)
    coaching = await Coach(client(gemini=refusing, openai=Scripted())).run(resume, ["questions"])
    assert coaching.questions is not None
    assert [attempt.outcome for attempt in coaching.attempts] == ["policy", "ok"]


class _Meeting(Scripted):
    """Answers only when both tasks are being asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._barrier = asyncio.Barrier(2)

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        try:
            async with asyncio.timeout(2):
                await self._barrier.wait()
        except TimeoutError:
            yield [Failed(Failure(kind=FailureKind.OVERLOAD, message="the other task was not asked for"))]
            return
        async for events in super().stream(ask, receipt):
            yield events


async def test_both_tasks_are_asked_for_at_once(resume: Resume) -> None:
    coaching = await Coach(client(gemini=_Meeting())).run(resume)
    assert coaching.failures == {}


async def test_every_attempt_is_reported_with_its_tokens_and_cost(resume: Resume) -> None:
    coaching = await Coach(client(gemini=failing(), openai=Scripted())).run(resume)
    by_task = {task: [a for a in coaching.attempts if a.task == task] for task in ("questions", "path")}
    for attempts in by_task.values():
        failed, answered = attempts
        assert (failed.target, failed.outcome, failed.prompt_tokens) == ("gemini", "overload", None)
        assert (answered.prompt_tokens, answered.output_tokens) == (100, 50)
        assert answered.cost is not None
        assert answered.cost > 0
        assert not answered.estimated
    assert coaching.cost == sum(attempt.cost or 0 for attempt in coaching.attempts)


async def test_attempts_of_other_runs_are_not_counted(resume: Resume) -> None:
    coach = Coach(client(gemini=Scripted()))
    first, second = await asyncio.gather(coach.run(resume, ["path"]), coach.run(resume))
    third = await coach.run(resume, ["questions"])
    assert (len(first.attempts), len(second.attempts), len(third.attempts)) == (1, 2, 1)


async def test_a_run_reads_its_own_requests_of_the_ledger_and_no_others(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    segue = client(gemini=Scripted())
    asked: list[dict[str, Any]] = []
    records = segue.ledger.records

    def counted(*moments: float, **choice: Any) -> Any:
        asked.append({"moments": moments, "request": choice["where"].request_id})
        return records(*moments, **choice)

    monkeypatch.setattr(segue.ledger, "records", counted)
    coaching = await Coach(segue).run(resume)
    assert len(coaching.attempts) == len(asked) == 2
    assert all(each["request"] and not each["moments"] for each in asked)


async def test_the_language_is_the_resumes_unless_another_is_asked_for(resume: Resume) -> None:
    korean = from_document({"요약": "결제 백엔드 개발자", "기술": ["Redis"]})
    for document, language, expected in (
        (resume, None, "en"),
        (korean, None, "ko"),
        (korean, "en", "en"),
        (resume, "ko", "ko"),
    ):
        provider = Scripted()
        coaching = await Coach(client(gemini=provider), language=language).run(document, ["questions"])
        assert coaching.language == expected
        assert ("면접관" in provider.asked[0].request.messages[0].text) is (expected == "ko")


async def test_the_chain_can_be_chosen(resume: Resume) -> None:
    providers = {name: Scripted() for name in ("gemini", "openai", "claude")}
    await Coach(client(**providers), chain=("claude", "openai")).questions(resume)
    assert {name: len(provider.asked) for name, provider in providers.items()} == {
        "gemini": 0,
        "openai": 0,
        "claude": 1,
    }


class _Silent(Scripted):
    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        await asyncio.Event().wait()
        yield []


async def test_the_deadline_is_kept(resume: Resume) -> None:
    coaching = await Coach(client(gemini=_Silent()), deadline=0.2).run(resume)
    assert coaching.failures.keys() == {"questions", "path"}
    assert all("within the deadline of 0.2 s" in str(error) for error in coaching.failures.values())


async def test_a_long_resume_is_shortened_for_the_prompt_and_the_result_says_so() -> None:
    provider = Scripted()
    long = from_document({**RESUME, "summary": "Redis and more. " * 5_000})
    coaching = await Coach(client(gemini=provider)).run(long)
    assert [notice.kind for notice in coaching.notices] == ["shortened"]
    assert all(len(ask.request.messages[1].text) < 25_000 for ask in provider.asked)


@pytest.mark.parametrize("simulated", [True, False])
async def test_a_result_says_whether_it_was_simulated(resume: Resume, simulated: bool) -> None:
    coaching = await Coach(client(simulated=simulated, gemini=Scripted())).run(resume)
    assert coaching.simulated is simulated
    assert coaching.document()["simulated"] is simulated
    assert all(attempt["simulated"] is simulated for attempt in coaching.document()["attempts"])


async def test_a_setting_that_is_wrong_is_raised_not_collected(resume: Resume) -> None:
    with pytest.raises(ConfigurationError, match="no provider has a key"):
        await Coach(Segue(Settings(ledger="none"))).run(resume)
