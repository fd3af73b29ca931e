"""The result in a terminal.

What comes from a résumé or a model is shown as it is, never read as markup or control sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from career_coach.cleaning import clean
from career_coach.labels import Labels
from career_coach.results import Attempt, Coaching, LearningPath, Question, Step
from career_coach.resume import Resume

_DIFFICULTY = {"easy": "green", "medium": "yellow", "hard": "red"}
_STEP = {"strength": "green", "weakness": "yellow"}
_LONGEST_REASON = 100


def show(console: Console, resume: Resume, coaching: Coaching, *, why_simulated: str = "no_key") -> None:
    """Prints it all. `why_simulated` is the label that says why stand-ins answered, where they did."""
    labels = Labels(coaching.language)
    console.print(header(resume, coaching, labels, why_simulated))
    for number, question in enumerate(coaching.questions or (), start=1):
        console.print(question_panel(number, question, labels, simulated=coaching.simulated))
    if coaching.path is not None:
        for panel in path_panels(coaching.path, labels, simulated=coaching.simulated):
            console.print(panel)
    console.print(attempts_table(coaching, labels))


def header(resume: Resume, coaching: Coaching, labels: Labels, why_simulated: str) -> RenderableType:
    lines = [Text(clean(resume.name) or labels("resume"), style="bold")]
    if resume.total_experience_months is not None:
        lines[0].append(f" · {labels('months', months=resume.total_experience_months)}", style="default")
    counts = {"companies": len(resume.companies), "projects": len(resume.projects), "skills": len(resume.skills)}
    if any(counts.values()):
        lines.append(Text(labels("counts", **counts)))
    if coaching.simulated:
        lines.append(Text(labels(why_simulated), style="bold yellow"))
    lines += [Text(clean(labels.notice(notice.kind, notice.detail)), style="dim") for notice in coaching.notices]
    style = "yellow" if coaching.simulated else "cyan"
    return Panel(Group(*lines), title=labels.titled("title", simulated=coaching.simulated), border_style=style)


def question_panel(number: int, question: Question, labels: Labels, *, simulated: bool) -> RenderableType:
    title = Text(f"{labels.titled('questions', simulated=simulated)} {number} · ")
    title.append(labels(question.difficulty), style=_DIFFICULTY[question.difficulty])
    title.append(f" · {labels(question.type)}")
    return Panel(
        Group(
            Text(clean(question.question), style="bold"),
            _line(labels("topic"), question.topic),
            Text(f"{labels('covers')}:", style="dim"),
            *_bullets(question.what_good_answers_cover),
        ),
        title=title,
        title_align="left",
    )


def path_panels(path: LearningPath, labels: Labels, *, simulated: bool) -> Iterator[RenderableType]:
    yield Panel(
        Group(
            Text(clean(path.summary)),
            Text(f"\n{labels('strengths')}", style="bold green"),
            *_bullets(path.analysis.strengths),
            Text(f"\n{labels('weaknesses')}", style="bold yellow"),
            *_bullets(path.analysis.weaknesses),
        ),
        title=labels.titled("path", simulated=simulated),
        title_align="left",
    )
    for number, step in enumerate(path.learning_paths, start=1):
        yield _step_panel(number, step, labels, simulated=simulated)


def _step_panel(number: int, step: Step, labels: Labels, *, simulated: bool) -> RenderableType:
    title = Text(f"{labels.titled('path', simulated=simulated)} {number} · ")
    title.append(labels(step.type), style=_STEP[step.type])
    return Panel(
        Group(
            Text(clean(step.title), style="bold"),
            Text(clean(step.description)),
            _line(labels("reason"), step.reason),
            Text(f"{labels('resources')}:", style="dim"),
            *_bullets(step.resources),
            Text(step.link, style="underline"),
        ),
        title=title,
        title_align="left",
    )


def attempts_table(coaching: Coaching, labels: Labels) -> RenderableType:
    """Every attempt, by task: who, how it went, how long it took and what it cost; below that the reasons of those that failed."""
    simulated = coaching.simulated
    table = Table(
        title=labels.titled("attempts", simulated=simulated),
        caption=labels("unbilled") if simulated else None,
        box=box.SIMPLE_HEAD,
        show_footer=len(coaching.attempts) > 1,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    estimated = any(attempt.estimated for attempt in coaching.attempts)
    table.add_column(labels("target"), labels("total"), no_wrap=True)
    table.add_column(labels("outcome"), overflow="fold")
    numbers = {"time": "", "tokens": "", "cost": _money(coaching.cost, estimated=estimated)}
    if bounded := any(_exceeds(attempt.cost, attempt.bound) for attempt in coaching.attempts):
        numbers["at_most"] = _bound(coaching.cost, coaching.bound)
    for name, footer in numbers.items():
        table.add_column(labels(name), footer, justify="right", no_wrap=True)
    for task in dict.fromkeys(attempt.task for attempt in coaching.attempts):
        table.add_row(Text(labels(task), style="bold"))
        for attempt in coaching.attempts:
            if attempt.task == task:
                table.add_row(*_cells(attempt, labels), *([_bound(attempt.cost, attempt.bound)] if bounded else []))
        table.add_section()
    reasons = [f"{_name(one, labels)}: {_short(one.reason)}" for one in coaching.attempts if one.reason]
    return Group(table, *(Text(reason, style="dim") for reason in dict.fromkeys(reasons)))


def _cells(attempt: Attempt, labels: Labels) -> Iterator[RenderableType]:
    yield Text(_name(attempt, labels)).append(f"\n{attempt.model}", style="dim")
    yield Text(labels.outcome(attempt.outcome), style=_style(attempt.outcome))
    yield "" if attempt.outcome == "skipped" else f"{attempt.seconds:.2f} s"
    about = "~" if attempt.estimated else ""
    known = attempt.prompt_tokens is not None and attempt.output_tokens is not None
    yield f"{about}{attempt.prompt_tokens:,} / {about}{attempt.output_tokens:,}" if known else "–"
    yield "–" if attempt.outcome == "skipped" else _money(attempt.cost, estimated=attempt.estimated)


def _name(attempt: Attempt, labels: Labels) -> str:
    return f"{attempt.target} ({labels('simulated')})" if attempt.simulated else attempt.target


def _style(outcome: str) -> str:
    return {"ok": "green", "cancelled": "dim", "skipped": "dim"}.get(outcome, "red")


def _short(text: str) -> str:
    text = " ".join(clean(text).split())
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _money(amount: Decimal | None, *, estimated: bool) -> str:
    """An estimate is marked with `~`."""
    if amount is None:
        return "?"
    return f"{'~' if estimated else ''}${amount:.5f}" if amount else "$0"


def _exceeds(amount: Decimal | None, bound: Decimal | None) -> bool:
    return bound is not None and (amount is None or bound > amount)


def _bound(amount: Decimal | None, bound: Decimal | None) -> str:
    """The most that can have been billed, marked with `≤`; "" where that is the cost."""
    return f"≤${bound:.5f}" if _exceeds(amount, bound) else ""


def _line(label: str, text: str) -> Text:
    return Text(f"{label}: ", style="dim").append(clean(text), style="not dim")


def _bullets(texts: Iterable[str]) -> Iterator[RenderableType]:
    for text in texts:
        row = Table.grid(padding=(0, 1))
        row.add_column()
        row.add_column(overflow="fold")
        row.add_row("·", Text(clean(text)))
        yield row
