"""What the answers must be: their JSON Schemas, and what these can't say.

The schemas go to the providers, so they keep to what all of them read: closed objects, every field required, enums, bounds on lists
and one pattern. Rules that a schema has no words for, or that some provider would refuse (no blank text, links that are links,
questions that are about this résumé), are checked here on every answer. A check gives the reason in one line, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from career_coach.anchors import Anchors

QUESTIONS: Final = 5
STEPS: Final = 5
RESOURCES: Final = 3
LEAST_TYPES: Final = 4
"""Five questions have at least this many different types."""

DIFFICULTIES: Final = ("easy", "medium", "hard")
TYPES: Final = (
    "implementation", "trade-off", "performance", "reliability", "scalability", "quality", "collaboration", "business",
)  # fmt: skip


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _texts(description: str, least: int, most: int) -> dict[str, Any]:
    return {
        "type": "array",
        "description": description,
        "items": {"type": "string"},
        "minItems": least,
        "maxItems": most,
    }


def _one_of(description: str, values: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "description": description, "enum": list(values)}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list_of(item: dict[str, Any], count: int, description: str) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": item, "minItems": count, "maxItems": count}


def _question(difficulties: Sequence[str], types: Sequence[str]) -> dict[str, Any]:
    return _object(
        difficulty=_one_of("Relative to this candidate's experience", difficulties),
        topic=_text("The project, company or technology of the résumé that it is about, spelled as there"),
        type=_one_of(f"What it looks into; the five have at least {LEAST_TYPES} different types", types),
        question=_text("The question, which names what it is about as the résumé spells it"),
        what_good_answers_cover=_texts("What the interviewer listens for", 2, 6),
    )


QUESTIONS_SCHEMA: Final = _object(
    questions=_list_of(
        _question(DIFFICULTIES, TYPES),
        QUESTIONS,
        "Five different interview questions",
    )
)

PATH_SCHEMA: Final = _object(
    analysis=_object(
        strengths=_texts("Each with its evidence in the résumé", 1, 5),
        weaknesses=_texts("Each a gap that the résumé shows or leaves open", 1, 5),
    ),
    summary=_text("Where the candidate stands and what comes next, in two or three sentences"),
    learning_paths=_list_of(
        _object(
            type=_one_of("Builds on a strength, or closes a weakness", ("strength", "weakness")),
            title=_text("What the candidate can do afterwards"),
            description=_text("What to practise or build, and how to see that it is done"),
            reason=_text("Why it matters for this candidate, from the résumé"),
            resources=_texts(
                "Three resources by name: book and author, documentation, course or talk", RESOURCES, RESOURCES
            ),
            link={
                **_text("The https address of one of the resources, or of its official site"),
                "pattern": "^https://",
            },
        ),
        STEPS,
        "Five different steps, in the order in which to take them",
    ),
)

PLAN: Final = ("easy", "medium", "hard", "medium", "hard")
"""The difficulties of five questions that are asked for one by one."""
VERDICTS: Final = ("covered", "partly", "missing")


def question_schema(earlier: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """For the question after `earlier` ones, which are (type, question): of the difficulty that is planned, of a type not used yet."""
    used = {kind for kind, _ in earlier}
    return _question((PLAN[len(earlier)],), tuple(kind for kind in TYPES if kind not in used))


def feedback_schema(points: int) -> dict[str, Any]:
    """For feedback to an answer that should have covered so many points."""
    return _object(
        points=_list_of(
            _object(
                verdict=_one_of("Whether the answer covers this point", VERDICTS),
                comment=_text("What in the answer shows it, or what is missing; one or two sentences"),
            ),
            points,
            "One for each point that a good answer covers, in their order",
        ),
        summary=_text("How the answer comes across to an interviewer, in two or three sentences"),
        next_step=_text("The one change that would improve the answer most"),
    )


_questions = Draft202012Validator(QUESTIONS_SCHEMA)
_path = Draft202012Validator(PATH_SCHEMA)

_FENCE = re.compile(r"\A```[a-zA-Z]*[^\S\n]*\n(.*?)```\Z", re.DOTALL)
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE)


def read(text: str) -> Any:
    """The JSON of an answer, which some models put into a code fence. Raises `ValueError` with the reason in one line."""
    bare = text.strip()
    if fenced := _FENCE.match(bare):
        bare = fenced[1]
    try:
        return msgspec.json.decode(bare)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the answer is not JSON: {error}") from error


def questions_problem(text: str, anchors: Anchors) -> str | None:
    """What is wrong with an answer that should be interview questions about what `anchors` names."""
    return _problem(text, _questions, lambda document: _question_rules(document["questions"], anchors))


def path_problem(text: str) -> str | None:
    """What is wrong with an answer that should be a learning path."""
    return _problem(text, _path, lambda document: _step_rules(document["learning_paths"]))


def question_problem(text: str, anchors: Anchors, earlier: Sequence[tuple[str, str]]) -> str | None:
    """What is wrong with an answer that should be the question after `earlier` ones, which are (type, question)."""

    def rules(document: dict[str, Any]) -> Iterator[str]:
        if not anchors.named_in(f"{document['topic']}\n{document['question']}"):
            yield "the question names no project, skill or company of the résumé"
        yield from _repeated_questions([*({"question": question} for _, question in earlier), document])

    return _problem(text, Draft202012Validator(question_schema(earlier)), rules)


def feedback_problem(text: str, points: int) -> str | None:
    """What is wrong with an answer that should be feedback on so many points."""
    return _problem(text, Draft202012Validator(feedback_schema(points)), lambda document: iter(()))


def _problem(text: str, schema: Draft202012Validator, rules: Callable[[Any], Iterator[str]]) -> str | None:
    try:
        document = read(text)
    except ValueError as error:
        return str(error)
    for violation in schema.iter_errors(document):
        return _described(violation)
    return next(_blanks(document, ""), None) or next(rules(document), None)


def _question_rules(questions: list[dict[str, Any]], anchors: Anchors) -> Iterator[str]:
    types = {question["type"] for question in questions}
    if len(types) < LEAST_TYPES:
        yield f"questions have {len(types)} different types: at least {LEAST_TYPES} are asked for"
    yield from _repeated_questions(questions)
    for index, question in enumerate(questions):
        if not anchors.named_in(f"{question['topic']}\n{question['question']}"):
            yield f"questions[{index}] names no project, skill or company of the résumé"


def _step_rules(steps: list[dict[str, Any]]) -> Iterator[str]:
    for index, step in enumerate(steps):
        if not is_link(step["link"]):
            yield f"learning_paths[{index}].link is no https address"


def is_link(text: str) -> bool:
    """Whether a text is an https URL with a public-looking host, and nothing more."""
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme == "https" and "@" not in parts.netloc and port != 0 and _HOST.fullmatch(host) is not None


def _repeated_questions(questions: list[dict[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for index, question in enumerate(questions):
        text = " ".join(question["question"].split()).casefold()
        if text in seen:
            yield f"questions[{index}].question repeats an earlier one"
        seen.add(text)


def _blanks(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str):
        if not value.strip():
            yield f"{place} is blank"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _blanks(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _blanks(inner, f"{place}[{index}]")


def _described(violation: ValidationError) -> str:
    """A violation in one short line, without the value: that may be pages long."""
    place = _place(violation.absolute_path)
    wanted: Any = violation.validator_value
    value: Any = violation.instance
    match violation.validator:
        case "required":
            missing = [name for name in wanted if name not in value]
            return f"{place} lacks {', '.join(missing)}"
        case "additionalProperties":
            return f"{place} has fields that were not asked for"
        case "minItems" | "maxItems":
            return f"{place} has {len(value)} items: {_bounds(violation.schema)}"
        case "enum":
            return f"{place} must be one of {', '.join(wanted)}"
        case "type":
            return f"{place} must be of type {wanted}"
        case "pattern":
            return f"{place} is no https address"
        case rule:
            return f"{place} breaks the rule {rule!r}"


def _place(path: Iterable[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the answer"


def _bounds(schema: Any) -> str:
    least, most = schema["minItems"], schema["maxItems"]
    return f"{least} are asked for" if least == most else f"{least} to {most} are asked for"
