"""The coach: what is asked of the models about a résumé, and what becomes of their answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

import msgspec

from career_coach.cleaning import clean
from career_coach.language import Language
from career_coach.prompts import Prompt, Task, prompt_for, prompt_for_feedback, prompt_for_question
from career_coach.results import Attempt, Coaching, Feedback, LearningPath, Question
from career_coach.resume import Resume
from career_coach.schemas import (
    PATH_SCHEMA,
    PLAN,
    QUESTIONS_SCHEMA,
    feedback_problem,
    feedback_schema,
    path_problem,
    question_problem,
    question_schema,
    questions_problem,
    read,
)
from career_coach.trimming import fitted
from career_coach.wording import CutAnswerError, reason
from segue import Answer, ConfigurationError, OutputSchema, Segue, SegueError
from segue.ext import Where

TASKS: Final[tuple[Task, ...]] = ("questions", "path")

MAX_TOKENS: Final = 8_000
"""Room for a long answer in Korean and for the thinking of models that think; the answers themselves have 1 000 to 3 000 tokens."""

_OUTPUTS: Final[dict[Task, OutputSchema]] = {
    "questions": OutputSchema(schema=QUESTIONS_SCHEMA, name="interview_questions", strict=True),
    "path": OutputSchema(schema=PATH_SCHEMA, name="learning_path", strict=True),
}
_APPLICATION: Final = "career_coach"


T = TypeVar("T")


class Order(msgspec.Struct, frozen=True):
    """One thing that is asked of the models. `run` is the id that its attempts are booked under."""

    task: Task
    prompt: Prompt
    output: OutputSchema
    validate: Callable[[str], str | None]
    run: str = ""


class Written(msgspec.Struct, Generic[T], frozen=True):
    """What was written, and by whom."""

    value: T
    target: str
    model: str


class Coach:
    """Interview questions and a learning path for a résumé, over a chain of models.

        coach = Coach(Segue())
        questions = await coach.questions(resume)

    `language` is that of the answers, by default the résumé's. `chain` is a chain's name or its targets, by default the settings'.
    `deadline` is in seconds for each task; None leaves it to the settings.

    An answer that breaks its schema or its rules (see `schemas`) counts as its target's failure: the next target is asked.
    """

    def __init__(
        self,
        segue: Segue,
        *,
        language: Language | None = None,
        chain: str | Sequence[str] | None = None,
        deadline: float | None = None,
    ) -> None:
        self._segue = segue
        self._language = language
        self._options: dict[str, Any] = {"failover_on_refusal": True, "max_tokens": MAX_TOKENS}
        if chain is not None:
            self._options["chain"] = chain
        if deadline is not None:
            self._options["deadline"] = deadline

    async def questions(self, resume: Resume) -> tuple[Question, ...]:
        """Five interview questions. Raises `LLMServiceUnavailableError` when no target gave valid ones."""
        return _questions((await self._ask(self._order("questions", fitted(resume)))).text)

    async def path(self, resume: Resume) -> LearningPath:
        """A learning path of five steps. Raises `LLMServiceUnavailableError` when no target gave a valid one."""
        return (await self.learning_path(resume)).value

    async def next_question(self, resume: Resume, earlier: Sequence[Question], *, run: str = "") -> Written[Question]:
        """The question after `earlier` ones, at most four: asked for by itself, so each is there as soon as it is written.

        `run` is booked with the attempts, here and below. Raises `LLMServiceUnavailableError` when no target gave a valid one.
        """
        resume = fitted(resume)
        before = [(question.type, question.question) for question in earlier]
        prompt = prompt_for_question(
            resume,
            self._language or resume.language,
            [(question.topic, question.question) for question in earlier],
            PLAN[len(earlier)],
        )
        output = OutputSchema(schema=question_schema(before), name="interview_question", strict=True)
        validate = partial(question_problem, anchors=resume.anchors, earlier=before)
        answer = await self._ask(Order("questions", prompt, output, validate, run))
        return _written(answer, msgspec.convert(_printable(read(answer.text)), Question))

    async def learning_path(self, resume: Resume, *, run: str = "") -> Written[LearningPath]:
        """A learning path of five steps, and who wrote it. Raises `LLMServiceUnavailableError` when no target gave a valid one."""
        answer = await self._ask(self._order("path", fitted(resume), run))
        return _written(answer, _path(answer.text))

    async def feedback(
        self, question: Question, answer: str, language: Language, *, run: str = ""
    ) -> Written[Feedback]:
        """Feedback to a practised answer, against what a good one covers. Raises `LLMServiceUnavailableError` as above."""
        covers = question.what_good_answers_cover
        order = Order(
            "feedback",
            prompt_for_feedback(question.question, covers, answer, language),
            OutputSchema(schema=feedback_schema(len(covers)), name="feedback", strict=True),
            partial(feedback_problem, points=len(covers)),
            run,
        )
        given = await self._ask(order)
        return _written(given, msgspec.convert(_printable(read(given.text)), Feedback))

    async def run(self, resume: Resume, tasks: Iterable[Task] = TASKS) -> Coaching:
        """The tasks, all at once, with what each attempt took.

        One task's failure does not take the others' results along: it is in `failures`. Raises `ConfigurationError` alone.
        """
        tasks = tuple(tasks)
        resume = fitted(resume)
        run = _new_id()
        results = await asyncio.gather(*(self._tried(task, resume, run) for task in tasks))
        answers = {task: result for task, result in zip(tasks, results, strict=True) if isinstance(result, Answer)}
        failures = {task: result for task, result in zip(tasks, results, strict=True) if isinstance(result, SegueError)}
        language = self._language or resume.language
        booked = await self._booked([result.request_id for result in results if result.request_id], language)
        attempts = [*booked, *_skipped(failures, language, {attempt.target for attempt in booked if attempt.simulated})]
        return Coaching(
            language=language,
            questions=_questions(answers["questions"].text) if "questions" in answers else None,
            path=_path(answers["path"].text) if "path" in answers else None,
            failures=failures,
            attempts=tuple(attempts),
            notices=resume.notices,
            simulated=any(attempt.simulated for attempt in attempts),
        )

    async def _tried(self, task: Task, resume: Resume, run: str) -> Answer | SegueError:
        try:
            return await self._ask(self._order(task, resume, run))
        except ConfigurationError:
            raise
        except SegueError as error:
            return error

    def _order(self, task: Task, resume: Resume, run: str = "") -> Order:
        validate: Callable[[str], str | None] = path_problem
        if task == "questions":
            validate = partial(questions_problem, anchors=resume.anchors)
        return Order(task, prompt_for(task, resume, self._language or resume.language), _OUTPUTS[task], validate, run)

    async def _ask(self, order: Order) -> Answer:
        answer = await self._segue.acomplete(
            order.prompt.user,
            system=order.prompt.system,
            output=order.output,
            validate=order.validate,
            metadata={"application": _APPLICATION, "run": order.run or _new_id(), "task": order.task},
            **self._options,
        )
        if (problem := order.validate(answer.text)) is not None:
            # An answer that ran out of tokens is no failure to the engine, but it is no document either.
            message = f"{answer.target} ended its answer early ({answer.finish_reason.value}): {problem}"
            error = CutAnswerError(message, attempts=answer.attempts)
            error.request_id = answer.request_id
            raise error
        return answer

    async def _booked(self, requests: Sequence[str], language: Language) -> list[Attempt]:
        """The attempts of these requests, as the ledger has them, in their order."""

        def read() -> list[Any]:
            ledger = self._segue.ledger
            return [record for each in requests for record in ledger.records(where=Where(request_id=each), limit=None)]

        records = sorted(await asyncio.to_thread(read), key=lambda record: record.started)
        return [attempt_of(record, language) for record in records]


def attempt_of(record: Any, language: Language) -> Attempt:
    """An attempt as the ledger has it, with its reason in that language."""
    free = record.settlement == "free"
    return Attempt(
        task=record.metadata["task"],
        target=record.target,
        model=record.model,
        outcome=record.outcome,
        reason=reason(record.outcome, record.reason, language, record.status),
        detail=record.reason,
        seconds=record.seconds,
        prompt_tokens=None if free else record.usage.prompt_tokens,
        output_tokens=None if free else record.usage.output_tokens,
        cost=record.cost,
        bound=record.most,
        estimated=record.settlement == "estimated",
        simulated=record.simulated,
    )


def _skipped(failures: dict[Task, SegueError], language: Language, simulated: set[str]) -> list[Attempt]:
    """Targets that were passed over: the ledger has only what was sent."""
    return [
        Attempt(
            task=task,
            target=summary.target,
            model=summary.model,
            outcome="skipped",
            reason=reason("skipped", summary.reason, language),
            detail=summary.reason,
            simulated=summary.target in simulated,
        )
        for task, error in failures.items()
        for summary in getattr(error, "attempts", ())
        if summary.outcome == "skipped"
    ]


def _written(answer: Answer, value: T) -> Written[T]:
    return Written(value, answer.target, answer.model)


def _questions(text: str) -> tuple[Question, ...]:
    return msgspec.convert(_printable(read(text))["questions"], tuple[Question, ...])


def _path(text: str) -> LearningPath:
    return msgspec.convert(_printable(read(text)), LearningPath)


def _printable(value: Any) -> Any:
    """The document with every text in it free of control characters and of invisible ones."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _printable(inner) for name, inner in value.items()}
    return [_printable(inner) for inner in value] if isinstance(value, list) else value


def _new_id() -> str:
    return uuid.uuid4().hex
