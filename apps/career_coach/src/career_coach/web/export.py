"""The results as Markdown. What a model wrote is escaped, so that it stays text there as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from career_coach.labels import Labels
from career_coach.results import Attempt
from career_coach.web.records import Job, StoredResume

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|!~&])")
_LINE_START = re.compile(r"(?m)^(\s{0,8})([-+=]|\d{1,9}[.)])")


def plain(text: str) -> str:
    """The text such that Markdown shows it as it is, on one line."""
    return _LINE_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))


def markdown(
    resume: StoredResume,
    questions: Job | None,
    path: Job | None,
    feedback: Mapping[int, Job],
    attempts: Iterable[Attempt],
) -> str:
    """The document, in the language of the answers."""
    attempts = list(attempts)
    labels = Labels(resume.language)
    simulated = any(attempt.simulated for attempt in attempts)
    lines = [f"# {plain(resume.resume.name) or labels('title')}", ""]
    if simulated:
        lines += [f"> {labels('simulated')}: {labels('unbilled')}", ""]
    lines += _questions(questions, feedback, labels) if questions else []
    lines += _path(path, labels) if path else []
    lines += _attempts(attempts, labels)
    return "\n".join(lines).rstrip() + "\n"


def _questions(job: Job, feedback: Mapping[int, Job], labels: Labels) -> Iterator[str]:
    yield from (f"## {labels('questions')}", "")
    for number, question in enumerate(job.questions, start=1):
        yield from (f"### {number}. {plain(question.question)}", "")
        yield from (f"{labels(question.difficulty)} · {labels(question.type)} · {plain(question.topic)}", "")
        yield from (f"{labels('covers')}:", "")
        yield from (f"- {plain(point)}" for point in question.what_good_answers_cover)
        yield ""
        if (practised := feedback.get(number)) and practised.feedback:
            yield from (f"> {plain(practised.answer)}", "")
            yield from (f"**{labels('feedback')}:** {plain(practised.feedback.summary)}", "")
            yield from (f"→ {plain(practised.feedback.next_step)}", "")


def _path(job: Job, labels: Labels) -> Iterator[str]:
    if job.path is None:
        return
    yield from (f"## {labels('path')}", "", plain(job.path.summary), "")
    for name, points in (("strengths", job.path.analysis.strengths), ("weaknesses", job.path.analysis.weaknesses)):
        yield from (f"### {labels(name)}", "", *(f"- {plain(point)}" for point in points), "")
    for number, step in enumerate(job.path.learning_paths, start=1):
        yield from (f"### {number}. {plain(step.title)} ({labels(step.type)})", "", plain(step.description), "")
        yield from (f"{labels('reason')}: {plain(step.reason)}", "")
        yield from (f"- {plain(resource)}" for resource in step.resources)
        yield from (f"- <{_address(step.link)}>", "")


def _attempts(attempts: list[Attempt], labels: Labels) -> Iterator[str]:
    if not attempts:
        return
    names = ("target", "outcome", "time", "cost")
    yield from (f"## {labels('attempts')}", "", "| " + " | ".join(map(labels, names)) + " |", "|---|---|---:|---:|")
    for attempt in attempts:
        outcome = labels.outcome(attempt.outcome) + (f": {plain(attempt.reason)}" if attempt.reason else "")
        cost = "–" if attempt.cost is None else f"${attempt.cost:.5f}"
        yield f"| {plain(attempt.target)} ({plain(attempt.model)}) | {outcome} | {attempt.seconds:.1f} s | {cost} |"


def _address(link: str) -> str:
    return link.replace("<", "%3C").replace(">", "%3E")
