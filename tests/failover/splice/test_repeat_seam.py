from __future__ import annotations

import pytest

from segue.failover.splice.fences import Context, fence_state
from segue.failover.splice.repeat_seam import RepeatSeam

ANSWER = (
    "The Danube rises in the Black Forest and flows through ten countries before it reaches the Black Sea near Sulina."
)
"""The whole answer that is cut in these tests; long enough for each rule."""


def run(seam: RepeatSeam, *pieces: str) -> str:
    return "".join(seam.feed(piece) for piece in pieces) + seam.flush(final=True)


CASES = [
    pytest.param("The Danube ri", "ses in the Black Forest", "ses in the Black Forest", id="exact, in mid-word"),
    pytest.param("It flows", " east.", " east.", id="exact, with its space"),
    pytest.param("", "\n Anything", "\n Anything", id="nothing was delivered"),
    pytest.param(" \n", "Anything", "Anything", id="only whitespace was delivered"),
    pytest.param(" \n", " \nAnything", "Anything", id="only whitespace was delivered, and comes again"),
    pytest.param(
        "rises in the Black Forest",
        "the Black Forest and flows",
        " and flows",
        id="overlap of 16 characters is left out",
    ),
    pytest.param("and so it is twelve chars", "twelve chars and more", " and more", id="overlap of 12 is left out"),
    pytest.param("and so on: eleven char", "eleven char and more", "eleven char and more", id="overlap of 11 is kept"),
    pytest.param(
        "one two three four, one two three four",
        "one two three four and five",
        " and five",
        id="an overlap is left out only once",
    ),
    pytest.param(
        "it rises in the Black Forest\n",
        "in the Black Forest\n\nNext",
        "\nNext",
        id="the overlap has other whitespace behind it",
    ),
    pytest.param(
        "it rises in the Black Forest",
        "\n\nin the Black Forest and flows",
        " and flows",
        id="a line break before the overlap",
    ),
    pytest.param(
        "it rises in the\n    Black Forest",
        "in the Black Forest and flows",
        " and flows",
        id="other whitespace within the overlap",
    ),
    pytest.param(
        "he calls it “the ‘Black’ Forest”",
        "he calls it \"the 'Black' Forest\" and goes",
        " and goes",
        id="other quotes within the overlap",
    ),
    pytest.param(
        "it rises in the Black Forest", "“in the Black Forest and flows", " and flows", id="the overlap is quoted"
    ),
    pytest.param(
        "it rises in the Black Forest", "“in the Black Forest” and flows", " and flows", id="and the quote closed"
    ),
    pytest.param(
        "it rises in the Black Forest",
        "…in the Black Forest and flows",
        " and flows",
        id="an ellipsis before the overlap",
    ),
    pytest.param(
        "it rises in the Black Forest", "...in the Black Forest and flows", " and flows", id="three dots before it"
    ),
    pytest.param(
        "it rises in the Black Forest ",
        "in the Black Forest and flows",
        "and flows",
        id="the space at the end of the text is not shown again",
    ),
    pytest.param("\n\nThe Danube", "The Danube rises", " rises", id="starts over without the first line breaks"),
    pytest.param("The Danube", "\n\nThe Danube rises", " rises", id="starts over after line breaks"),
    pytest.param(ANSWER, ANSWER, "", id="starts over and ends where the text ended"),
    pytest.param("o", "ops", "ops", id="one letter repeats by chance"),
    pytest.param("하", "하하하", "하하하", id="one syllable repeats by chance"),
    pytest.param("--", "--- title", "--- title", id="marks repeat by chance"),
    pytest.param(
        "----", "----\n", "\n", id="marks that end where the text ended are the repetition that was asked for"
    ),
    pytest.param(
        ANSWER[:47] + "#.", ANSWER[:47] + "!", ANSWER[:47] + "!", id="sentences may begin alike for 47 characters"
    ),
    pytest.param("The cat sat. ", "The dog ran.", "The dog ran.", id="two sentences may begin with one word"),
    pytest.param("import os\n", "import sys\n", "import sys\n", id="two lines may begin with one word"),
    pytest.param("import os", "\nimport sys", "\nimport sys", id="a new line may begin with the first word"),
    pytest.param("We are", " sorry for the delay.", " sorry for the delay.", id="in mid-sentence sorry is a word"),
    pytest.param(
        "Dear Ann,\nI'm sorry that it broke.\n\n",
        "I'm sorry that it took so long.",
        "I'm sorry that it took so long.",
        id="an answer that is an apology",
    ),
    pytest.param(
        "Why was my connection dropped? Your",
        " connection was interrupted by the router.",
        " connection was interrupted by the router.",
        id="an answer about a connection",
    ),
    pytest.param(
        ANSWER + " That is all. " + ANSWER,
        ANSWER + " And more.",
        " And more.",
        id="the start comes again at the end: it is an overlap",
    ),
    pytest.param(
        ANSWER[:60],
        "Sure, here is the rest:\n\n" + ANSWER[20:80],
        ANSWER[60:80],
        id="an introduction goes with the repetition",
    ),
    pytest.param(
        "```python\ndef add(first, second):\n    return first + sec",
        "```python\ndef add(first, second):\n    return first + second\n```\n",
        "ond\n```\n",
        id="the code block is opened again",
    ),
]


