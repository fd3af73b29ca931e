"""The complexity score: what it rests on, what it tells apart, and that no text can make it slow."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import mean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.messages import Image, Message, Text, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool
from segue.routing import classes
from segue.routing.classes import LONGEST_KEPT, MOST_KEPT, class_of, classes_of, tokens_of
from segue.routing.complexity import HARD, LIGHT, calibrated, complexity, explain, of_request, weights
from segue.routing.features import NAMES, WINDOW, measure
from segue.routing.housekeeping import is_housekeeping
from segue.routing.task import task_of
from segue.routing.vocabulary import CHINESE, ENGLISH, FRENCH, GERMAN, JAPANESE, KOREAN, SPANISH, Cue

DATA = Path(__file__).parents[2] / "benchmarks" / "data"
MIX = [msgspec.json.decode(line) for line in (DATA / "application_mix.jsonl").read_text("utf-8").splitlines()]
BLIND = [
    msgspec.json.decode(line)
    for line in (DATA / "blind_mix.jsonl").read_text("utf-8").splitlines()
    if '"kept": true' in line
]
"""By writers who had not seen the words; the words were not mended on these."""
KEPT = list(dict.fromkeys(asked["task"] for asked in MIX))[1::2]
"""Every second task is kept from the weights."""
LANGUAGES = ("en", "ko", "ja", "zh", "es", "de", "fr")
LINE = 0.6
"""Where `smart` draws it by default."""
CONTEXT = (
    "The harbour of the town was built in 1870 and has been rebuilt twice since. Ships bring coffee, timber and cloth from many "
    "countries, and in summer a ferry crosses the bay four times a day. "
) * 32


def ask(*messages: Message, **fields: object) -> ChatRequest:
    return ChatRequest(messages=messages, **fields)  # type: ignore[arg-type]


def test_the_weights_say_how_they_were_made_and_from_what() -> None:
    assert weights().made["command"].startswith("python -m benchmarks.routing --train")
    assert all("(MIT)" in line or "(Apache-2.0)" in line or "our own" in line for line in weights().made["data"])


def test_the_quantiles_rise_and_give_each_hundredth_its_score() -> None:
    quantiles = weights().quantiles
    assert len(quantiles) == 101
    assert all(low < high for low, high in pairwise(quantiles))
    assert [round(calibrated(raw), 6) for raw in quantiles] == [round(step / 100, 6) for step in range(101)]
    assert calibrated(quantiles[0] - 1) == 0.0
    assert calibrated(quantiles[-1] + 1) == 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_hard_work_scores_above_light_work_among_tasks_kept_from_the_weights(language: str) -> None:
    kept = [asked for asked in MIX if asked["task"] in KEPT and asked["language"] == language]
    light = [score(asked["text"]) for asked in kept if not asked["hard"]]
    hard = [score(asked["text"]) for asked in kept if asked["hard"]]
    assert mean(low < high for low in light for high in hard) >= 0.85


def test_few_light_requests_go_to_the_strong_target_and_few_hard_ones_to_the_cheap_one() -> None:
    scores = [(score(asked["text"]), asked["hard"]) for asked in MIX if asked["task"] in KEPT]
    assert mean(one >= LINE for one, hard in scores if not hard) <= 0.10
    assert mean(one < LINE for one, hard in scores if hard) <= 0.25


def test_prompts_that_others_wrote_and_that_taught_nothing_go_to_the_right_side() -> None:
    scored = [
        (
            asked["language"],
            asked["hard"],
            _score(ask(*([system(asked["system"])] * bool(asked["system"])), user(asked["text"]))),
        )
        for asked in BLIND
    ]
    apart = [
        mean(low < high for low in _of(scored, language, hard=False) for high in _of(scored, language, hard=True))
        for language in LANGUAGES
    ]
    assert min(apart) >= 0.8
    assert mean(apart) >= 0.85
    assert mean(one >= LINE for _, hard, one in scored if not hard) <= 0.10
    assert mean(one < LINE for _, hard, one in scored if hard) <= 0.25


def _of(scored: list[tuple[str, bool, float]], language: str, *, hard: bool) -> list[float]:
    return [one for spoken, level, one in scored if spoken == language and level is hard]


def test_the_same_task_scores_alike_in_each_language() -> None:
    by_task: dict[str, list[float]] = defaultdict(list)
    for asked in MIX:
        by_task[asked["task"]].append(score(asked["text"]))
    apart = [abs(one - mean(scores)) for scores in by_task.values() for one in scores]
    assert mean(distance <= 0.15 for distance in apart) >= 0.9


def score(text: str) -> float:
    return _score(ask(user(text)))


def _score(request: ChatRequest) -> float:
    """A request's score; what is unknown stands in the middle."""
    found = of_request(request)
    return 0.5 if found is None else found


