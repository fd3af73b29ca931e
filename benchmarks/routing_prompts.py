"""Prompts as applications send them, light and hard, in seven languages: those that teach, and those that are kept for judging.

| file | written by | kept for judging |
|---|---|---|
| data/application_mix.jsonl | the authors of the words that the score looks for | every second task |
| data/blind_mix.jsonl | two writers who had not seen the code, the words or any prompt of ours | half of each writer's tasks of each level, by a hash of the task |

A task is kept with all its languages. `hard` is the writer's own judgement.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from segue.chat.messages import system, user
from segue.chat.request import ChatRequest

LANGUAGES = ("en", "ko", "ja", "zh", "es", "de", "fr")
DATA = Path(__file__).parent / "data"


class Asked(msgspec.Struct):
    """One prompt. `writer` is "" for our own."""

    task: str
    hard: bool
    language: str
    text: str
    system: str = ""
    writer: str = ""
    kept: bool = False


def request_of(asked: Asked) -> ChatRequest:
    """A prompt as a request, with its system prompt."""
    return ChatRequest(messages=(*((system(asked.system),) if asked.system else ()), user(asked.text)))


def application_mix() -> tuple[list[Asked], list[Asked]]:
    """Our own prompts: those that teach, and the others."""
    mix = _read("application_mix.jsonl")
    taught = set(list(dict.fromkeys(asked.task for asked in mix))[::2])
    return [asked for asked in mix if asked.task in taught], [asked for asked in mix if asked.task not in taught]


def blind_mix() -> tuple[list[Asked], list[Asked]]:
    """The blind writers' prompts: those that teach, and the others."""
    mix = _read("blind_mix.jsonl")
    return [asked for asked in mix if not asked.kept], [asked for asked in mix if asked.kept]


def _read(name: str) -> list[Asked]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Asked) for line in lines]