@pytest.mark.parametrize(("delivered", "continuation", "shown"), CASES)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_what_is_shown_of_a_continuation(delivered: str, continuation: str, shown: str, step: int) -> None:
    seam = RepeatSeam(delivered, in_code=fence_state(delivered) is not Context.PROSE)
    pieces = [continuation[at : at + step] for at in range(0, len(continuation), step)]
    assert run(seam, *pieces) == shown
    assert seam.settled
    assert seam.error is None
    assert seam.trimmed == len(continuation) - len(shown)


OPENINGS = [
    ("The", "The harbour is old."), ("The ", "The harbour is old."), ("The har", "The harbour is old."),
    ("A", "A harbour is old."), ("I", "I live by the sea."), ("1.", "1. Buy milk"), ("1. ", "1. Buy milk"),
    ("1", "1 apple"), ("-", "- Buy milk"), ("- ", "- Buy milk"), ("#", "# Harbours"), ("# ", "# Harbours"),
    ("**", "**Harbours** are old"), ("**Har", "**Harbours** are old"), ("|", "| a | b |"), ("```", "```python\nx"),
    ("{", '{"a": 1}'), ("네, ", "네, 하늘은 푸릅니다"), ("네,", "네, 하늘은 푸릅니다"), ("네", "네, 하늘은 푸릅니다"),
    ("하늘", "하늘은 푸릅니다"), ("今", "今天天气很好"), ("今天", "今天天气很好"), ("はい", "はい、そうです"),
    ("Sure", "Sure, here it is"), ("Sure,", "Sure, here it is"), ("“", "“Old” it is"), ("Über", "Über den Hafen"),
    ("\n\nThe", "The harbour"), ("The", "\n\nThe harbour"), ("Привет", "Привет, мир"),
]  # fmt: skip
"""What was shown when the stream was cut after its first token, and the answer that is given again from its start."""


@pytest.mark.parametrize(("delivered", "continuation"), OPENINGS)
@pytest.mark.parametrize("step", [1, 2, 1000])
def test_an_answer_that_starts_over_after_its_first_word_is_recognised(
    delivered: str, continuation: str, step: int
) -> None:
    seam = RepeatSeam(delivered)
    pieces = [continuation[at : at + step] for at in range(0, len(continuation), step)]
    assert (delivered + run(seam, *pieces)).strip() == continuation.strip()
    assert seam.error is None


@pytest.mark.parametrize("cut", range(3, len(ANSWER)))
def test_an_answer_that_starts_over_at_any_length_is_recognised(cut: int) -> None:
    assert ANSWER[:cut] + run(RepeatSeam(ANSWER[:cut]), *ANSWER) == ANSWER