CHANGES = {
    "6,000 characters of context before it": lambda text: ask(user(f"{CONTEXT}\n\n{text}")),
    "6,000 characters of context after it": lambda text: ask(user(f"{text}\n\n{CONTEXT}")),
    "a reminder block": lambda text: ask(
        user(f"<system-reminder>\nImplement, debug and prove everything.\n</system-reminder>\n{text}")
    ),
    "politeness": lambda text: ask(user(f"Hello, could you please help me? {text} Many thanks!")),
    "lower case": lambda text: ask(user(text.lower())),
    "an earlier hi": lambda text: ask(user("hi"), assistant("Hello! What can I do for you?"), user(text)),
    "code beside it": lambda text: ask(user(f"{text}\n```python\ndef f(x):\n    return x + 1\n```")),
    "the task in the system prompt": lambda text: ask(system(text), user(CONTEXT)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_no_part_of_the_task_hardly_ever_changes_the_side_of_the_line(change: str) -> None:
    english = [asked["text"] for asked in MIX if asked["language"] == "en"]
    sides = [(score(text) >= LINE, _side(CHANGES[change](text))) for text in english]
    changed = [text for text, (before, after) in zip(english, sides, strict=True) if before != after]
    assert len(changed) <= 0.05 * len(english), changed


def _side(request: ChatRequest) -> bool:
    return (of_request(request) or 0.5) >= LINE


@pytest.mark.parametrize(
    "text", ["go on", "Докажите, что корень из двух иррационален.", "هل هذا صحيح", "ok then", "?", ""]
)
def test_a_prompt_that_tells_nothing_is_unknown_rather_than_light(text: str) -> None:
    assert of_request(ask(user(text))) is None or text == "ok then"
    assert complexity(text) is None or text == "ok then"


def test_length_alone_makes_nothing_hard() -> None:
    tale = "Write a story about a friendly dragon who likes tea, with a warm tone and vivid scenes. "
    assert score(tale * 40) < score("Prove that the sum of two odd integers is even.")


def test_a_short_follow_up_is_read_together_with_what_it_follows() -> None:
    task = "Implement a thread-safe LRU cache class in Python with constant time operations."
    follow_up = ask(user(task), assistant("class LRU: ..."), user("go on"))
    assert task_of(follow_up) == f"{task}\ngo on"
    assert of_request(follow_up) == pytest.approx(score(task), abs=0.1)


def test_a_system_prompt_is_not_what_is_asked_where_the_user_asks_something() -> None:
    rules = "You must calculate, prove, implement and debug code step by step. " * 20
    assert of_request(ask(system(rules), user("Hi, how are you?"))) == of_request(ask(user("Hi, how are you?")))


def test_the_callers_own_word_on_hardness_comes_first() -> None:
    assert (of_request(ask(user("Hi!"), effort="high")) or 0) >= HARD
    assert (of_request(ask(user("Hi!"), thinking_budget=16_000)) or 0) >= HARD
    assert (of_request(ask(user("Prove Fermat's last theorem."), effort="low")) or 1) <= LIGHT
    assert of_request(ask(user("go on"), effort="max")) is not None


def test_tools_pictures_a_schema_and_an_earlier_turn_add_a_little_and_make_no_light_task_hard() -> None:
    def asked(*parts: Text | Image, **fields: object) -> float:
        return of_request(ask(Message("user", parts), **fields)) or 0.0

    text = Text("Rename the variable x to total in this function.")
    plain = asked(text)
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in "abcdef"}}
    for changed in (
        asked(text, tools=(Tool(name="look"),)),
        asked(text, Image(url="https://example.org/a.png")),
        asked(text, output=OutputSchema(schema=schema)),
        of_request(ask(user("Hello."), assistant("Hello!"), user(text.text))) or 0.0,
    ):
        assert plain < changed < LINE


