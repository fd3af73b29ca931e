"""Conversations put together at random from everything odd, each put to all four dialects."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from segue.chat.messages import Image, Message, Part, Text, Thinking, ToolCall, ToolResult, user
from segue.wire.dialects import DIALECTS

from .answers import SIGNATURES
from .conversation import LINKED, PHOTO, put
from .judges import judge

SEEDS = range(4)
EACH = 50
TEXTS = ("", " ", "\n", "hi", "서울 🌦", "a\x00b", '{"x": 1}', "x" * 50, " lead", "trail ")
IDS = ("call_1", "call_2", "toolu_x", "functions.f:0", "a b", "", "x" * 80)
ARGUMENTS = ("{}", "", '{"a": 1}', "nope", "[1]")


class Maker:
    """Makes valid conversations: every call is answered, once, before anything else comes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def conversation(self) -> tuple[Message, ...]:
        turns = [turn for _ in range(self._random.randint(1, 6)) for turn in self._turn()]
        return (*turns, *([user("go on")] if self._random.random() < 0.7 else ()))

    def _turn(self) -> Iterator[Message]:
        pick = self._random.choice
        match pick(("system", "user", "user", "assistant", "tools", "tools")):
            case "system":
                yield Message("system", tuple(pick((self._text(), PHOTO)) for _ in range(self._random.randint(0, 2))))
            case "user":
                parts = (pick((self._text(), self._text(), PHOTO, LINKED)) for _ in range(self._random.randint(0, 3)))
                yield Message("user", tuple(parts))
            case "assistant":
                yield Message("assistant", tuple(self._content(PHOTO)))
            case _:
                yield from self._tools()

    def _tools(self) -> Iterator[Message]:
        pick = self._random.choice
        ids = self._random.sample(IDS, self._random.randint(1, 3))
        calls = [ToolCall(id=id, name=pick(("weather", "clock")), arguments=pick(ARGUMENTS)) for id in ids]
        parts: list[Part] = [*self._content(), *calls]
        if self._random.random() < 0.3:
            self._random.shuffle(parts)
        yield Message("assistant", tuple(parts))
        results = [self._result(call) for call in calls]
        if self._random.random() < 0.3:
            self._random.shuffle(results)
        if self._random.random() < 0.3:
            yield from (Message("tool", (result,)) for result in results)
        else:
            yield Message("tool", tuple(results))

    def _result(self, call: ToolCall) -> ToolResult:
        pick = self._random.choice
        content = tuple(pick((self._text(), PHOTO)) for _ in range(self._random.randint(0, 2)))
        return ToolResult(call_id=call.id, name=pick(("", call.name)), content=content, is_error=pick((True, False)))

    def _content(self, *more: Image) -> list[Part]:
        """What an assistant says: at most one thought, which begins its turn."""
        dialect = self._random.choice(("", *DIALECTS))
        thought = Thinking(text="Hm.", signature=SIGNATURES.get(dialect, ""), dialect=dialect)
        thoughts: list[Part] = [thought] if self._random.random() < 0.5 else []
        return thoughts + [self._random.choice((self._text(), *more)) for _ in range(self._random.randint(0, 2))]

    def _text(self) -> Text:
        return Text(self._random.choice(TEXTS))


def _says(part: Part, role: str) -> bool:
    """Whether every dialect has something left to say if it has this: a conversation of nothing is refused."""
    if isinstance(part, Text):
        return bool(part.text.strip())
    return role == "user" if isinstance(part, Image) else not isinstance(part, Thinking)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_conversations_are_put_so_that_they_are_taken(seed: int, dialect: str) -> None:
    maker, taken = Maker(seed), 0
    for _ in range(EACH):
        conversation = maker.conversation()
        if not any(part for message in conversation for part in message.parts if _says(part, message.role)):
            continue
        sent = put(conversation, dialect)
        judge(dialect, sent.body)
        taken += 1
    assert taken > EACH // 2