OTHER_BEGINNINGS = [
    ("The har", "The boats lie in the sun."),
    ("The harbour is", "The harbour was"),
    ("The harbour is", "The"),
    ("Sure, here is a short", "Sure, here is a brief"),
    ("Sure, here is a short story about a har", "Sure, here is a brief"),
    ("Sure, here is a short story.\n\nThe harbour", "Sure, here is a brief"),
    (ANSWER[:47] + " and so", ANSWER[:47] + "!"),
    (ANSWER, ANSWER[:60]),
    (ANSWER, ANSWER[:48] + " and then it stops."),
    ("네, 하늘은 푸르", "네, 바다가 푸릅니다"),
    ("def add(first, second, third=None):\n    return fir", "def add(first, second, third=0):\n"),
]


@pytest.mark.parametrize(("delivered", "continuation"), OTHER_BEGINNINGS)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_new_beginning_that_goes_another_way_is_an_error_and_shows_nothing(
    delivered: str, continuation: str, step: int
) -> None:
    seam = RepeatSeam(delivered, in_code="def " in delivered)
    assert run(seam, *(continuation[at : at + step] for at in range(0, len(continuation), step))) == ""
    assert seam.error is not None
    assert seam.feed(" More.") == ""


GIVEN_AWAY = [
    "I'm sorry for the interruption.",
    "I apologize for the inconvenience. The river",
    "Sorry about that! Here is",
    "Apologies for the cut-off answer.",
    "Continuing from where I left off, the river",
    "It seems that your connection was lost while I answered.",
    "Here is the rest of the answer: and so it flows",
    "Sure, I will continue. It flows",
    "Of course! It flows",
    "Let me continue from there.",
    "My connection dropped in the middle of your answer. The last words",
    "Please send me the rest: begin by repeating",
    "I understand that the response was cut off.",
    "Your request was met with a prompt. I will not repeat the request.",
    "죄송합니다. 이어서 답변드리겠습니다.",
    "끊긴 부분부터 이어서 작성하겠습니다.",
    "답변을 받는 도중에 제 연결이 끊겼습니다.",
    "申し訳ありません。続きを送ります。",
    "抱歉，连接断开了。",
    "我的连接在你回答到一半时断开了。",
    "Entschuldigung, hier ist der Rest:",
    "Désolé pour la coupure.",
    "Lo siento, continúo.",
    "Desculpe pela interrupção.",
    "Mi dispiace per l'interruzione.",
    "Извините за обрыв связи.",
]


@pytest.mark.parametrize("continuation", GIVEN_AWAY)
@pytest.mark.parametrize("step", [1, 4, 1000])
def test_a_continuation_that_is_about_itself_is_an_error_and_shows_nothing(continuation: str, step: int) -> None:
    seam = RepeatSeam(ANSWER[:70])
    assert run(seam, *(continuation[at : at + step] for at in range(0, len(continuation), step))) == ""
    assert seam.error is not None


def test_an_apology_is_recognised_although_the_time_of_holding_ended_in_its_first_word() -> None:
    seam = RepeatSeam(ANSWER[:70])
    assert seam.feed("I'm so") + seam.flush() == ""
    assert run(seam, "rry for the interruption. ", "The river flows on.") == ""
    assert seam.error is not None


@pytest.mark.parametrize(
    ("continuation", "shown"),
    [("return a + b  # the sum\n", "return a + b  # the sum\n"), ("    return a + b  # the sum\n", "\n")],
)
def test_in_code_an_overlap_counts_from_24_characters_on(continuation: str, shown: str) -> None:
    seam = RepeatSeam("def add(a, b):\n    return a + b  # the sum", in_code=True)
    assert run(seam, continuation) == shown


def test_in_code_a_short_text_that_starts_over_is_recognised_all_the_same() -> None:
    assert run(RepeatSeam("def add(a, b", in_code=True), "def add(a, b):\n") == "):\n"


def test_a_new_beginning_is_skipped_although_the_time_of_holding_ended_after_its_first_word() -> None:
    seam = RepeatSeam(ANSWER[:90], in_code=False)
    assert seam.feed("The") + seam.flush() == ""
    assert run(seam, ANSWER[3:70], ANSWER[70:]) == ANSWER[90:]


def test_a_new_beginning_that_turns_out_to_be_none_is_let_through_whole() -> None:
    seam = RepeatSeam(ANSWER, in_code=False)
    assert seam.feed("The Danube ") + seam.flush() == ""
    rest = "is also a river of many towns, of many tongues and of many songs about it"
    assert seam.feed(rest) == f"The Danube {rest}"
    assert seam.settled