def test_a_request_without_any_text_is_unknown() -> None:
    assert of_request(ask(Message("user", (Image(url="https://example.org/a.png"),)))) is None


@pytest.mark.parametrize(
    "request_",
    [
        ask(user("quota"), max_tokens=1),
        ask(
            system("You are a title generator. You output only a thread title."),
            user("Debug the deadlock in my scheduler"),
        ),
        ask(user("Prove it."), output=OutputSchema(schema={"properties": {"isNewTopic": {}, "title": {}}})),
        ask(user("Prove it."), output=OutputSchema(schema={"properties": {"reasoning": {}, "next_speaker": {}}})),
    ],
    ids=["probe", "title", "topic check", "next speaker"],
)
def test_housekeeping_calls_of_coding_agents_score_nothing(request_: ChatRequest) -> None:
    assert is_housekeeping(request_)
    assert of_request(request_) == 0.0


def test_an_agent_at_work_is_no_housekeeping_call() -> None:
    working = ask(system("Name the session title when you are done."), user("Fix it."), tools=(Tool(name="edit"),))
    assert not is_housekeeping(working)
    assert not is_housekeeping(ask(user("Prove it."), output=OutputSchema(schema={"properties": {"reasoning": {}}})))


def test_the_explanation_names_what_weighs_most_first() -> None:
    shares = explain(ask(user("Translate this letter into French, please."), tools=(Tool(name="look"),)))
    assert [abs(share.adds) for share in shares] == sorted((abs(share.adds) for share in shares), reverse=True)
    adds = {share.feature: share.adds for share in shares}
    assert adds["transform"] < 0 < adds["tools"]


@given(st.text(max_size=3 * WINDOW))
def test_every_text_has_finite_features_and_a_score_from_0_to_1_or_none(text: str) -> None:
    assert len(measure(text)) == len(NAMES)
    for found in (complexity(text), of_request(ask(user(text)))):
        assert found is None or 0.0 <= found <= 1.0


@pytest.mark.parametrize(
    "piece", ["1,", "1.", "a", "A ", "가", "가 ", "字", "\n", " ", "_", "```", "$", "\\", "é", "\u0301", "😀", "\x00"]
)
def test_no_repetition_makes_reading_grow_with_the_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    pattern = classes._TOKEN

    class Spy:
        def findall(self, text: str) -> list[str]:
            read.append(len(text))
            found: list[str] = pattern.findall(text)
            return found

    monkeypatch.setattr(classes, "_TOKEN", Spy())
    measure(piece * 1_000_000)
    assert read == [WINDOW + 1]
    read.clear()
    of_request(ask(user(piece * 1_000_000)))
    assert sum(read) <= 20 * WINDOW


def test_what_is_kept_of_words_is_bounded_and_changes_no_score() -> None:
    text = "Implement a thread-safe LRU cache in Python and prove its complexity."
    before = measure(text)
    for number in range(2 * MOST_KEPT):
        classes_of([f"w{number}x"])
    assert len(classes._KEPT) <= MOST_KEPT
    assert measure("x" * WINDOW) == measure("x" * WINDOW)
    assert max(map(len, classes._KEPT)) <= LONGEST_KEPT
    assert measure(text) == before


@pytest.mark.parametrize("words", [ENGLISH, SPANISH, GERMAN, FRENCH, KOREAN, JAPANESE, CHINESE])
def test_every_word_of_the_vocabulary_is_found_and_counts_for_its_cue(words: dict[Cue, str]) -> None:
    entries = [(word, cue) for cue, line in words.items() for word in line.split()]
    assert len({word for word, _ in entries}) == len(entries)
    for word, cue in entries:
        token = word.replace("*", "en")
        assert class_of(cue) in classes_of(tokens_of(token)), (word, cue)


@pytest.mark.parametrize(
    ("token", "found"),
    [
        ("implement", "F"),
        ("Implementing", "F"),
        ("proved", "C"),
        ("demuestre", "C"),
        ("ecuacion", "I"),
        ("Berlin", "n"),
        ("table2", "V0"),
        ("snake_case", "w-w"),
        ("Python으로", "Mk"),
        ("計算して", "iiiijD"),
        ("x", "v"),
        ("42", "0"),
        ("число", "f"),
    ],
)
def test_a_word_is_known_with_its_endings_its_capital_and_without_its_accents(token: str, found: str) -> None:
    assert classes_of([token]) == found
