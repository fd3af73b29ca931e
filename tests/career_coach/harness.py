"""Good answers, and providers that give what a test has written for them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from copy import deepcopy
from typing import Any

from segue import Segue, Settings
from segue.catalog.models import find_model
from segue.chat.events import Failed, Finished, FinishReason, Started, TextDelta, UpstreamEvent, UsageReport
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import Usage
from segue.failover.upstream import Ask, Receipt
from segue.policy import Policy
from segue.routing.target import Target

RESUME: dict[str, Any] = {
    "name": "Kim",
    "summary": "Backend engineer",
    "total_experience_months": 30,
    "technical_skills": ["Kotlin", "Redis"],
    "work_experiences": [
        {
            "company": "Acme Corp.",
            "position": "Engineer",
            "projects": [{"name": "Order Pipeline Rewrite", "technologies": ["Apache Kafka"]}],
        }
    ],
    "personal_projects": [{"name": "quietpager", "description": "Replays alerts"}],
}


def good_questions() -> dict[str, Any]:
    types = ("implementation", "trade-off", "performance", "reliability", "implementation")
    levels = ("easy", "medium", "hard", "medium", "hard")
    return {
        "questions": [
            {
                "difficulty": level,
                "topic": "Redis",
                "type": kind,
                "question": f"Number {number}: why Redis?",
                "what_good_answers_cover": ["what it replaced", "what was measured"],
            }
            for number, (kind, level) in enumerate(zip(types, levels, strict=True))
        ]
    }


def good_path() -> dict[str, Any]:
    step = {
        "type": "strength",
        "title": "Operate Kafka",
        "description": "Build it.",
        "reason": "Order Pipeline Rewrite",
        "resources": ["A book", "A course", "A talk"],
        "link": "https://kafka.apache.org/documentation/",
    }
    return {
        "analysis": {"strengths": ["Kafka"], "weaknesses": ["Tests are not shown"]},
        "summary": "On the way.",
        "learning_paths": [{**step, "title": f"Step {number}"} for number in range(5)],
    }


def changed(document: dict[str, Any], path: Sequence[str | int], value: Any) -> dict[str, Any]:
    """The document with one value replaced; `...` takes it out."""
    copy = deepcopy(document)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


class Scripted:
    """A provider that answers with `questions` and `path`: documents, texts, or failures.

    `asked` keeps the prompts. `reason` is what its answers finish with.
    """

    def __init__(self, questions: Any = None, path: Any = None, *, reason: FinishReason = FinishReason.STOP) -> None:
        self._answers = {
            "interview_questions": good_questions() if questions is None else questions,
            "learning_path": good_path() if path is None else path,
        }
        self._reason = reason
        self.asked: list[Ask] = []

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        self.asked.append(ask)
        receipt.sent = True
        assert ask.request.output is not None
        answer = self._answers[ask.request.output.name]
        if isinstance(answer, Failure):
            yield [Failed(answer)]
            return
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        half = len(text) // 2
        yield [Started(), TextDelta(text[:half])]
        yield [TextDelta(text[half:]), UsageReport(Usage(input_tokens=100, output_tokens=50)), Finished(self._reason)]


def failing(message: str = "out of order", kind: FailureKind = FailureKind.OVERLOAD) -> Scripted:
    failure = Failure(kind=kind, message=message, status=503)
    return Scripted(failure, failure)


def client(*, simulated: bool = False, listeners: Sequence[Any] = (), **upstreams: Scripted) -> Segue:
    """A client whose chain is the given providers, in that order."""
    models = {"gemini": "gemini-3.5-flash-lite", "openai": "gpt-6-luna", "claude": "claude-sonnet-5-5"}
    targets = [
        Target(
            name=name,
            provider=name,
            dialect="openai_chat",
            model=find_model(name, models[name]),
            base_url=f"http://{name}.invalid",
            simulated=simulated,
        )
        for name in upstreams
    ]
    settings = Settings(ledger="none", policy=Policy(rounds=1, hedge=False))
    return Segue(settings, targets=targets, upstreams=dict(upstreams), listeners=listeners)
