"""Names of tools, and of their properties, as each target takes them; and the caller's names restored in the answer.

A name that a target takes is never changed. Another gets `_` for each character it may not have, and a digest of itself where it
is too long or would equal another. The same names always become the same names, so prompt caches and histories stay valid.

The rules are those of the providers' 400s: OpenAI `^[a-zA-Z0-9_-]{1,64}$`; Anthropic `^[a-zA-Z0-9_-]{1,128}$`, and of properties at the
top of an `input_schema` `^[a-zA-Z0-9_.-]{1,64}$`; Gemini "Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or contain
underscores, dots, colons or dashes, with a maximum length of 64" (November 2026; newer models take 128).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from segue.chat.events import ToolCallDelta, UpstreamEvent

_DIGEST: Final = 8


class Rule(NamedTuple):
    """What a name may be: its pattern, the characters it may not have, and its length."""

    fits: re.Pattern[str]
    foreign: re.Pattern[str]
    longest: int


def _rule(characters: str, longest: int, first: str = "") -> Rule:
    fits = re.compile(rf"[{first or characters}][{characters}]{{0,{longest - 1}}}")
    return Rule(fits, re.compile(rf"[^{characters}]"), longest)


_OPENAI: Final = _rule("a-zA-Z0-9_-", 64)
_RULES: Final = {
    "claude": _rule("a-zA-Z0-9_-", 128),
    "gemini": _rule("a-zA-Z0-9_.:-", 64, first="a-zA-Z_"),
}
_PROPERTIES: Final = {"claude": _rule("a-zA-Z0-9_.-", 64)}


def tool_names(dialect: str, names: Iterable[str]) -> dict[str, str]:
    """Those of the names that a target of the dialect does not take, each with the name that is sent instead."""
    return _renamed(names, _RULES.get(dialect, _OPENAI))


def property_names(dialect: str, names: Iterable[str]) -> dict[str, str]:
    """The same of the properties at the top of a tool's schema."""
    rule = _PROPERTIES.get(dialect)
    return _renamed(names, rule) if rule else {}


def _renamed(names: Iterable[str], rule: Rule) -> dict[str, str]:
    odd = [name for name in names if not rule.fits.fullmatch(name)]
    if not odd:
        return {}
    taken = {name for name in names if rule.fits.fullmatch(name)}
    sent: dict[str, str] = {}
    for name in odd:
        if name not in sent:
            sent[name] = _fitted(name, rule, taken)
            taken.add(sent[name])
    return sent


def _fitted(name: str, rule: Rule, taken: set[str]) -> str:
    plain = rule.foreign.sub("_", name)
    if not rule.fits.match(plain):
        plain = f"_{plain}"
    if len(plain) <= rule.longest and plain not in taken and plain.strip("_"):
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{plain[: rule.longest - _DIGEST - 1]}_{digest}"


class Answers:
    """Restores the caller's names in an answer's tool calls. One for each answer: it reads arguments as they arrive.

    `tools` maps sent names to the caller's; `properties` maps the sent name of a tool to the same for its properties.
    """

    def __init__(self, tools: Mapping[str, str], properties: Mapping[str, Mapping[str, str]]) -> None:
        self._tools = tools
        self._properties = properties
        self._keys: dict[int, _Keys] = {}

    def restored(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        return [self._restored(event) if isinstance(event, ToolCallDelta) else event for event in events]

    def _restored(self, event: ToolCallDelta) -> ToolCallDelta:
        if (properties := self._properties.get(event.name)) is not None:
            self._keys[event.index] = _Keys(properties)
        keys = self._keys.get(event.index)
        name = self._tools.get(event.name, event.name)
        arguments = keys.feed(event.arguments) if keys else event.arguments
        if name == event.name and arguments == event.arguments:
            return event
        return msgspec.structs.replace(event, name=name, arguments=arguments)


class _Keys:
    """Renames the keys at the top of a JSON object whose text arrives in pieces. Everything else passes unchanged."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._depth = 0
        self._before = ""
        self._quoted = self._escaped = False
        self._key: list[str] | None = None

    def feed(self, text: str) -> str:
        out: list[str] = []
        for character in text:
            if self._quoted:
                self._inside(character, out)
            elif character == '"':
                self._quoted = True
                if self._depth == 1 and self._before in "{,":
                    self._key = [character]
                else:
                    out.append(character)
            else:
                self._depth += (character in "{[") - (character in "}]")
                if not character.isspace():
                    self._before = character
                out.append(character)
        return "".join(out)

    def _inside(self, character: str, out: list[str]) -> None:
        key = self._key
        (out if key is None else key).append(character)
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._quoted, self._before = False, character
            if key is not None:
                out.append(self._renamed("".join(key)))
                self._key = None

    def _renamed(self, quoted: str) -> str:
        try:
            key: Any = msgspec.json.decode(quoted)
        except msgspec.DecodeError:
            return quoted
        return msgspec.json.encode(self._names[key]).decode() if key in self._names else quoted
