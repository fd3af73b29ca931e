"""The task of a request, separated from the data it contains. Pure, and linear in what it reads.

A prompt is often a short instruction beside a long text: a document and a question, a diff and "write a commit message", reminder blocks of an
agent and "hi". Only the instruction says how hard the work is. It is found in four steps:

1. Blocks are taken out: fenced code, `<tag> … </tag>` blocks, quoted lines, and text between triple quotes.
2. Of what is left, the paragraphs at the head and at the tail that read most like an instruction are the task: a question, a line that ends
   with a colon, or a short one that holds a word of work (vocabulary.py).
3. If there is none and the system prompt has one, the user's turn is data and the system prompt's instruction is the task.
4. Else the task is the whole turn, or of a long one the first and the last `EDGE` characters.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from segue.chat.request import ChatRequest
from segue.routing.features import look, works

EDGE = 300
"""Characters read at each end of a text without an instruction."""
PARAGRAPH = 600
"""A longer paragraph is taken for pasted text, not for an instruction."""
WHOLE = 2_000
"""A text up to this length is its own task: a word problem's paragraphs belong together."""
READ = 4_000
"""Characters at each end of a turn in which an instruction is looked for."""
ORDER = 300
"""Characters of a short order: one sentence or two."""
BESIDE = 3
"""How many times as long as a line of prose the data beside it are at least."""
DATA = 80
"""Characters: a shorter turn without an order is read together with the system prompt's."""
SHORT = 40
"""Characters: a shorter last turn ("go on") is read together with the turn before it."""

_TAG = re.compile(r"<([a-zA-Z][\w-]{1,40})(?:\s[^<>]{0,200})?>")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|(?<=[。！？：])")
_QUESTION = ("?", "？", "؟")
_FENCE, _TRIPLE = "```", '"""'


class Found(NamedTuple):
    """An instruction, and how much it reads like one: 3 a question or an announcement ("Translate this:"), 2 a short order or a short text, 1 a
    text with a word of work, 0 a text without."""

    text: str
    strength: int


def task_of(request: ChatRequest) -> str:
    """The task of a request: of its last user turn, or of its system prompt where that turn is data."""
    texts_of_user = (
        text for message in reversed(request.messages) if message.role == "user" and (text := message.text)
    )
    turns = list(islice(texts_of_user, 2))  # a long conversation has many more
    if not turns:
        return ""
    latest = turns[0]
    rules = [text for message in request.messages if message.role == "system" and (text := message.text)]
    if (
        not rules
        and DATA < len(latest) <= PARAGRAPH
        and "\n\n" not in latest
        and "`" not in latest
        and "<" not in latest
    ):
        return latest  # most requests are that plain
    own = instruction(latest)
    if len(own.text) < SHORT and len(turns) > 1 and not works(own.text):
        return f"{instruction(turns[1]).text}\n{own.text}"
    if rules and own.strength < 2:
        system = instruction("\n\n".join(rules))
        if len(latest) > WHOLE and len(system.text) <= ORDER:
            return system.text  # a long text that asks for nothing is data
        if system.strength > own.strength and (system.strength > 1 or len(latest) > DATA):
            return system.text if len(latest) > DATA else f"{system.text}\n{own.text}"
    return own.text


def instruction(text: str) -> Found:
    """The instruction in a text; without one, its first and last `EDGE` characters."""
    own = without_blocks(text)
    parted = "\n\n" in own
    if len(own) <= PARAGRAPH and not parted:
        return Found(own, _strength(own, first=True) if own else 0)
    if len(own) <= WHOLE and not parted:
        return Found(own, 2 if own.endswith(_QUESTION) else int(works(own)))
    head, tail = _edge(own, first=True), _edge(own, first=False)
    strengths = {piece: _strength(piece, first=piece is head) for piece in (head, tail) if piece}
    most = max(strengths.values(), default=0)
    if most >= 2:
        return Found("\n".join(piece for piece, strength in strengths.items() if strength == most), most)
    prose = [piece for piece in strengths if len(piece) <= ORDER and look(piece).prose]
    if len(prose) == 1 and len(own) > BESIDE * len(prose[0]):
        return Found(prose[0], most)  # the rest is a log or a table
    return Found(own if len(own) <= WHOLE else edges(own), most)


def _edge(text: str, *, first: bool) -> str:
    """The first or last paragraph of a text; where that is long, its first or last line, or its question there."""
    piece = _end(text, "\n\n", first=first)
    if len(piece) > PARAGRAPH:
        piece = _end(piece, "\n", first=first)
    if len(piece) > PARAGRAPH:
        sentence = _SENTENCE.split(piece[:EDGE] if first else piece[-EDGE:])[0 if first else -1].strip()
        # A sentence of a long text is its prose, unless it asks or announces.
        piece = sentence if _strength(sentence, first=first) == 3 else ""
    return piece


def _end(text: str, mark: str, *, first: bool) -> str:
    """What stands before the first `mark`, or after the last one."""
    return (text.partition(mark)[0] if first else text.rpartition(mark)[2]).strip()


def _strength(piece: str, *, first: bool) -> int:
    if piece.endswith(_QUESTION) or (first and piece.endswith((":", "："))):
        return 3
    found = look(piece)
    if not found.works:
        return 0
    return 2 if found.prose and len(piece) <= ORDER else 1


def edges(text: str) -> str:
    """The first and the last `EDGE` characters."""
    return text if len(text) <= 2 * EDGE else f"{text[:EDGE]}\n{text[-EDGE:]}"


def without_blocks(text: str) -> str:
    """The text without fenced code, tagged blocks, quoted lines and triple-quoted text; of a long text only both ends are read.

    A text that is nothing but blocks is given back, its beginning.
    """
    whole = text
    if len(text) > 2 * READ:
        text = f"{text[:READ]}\n\n{text[-READ:]}"
    if _FENCE in text:
        text = _between(text, _FENCE)
    if _TRIPLE in text and works(outside := _between(text, _TRIPLE)):
        text = outside  # else they are a docstring's, and it says what is asked
    if "<" in text:
        text = _untagged(text)
    if text.startswith(">") or "\n>" in text:
        text = "\n".join(line for line in text.split("\n") if not line.startswith(">"))
    return text.strip() or whole[: 2 * EDGE]


def _between(text: str, mark: str) -> str:
    """The text outside of pairs of a mark; after the last unpaired mark nothing is left."""
    return "\n\n".join(part for part in text.split(mark)[::2] if part.strip())


def _untagged(text: str) -> str:
    """The text outside of `<tag> … </tag>` blocks; an opening tag without its end opens nothing."""
    kept, at = [], 0
    while (found := _TAG.search(text, at)) is not None:
        end = text.find(f"</{found[1]}>", found.end())
        kept.append(text[at : found.start()])
        if end < 0:
            at = found.end()
            continue
        kept.append("\n\n")
        at = end + len(found[1]) + 3
    return "".join([*kept, text[at:]])