def test_a_repetition_of_the_end_is_left_out_although_the_time_of_holding_ended_within_it() -> None:
    seam = RepeatSeam(ANSWER, in_code=False)
    assert seam.feed("Black Sea ") + seam.flush() == ""
    assert run(seam, "near Sulina.", " It is long.") == " It is long."


def test_a_repetition_of_the_end_that_proves_too_short_is_let_through_whole() -> None:
    seam = RepeatSeam(ANSWER, in_code=False)
    assert seam.feed("Sul") + seam.flush() == ""
    assert run(seam, "ina.", " It is long.") == "Sulina. It is long."


def test_a_repetition_longer_than_the_held_characters_is_left_out_whole() -> None:
    text = "".join(f"{number} " for number in range(2000))
    seam = RepeatSeam(text, in_code=False, max_chars=200)
    tail = text[-5000:] + "and done"
    pieces = [tail[at : at + 7] for at in range(0, len(tail), 7)]
    assert run(seam, *pieces) == "and done"


def test_after_the_time_of_holding_a_long_repetition_is_left_out_wherever_it_begins() -> None:
    text = "".join(f"{number} " for number in range(500))
    seam = RepeatSeam(text, in_code=False, max_chars=200)
    tail = text[-1000:] + "and done"
    assert seam.feed(tail[:20]) + seam.flush() == ""
    assert run(seam, tail[20:30], tail[30:]) == "and done"


def test_time_that_passed_before_the_first_text_was_no_time_of_holding() -> None:
    text = "".join(f"{number} " for number in range(500))
    seam = RepeatSeam(text, in_code=False, max_chars=200)
    tail = text[-1000:] + "and done"
    assert seam.flush() == ""
    assert run(seam, *(tail[at : at + 5] for at in range(0, len(tail), 5))) == "and done"


def test_a_repetition_that_has_reached_the_end_is_settled_without_waiting_for_more() -> None:
    seam = RepeatSeam(ANSWER, in_code=False)
    assert seam.feed("the Black Sea near Sulina.") == ""
    assert seam.settled


def test_after_the_time_of_holding_a_chance_likeness_with_the_middle_is_not_waited_for() -> None:
    text = ANSWER + "".join(f" {number}" for number in range(200))
    seam = RepeatSeam(text, in_code=False)
    words = "Black and white and green and blue and grey and all the other colours of the sea below"
    assert seam.feed(words[:5]) == ""
    assert seam.flush() == ""
    assert seam.feed(words[5:]) == words
    assert seam.settled


def test_new_text_is_withheld_for_the_repetition_that_was_asked_for_until_time_or_length_say_otherwise() -> None:
    words = "Quite another thing is the sea, which is wide and deep and never at rest, nor are those who live by it"
    seam = RepeatSeam(ANSWER, max_chars=90)
    assert seam.feed(words[:89]) == ""
    assert seam.feed(words[89:]) == words
    timed = RepeatSeam(ANSWER)
    assert timed.feed(words[:85]) == ""
    assert timed.flush() == words[:85]


def test_an_introduction_is_only_taken_for_one_where_the_text_has_the_words_once() -> None:
    refrain = "and on and on and on, the road goes on,\n"
    seam = RepeatSeam(refrain + "the sea is wide,\n" + refrain)
    verse = "so sing with me this line:\n" + refrain
    assert run(seam, verse) == verse


def test_a_seam_says_that_it_holds_until_its_time_is_over() -> None:
    seam = RepeatSeam(ANSWER, in_code=False)
    held = [seam.holding]
    seam.feed("The")
    held.append(seam.holding)
    seam.flush()
    held.append(seam.holding)
    assert held == [False, True, False]
    assert not seam.settled


def test_more_whitespace_than_is_worth_holding_is_let_through() -> None:
    seam = RepeatSeam(ANSWER, in_code=False, max_chars=10)
    assert seam.feed(" " * 6) == ""
    assert seam.feed(" " * 6 + "x") == " " * 12 + "x"
